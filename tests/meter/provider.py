"""A model provider on loopback whose every byte a test chooses. It keeps what it was sent."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

JSON = (b"content-type", b"application/json")
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


@dataclass
class Asked:
    """A request as it arrived: path and query as they were written."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True)
class Reply:
    """An answer in pieces; at an event it waits until the test sets it."""

    pieces: Sequence[bytes | threading.Event] = ()
    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = (JSON,)
    cut: bool = False  # the connection ends before the answer does


@dataclass
class Provider:
    """`with Provider(answer) as provider:` listens at `provider.url`."""

    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)  # a client left early

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            http="h11",
            lifespan="off",
            log_config=None,
            date_header=False,
        )
        config.timeout_graceful_shutdown = 1
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        asked = Asked(scope["method"], path.decode(), headers)
        try:
            asked.body = await Request(scope, receive).body()
        except ClientDisconnect:
            self.gone.set()
            return
        self.asked.append(asked)
        reply = self.answer(asked)
        await send(
            {"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)}
        )
        left = asyncio.ensure_future(receive())
        for piece in reply.pieces:
            if isinstance(piece, bytes):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                continue
            while not piece.is_set() and not left.done():
                await asyncio.sleep(0.005)
            if left.done():
                self.gone.set()
                return
        left.cancel()
        if not reply.cut:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
