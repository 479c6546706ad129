"""Kills the program that asks, on the server's side: before, during or after a chosen write."""

from __future__ import annotations

import base64
import threading
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from tests.crash import effects
from tests.played.github import Played


class When(StrEnum):
    """`during`: GitHub did it, and its answer never arrives. `after`: at the next request, read
    or write, which is not served any more; a program without one ends by itself."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Scythe:
    """Stands between GitHub and its clients. Where nobody is to be killed it only looks: `writes`
    are those of our programs, each with the names of the effects that it is."""

    def __init__(self, world: Played, at: int | None = None, when: When = When.BEFORE) -> None:
        self.world = world
        self.at = at
        self.when = when
        self.writes: list[tuple[str, ...]] = []
        self.struck = False
        self._count = 0
        self._next = False
        self._lock = threading.Lock()
        self._real = world.hub.app._answer
        world.hub.app._answer = self._answer  # type: ignore[method-assign]

    def _answer(self, incoming: Any) -> Response:
        if self.world.bot not in _token(incoming):
            return self._real(incoming)
        with self._lock:
            if self._next:
                return self._kill()
            if not effects.is_write(incoming):
                return self._real(incoming)
            if self.at is None:
                return self._seen(incoming)
            self._count += 1
            if self._count - 1 != self.at:
                return self._real(incoming)
            if self.when is When.BEFORE:
                return self._kill()
            answer = self._real(incoming)
            if self.when is When.DURING:
                return self._kill()
            self._next = True
            return answer

    def _seen(self, incoming: Any) -> Response:
        if not effects.is_push(incoming):
            self.writes.append((effects.request_name(self.world, incoming),))
            return self._real(incoming)
        before = effects.refs(self.world)
        answer = self._real(incoming)
        self.writes.append(effects.push_names(self.world, before))
        return answer

    def _kill(self) -> Response:
        assert self.world.current is not None
        self.world.current.kill()
        self.struck, self._next = True, False
        return Response("nobody hears this", 503)

    def over(self) -> None:
        """The program has ended: whatever asks next is another one."""
        with self._lock:
            self.struck, self._next = self.struck or self._next, False


def _token(incoming: Any) -> str:
    """Of the Authorization header, whichever way it is given."""
    given = incoming.headers.get("authorization", "")
    kind, _, value = given.partition(" ")
    return base64.b64decode(value).decode() if kind.lower() == "basic" else value
