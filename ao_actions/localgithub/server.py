"""The local GitHub as a server on loopback."""

from __future__ import annotations

import contextlib
import socket as sockets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from ao_actions.localgithub import failing, merges
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.application import Application
from ao_actions.localgithub.faults import Fault
from ao_actions.localgithub.model import Event
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.webhooks import Webhooks
from ao_actions.localgithub.world import Clock, World

__all__ = ["Fault", "LocalGitHub", "PortTakenError"]


class LocalGitHub:
    """A running local GitHub; a context manager that ends everything it started."""

    def __init__(
        self,
        root: Path,
        *,
        port: int = 0,
        socket: Path | None = None,
        actions: bool = True,
        clock: Clock | None = None,
        act_path: str | None = None,
        path_entries: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        max_parallel_jobs: int = 2,
    ) -> None:
        root = root.absolute()
        listening = [_listen(port)]
        root.mkdir(parents=True, exist_ok=True)
        self.world = World.open(root, clock)
        self.world.base_url = f"http://127.0.0.1:{listening[0].getsockname()[1]}"
        self.app = Application(self.world)
        self.webhooks = Webhooks(self.world)
        self._socket = socket
        if socket is not None:
            listening.append(_listen_unix(socket))
        self.world.subscribe(self._merge_automatically)
        if actions:
            from ao_actions.localgithub.actions.service import ActionsService

            self.world.actions = ActionsService(
                self.world,
                act_path=act_path,
                path_entries=path_entries,
                environment=environment,
                max_parallel_jobs=max_parallel_jobs,
            )
        config = uvicorn.Config(
            failing.reachable(self.app.asgi),
            log_level="warning",
            date_header=False,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": listening},
            name="localgithub-server",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return self.world.base_url

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v3"

    @property
    def graphql_url(self) -> str:
        return f"{self.url}/api/graphql"

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        if self.world.actions is not None:
            self.world.actions.close()
        self._server.should_exit = True
        self._thread.join()
        self.webhooks.close()
        self.world.close()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _merge_automatically(self, event: Event) -> None:
        """After a check or review, an auto-merge may have become possible."""
        if event.name not in {"check_run", "check_suite", "status", "pull_request_review"} | {
            "workflow_run",
            "pull_request_review_thread",
        }:
            return
        with self.world.lock:
            repo = self.world.repositories.get(event.repository)
            if repo is None:
                return
            for pull in list(repo.pulls.values()):
                if pull.auto_merge is not None:
                    login = str(pull.auto_merge["enabled_by"])
                    viewer = Viewer(self.world.user(login), None)
                    merges.merge_what_became_ready(Turn(self.world, repo, viewer))


def _listen(port: int) -> sockets.socket:
    # with the protocol named, asyncio turns Nagle's delay (40 ms a reply) off
    listener = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        # already listening, so that a client may connect before the server's loop runs
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTakenError(port) from error
    return listener


def _listen_unix(path: Path) -> sockets.socket:
    path.unlink(missing_ok=True)
    listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    with contextlib.ExitStack() as on_error:
        on_error.callback(listener.close)
        listener.bind(str(path))
        listener.listen(128)
        on_error.pop_all()
    return listener


class PortTakenError(OSError):
    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is in use; choose another with --port")
        self.port = port
