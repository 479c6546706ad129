"""GitHub as it answers under a name that a repository had before: a proxy to the local GitHub.

REST reads get a 301 to the new name and writes a 307, git's first request a 301, and GraphQL
follows the rename by itself. Source: docs.github.com, "Renaming a repository" and "Best practices
for using the REST API" (redirects).
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

_HOP = {"host", "content-length", "transfer-encoding", "connection", "content-encoding"}


class Renamed:
    """Serves while it is entered; `url` and `api` are for GITHUB_SERVER_URL and GITHUB_API_URL."""

    def __init__(self, old: str, new: str, server: str, api: str) -> None:
        self.old, self.new, self.upstream = old, new, server
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy.answer(self)
                self.close_connection = True  # or a client in this process would keep us waiting

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.api = f"{self.url}{api.removeprefix(server)}"
        self.client = httpx.Client(timeout=60)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.client.close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.headers.get("Transfer-Encoding") == "chunked":
            body = _chunks(request)
        old, new = f"/{self.old}", f"/{self.new}"
        if old in request.path:
            self.redirect(request, request.path.replace(old, new))
            return
        if request.path.endswith("/graphql"):
            owner, name = self.old.split("/")
            now_owner, now_name = self.new.split("/")
            body = body.replace(f'"{owner}"'.encode(), f'"{now_owner}"'.encode())
            body = body.replace(f'"{name}"'.encode(), f'"{now_name}"'.encode())
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        done = self.client.request(
            request.command, f"{self.upstream}{request.path}", headers=headers, content=body
        )
        request.send_response(done.status_code)
        for key, value in done.headers.items():
            if key.lower() not in _HOP:
                request.send_header(key, value)
        request.send_header("Content-Length", str(len(done.content)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(done.content)

    def redirect(self, request: BaseHTTPRequestHandler, path: str) -> None:
        request.send_response(301 if request.command == "GET" else 307)
        request.send_header("Location", f"{self.url}{path}")
        request.send_header("Content-Length", "0")
        request.send_header("Connection", "close")
        request.end_headers()


def _chunks(request: BaseHTTPRequestHandler) -> bytes:
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body
