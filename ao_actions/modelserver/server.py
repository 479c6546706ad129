"""The server itself: a thread on a free loopback port that plays a script and records requests."""

import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.model_server.anthropic import Anthropic
from tests.model_server.script import Answer, Cut, Failure, Hang, Turn
from tests.model_server.wire import Reply, Request, Wire

PROTOCOLS: tuple[Wire, ...] = (Anthropic(),)

# Not a status that any client retries: a test whose script is too short is to fail at once.
EXHAUSTED = Failure(400, "the script has no further turn")


class ModelServer:
    """`with ModelServer(turns) as server:` gives a base URL at `server.url`.

    `requests` holds every request, `asked` those that took a turn; `unknown` those that no
    protocol knows (answered 501).
    """

    def __init__(self, script: Iterable[Turn]) -> None:
        self.requests: list[Request] = []
        self.asked: list[Request] = []
        self.unknown: list[Request] = []
        self.reached = threading.Event()  # set by the first request that takes a turn
        self._script = tuple(script)
        self._position = 0
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

    def respond(self, request: Request) -> tuple[Reply | None, Turn | None]:
        """The reply, and the turn that it plays; (None, turn) never answers."""
        with self._lock:
            self.requests.append(request)
        for wire in PROTOCOLS:
            reply = wire.aside(request)
            if reply is not None:
                return reply, None
            if wire.owns(request):
                turn, number = self._next(request)
                return _render(wire, request, turn, number), turn
        self.unknown.append(request)
        return Reply((b"{}",), status=501), None

    def wait_for_close(self) -> None:
        self._closing.wait()

    def _next(self, request: Request) -> tuple[Turn, int]:
        with self._lock:
            self.asked.append(request)
            self.reached.set()
            if self._position >= len(self._script):
                return EXHAUSTED, self._position
            turn = self._script[self._position]
            if isinstance(turn, Answer) or turn.once:
                self._position += 1
            return turn, len(self.asked)


def _render(wire: Wire, request: Request, turn: Turn, number: int) -> Reply | None:
    match turn:
        case Answer():
            return wire.answer(request, turn, number=number)
        case Cut(answer=answer):
            whole = wire.answer(request, answer, number=number)
            return Reply(whole.chunks[: len(whole.chunks) // 2], content_type=whole.content_type)
        case Failure():
            return wire.failure(turn)
        case Hang():
            return None


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
        """Silence: the tests read `requests`."""

    def _handle(self) -> None:
        self.close_connection = True
        try:
            reply, turn = self.model.respond(self._request())
            if reply is None:
                self.model.wait_for_close()
                return
            self._send(reply, whole=not isinstance(turn, Cut))
        except (BrokenPipeError, ConnectionResetError):
            return

    def _request(self) -> Request:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body if isinstance(body, dict) else {})

    def _send(self, reply: Reply, *, whole: bool) -> None:
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
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        if whole:
            self.wfile.write(b"0\r\n\r\n")
