"""The server itself: a thread on a free loopback port that plays a script and records requests."""

import gzip
import json
import threading
import zlib
from collections.abc import Iterable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from ao_actions.modelserver import limits
from ao_actions.modelserver.anthropic import Anthropic
from ao_actions.modelserver.chat import Chat
from ao_actions.modelserver.dialects import speak, wants_blocks
from ao_actions.modelserver.gemini import Gemini
from ao_actions.modelserver.responses import Responses
from ao_actions.modelserver.script import (
    Answer,
    Cut,
    Failure,
    Hang,
    Limit,
    Say,
    Scenario,
    Slow,
    Turn,
)
from ao_actions.modelserver.wire import Reply, Request, Tool, Wire

PROTOCOLS: tuple[Wire, ...] = (Anthropic(), Gemini(), Chat(), Responses())

# Not a status that any client retries: a script that is too short is to fail at once.
EXHAUSTED = Failure(400, "the script has no further turn")
UNFORESEEN = Failure(400, "no scenario of the script is for this conversation")

ASIDE = Answer((Say("ok"),))


class ModelServer:
    """`with ModelServer(turns) as server:` gives a base URL at `server.url`.

    The script is turns, or scenarios that each keep a position of their own. `cwd` is where the
    agent works, for tools that demand absolute paths, if the conversation does not tell.
    `requests` holds every request, `asked` those that took a turn; `unknown` those that
    nobody understands (answered 501, 415 or 400).
    """

    def __init__(self, script: Iterable[Turn | Scenario], *, cwd: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.asked: list[Request] = []
        self.unknown: list[Request] = []
        self.reached = threading.Event()  # set by the first request that takes a turn
        self._scenarios = _scenarios(script)
        self._positions = [0] * len(self._scenarios)
        self._cwd = cwd
        self._lock = threading.Lock()
        self._closing = threading.Event()
        server = self

        class Handler(_Handler):
            model = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = False  # so that closing waits for every handler
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def respond(self, request: Request) -> Reply | None:
        """The reply; None never answers."""
        with self._lock:
            self.requests.append(request)
        for wire in PROTOCOLS:
            reply = wire.aside(request)
            if reply is not None:
                return reply
            if wire.owns(request):
                return self._ask(wire, request)
        return self.refuse(request, 501)

    def refuse(self, request: Request, status: int) -> Reply:
        """The reply to a request that nobody understands, which is remembered as unknown."""
        with self._lock:
            self.unknown.append(request)
        return Reply((b"{}",), status=status)

    def wait_for_close(self, seconds: float | None = None) -> None:
        """Wait this long, or until the server ends."""
        self._closing.wait(seconds)

    def _ask(self, wire: Wire, request: Request) -> Reply | None:
        tools = wire.tools(request)
        if not tools and not wants_blocks(request):
            # A title or a summary that the agent wants beside the task: not a turn of the script.
            return wire.answer(request, speak(ASIDE, request, tools, None), number=0)
        return self._render(wire, request, tools, *self._next(request))

    def _next(self, request: Request) -> tuple[Turn, int]:
        with self._lock:
            self.asked.append(request)
            self.reached.set()
            number = len(self.asked)
            text = request.text
            for index, scenario in enumerate(self._scenarios):
                if scenario.when in text:
                    return self._advance(index), number
            return UNFORESEEN, number

    def _advance(self, index: int) -> Turn:
        script, position = self._scenarios[index].turns, self._positions[index]
        if position >= len(script):
            return EXHAUSTED
        turn = script[position]
        if isinstance(turn, Answer | Slow) or turn.once:
            self._positions[index] += 1
        return turn

    def _render(
        self, wire: Wire, request: Request, tools: tuple[Tool, ...], turn: Turn, number: int
    ) -> Reply | None:
        def said(answer: Answer) -> Reply:
            return wire.answer(request, speak(answer, request, tools, self._cwd), number=number)

        match turn:
            case Hang():
                return None
            case Limit():
                return wire.failure(request, limits.failure(wire.name, turn))
            case Failure():
                return wire.failure(request, turn)
            case Answer():
                return said(turn)
            case Slow(answer=answer, seconds=seconds):
                return replace(said(answer), seconds=seconds)
            case Cut(answer=answer):
                reply = said(answer)
                half = reply.chunks[: len(reply.chunks) // 2]
                return replace(reply, chunks=half, whole=False)


def _scenarios(script: Iterable[Turn | Scenario]) -> tuple[Scenario, ...]:
    """Bare turns, taken together, are one more scenario: that of every other conversation."""
    entries = tuple(script)
    scenarios = tuple(entry for entry in entries if isinstance(entry, Scenario))
    bare = tuple(entry for entry in entries if not isinstance(entry, Scenario))
    return (*scenarios, Scenario(bare)) if bare or not scenarios else scenarios


class _Handler(BaseHTTPRequestHandler):
    """Chunked answers, one connection per request; a client that goes away is no error."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    model: ModelServer

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Silence: whoever wants to know reads `requests`."""

    def _handle(self) -> None:
        self.close_connection = True
        try:
            reply = self._reply()
            if reply is None:
                self.model.wait_for_close()
                return
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _reply(self) -> Reply | None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, {})
        encoding = headers.get("content-encoding", "identity")
        raw = self._raw()
        if encoding not in {"identity", "gzip"}:
            return self.model.refuse(request, 415)
        try:
            body = json.loads((gzip.decompress(raw) if encoding == "gzip" else raw) or "{}")
        except (ValueError, EOFError, OSError, zlib.error):
            return self.model.refuse(request, 400)
        return self.model.respond(replace(request, body=body if isinstance(body, dict) else {}))

    def _raw(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(parts)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("content-type", reply.content_type)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in reply.chunks:
            if reply.seconds:
                self.model.wait_for_close(reply.seconds / len(reply.chunks))
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        if reply.whole:
            self.wfile.write(b"0\r\n\r\n")
