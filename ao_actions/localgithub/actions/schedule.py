"""`schedule:` on the world's clock: each cron that has come due fires once, however late."""

from __future__ import annotations

import threading

from ao_actions.localgithub.actions import cron
from ao_actions.localgithub.actions.catalog import Catalog
from ao_actions.localgithub.model import Event, Repository
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.world import World


class Schedule:
    """Looks whenever the clock is moved, and at the start of each real minute.

    Ticks that were missed in between are one event: GitHub delays and drops them too.
    """

    def __init__(self, world: World, catalog: Catalog) -> None:
        self._world = world
        self._catalog = catalog
        self._checked = world.clock.now()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        world.clock.on_advance.append(self.check)
        self._thread = threading.Thread(target=self._watch, name="schedule", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._closed.wait(60.1 - self._world.clock.now().second):
            self.check()

    def check(self) -> None:
        """Emits a `schedule` event for every cron between the last look and now."""
        with self._lock:
            now = self._world.clock.now()
            since, self._checked = self._checked, now
            if now <= since:
                return
            for repo in list(self._world.repositories.values()):
                for line in self._due(repo):
                    tick = cron.parse(line).next_after(since)
                    if tick is not None and tick <= now:
                        self._emit(repo, line)

    def _due(self, repo: Repository) -> list[str]:
        """The default branch's cron lines, each once: the event goes to all who share it."""
        tip = self._world.ref_oid(repo.full_name, f"refs/heads/{repo.default_branch}")
        files = self._catalog.files(repo, tip) if tip else []
        return sorted({line for file in files if not file.error for line in file.crons})

    def _emit(self, repo: Repository, line: str) -> None:
        shape = core.of(self._world)
        self._world.emit(
            Event(
                name="schedule",
                action=None,
                repository=repo.full_name,
                actor=repo.owner,
                payload={
                    "schedule": line,
                    "repository": core.repository(shape, repo),
                    "sender": core.user(shape, repo.owner),
                },
            )
        )

    def close(self) -> None:
        self._closed.set()
        if self.check in self._world.clock.on_advance:
            self._world.clock.on_advance.remove(self.check)
        self._thread.join()
