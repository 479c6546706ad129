"""The local GitHub as a server on loopback: one application for REST, GraphQL and git."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket as sockets
import tempfile
import threading
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ao_actions.localgithub import access, graphql, merges, rest
from ao_actions.localgithub import git as git_http
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.limits import Bucket, Limits
from ao_actions.localgithub.model import Event
from ao_actions.localgithub.rest.routing import Call, Reply, dispatch
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.webhooks import Webhooks
from ao_actions.localgithub.world import Clock, World

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_GRAPHQL = {"/graphql", "/api/graphql"}
_SPOOL = 1 << 20  # a larger push waits on disk, not in memory


@dataclass
class Fault:
    """A request that fails for a test: the next `times` that match answer with `status`."""

    method: str
    path: str  # a regular expression for the whole path without /api/v3
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class _Incoming:
    method: str
    path: str
    query_string: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: IO[bytes]

    @property
    def host(self) -> str:
        return self.headers.get("host", "localhost")

    @property
    def at_github(self) -> bool:
        """gh on a unix socket believes that it talks to github.com."""
        return self.host.startswith("api.")

    @property
    def bases(self) -> tuple[str, str]:
        """Where API URLs and pages begin for this client."""
        if self.at_github:
            return f"https://{self.host}", f"https://{self.host.removeprefix('api.')}"
        return f"http://{self.host}/api/v3", f"http://{self.host}"

    def json(self) -> dict[str, Any]:
        self.body.seek(0)
        raw = self.body.read()
        if not raw.strip():
            return {}
        try:
            parsed = json.loads(raw)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        # some endpoints take a bare list: labels, assignees
        return parsed if isinstance(parsed, dict) else {"": parsed}


class Application:
    """Finds out what a request is for and answers it; all work is done on threads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limits = Limits()
        self.faults: list[Fault] = []
        self._git = git_http.GitServer(world)
        rest.load()
        self.asgi = Starlette(routes=[Route("/{path:path}", self._serve, methods=_METHODS)])

    async def _serve(self, request: Request) -> Response:
        # the whole body first: a streamed answer's disconnect listener would eat its chunks
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as body:
            async for chunk in request.stream():
                body.write(chunk)
            path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
            incoming = _Incoming(
                request.method,
                path.partition("?")[0],
                request.url.query,
                dict(request.query_params),
                {name.lower(): value for name, value in request.headers.items()},
                body,
            )
            return await run_in_threadpool(self._answer, incoming)

    def _answer(self, incoming: _Incoming) -> Response:
        path = incoming.path
        try:
            if not incoming.at_github and git_http.PATH.fullmatch(path):
                return self._answer_git(incoming)
            if path in _GRAPHQL:
                return self._answer_graphql(incoming)
            if incoming.at_github or path.startswith("/api/v3"):
                return self._answer_rest(incoming, path.removeprefix("/api/v3").rstrip("/") or "/")
        except Exception:  # noqa: BLE001 - a fault of ours must reach the client as one
            traceback.print_exc()
            return _json_response(500, {"message": traceback.format_exc(limit=-1)}, {})
        message = f"localgithub serves no {incoming.method} {path}"
        return _json_response(501, {"message": message, "status": "501"}, {})

    # -- git

    def _answer_git(self, incoming: _Incoming) -> Response:
        headers = incoming.headers
        try:
            with self.world.lock:
                viewer = access.authenticate(self.world, headers.get("authorization"))
            reply = self._git.serve(
                git_http.GitRequest(
                    incoming.method,
                    unquote(incoming.path),
                    incoming.query_string,
                    headers,
                    _plain_file(incoming.body),
                    viewer,
                )
            )
        except Refusal as refusal:
            extra = {"WWW-Authenticate": 'Basic realm="GitHub"'} if refusal.status == 401 else {}
            return Response(f"{refusal.message}\n", refusal.status, extra, "text/plain")
        response = StreamingResponse(reply.body, reply.status)
        for name, value in reply.headers:
            response.headers[name] = value
        return response

    # -- GraphQL

    def _answer_graphql(self, incoming: _Incoming) -> Response:
        try:
            fault = self._fault(incoming.method, "/graphql")
            if fault is not None:
                return fault
            viewer = self._viewer(incoming)
            _require_account(viewer)
            with self.world.lock:
                self.world.requests["graphql"] += 1
                bucket = self.limits.bucket(viewer, "graphql", self.world.now())
                body = incoming.json()
                status, answer = graphql.answer(self.world, viewer, incoming.bases, body, bucket)
        except Refusal as refusal:
            return _json_response(refusal.status, refusal.body(), {})
        return _json_response(status, answer, bucket.headers())

    # -- REST

    def _answer_rest(self, incoming: _Incoming, path: str) -> Response:
        headers: dict[str, str] = {"X-GitHub-Media-Type": "github.v3; format=json"}
        try:
            fault = self._fault(incoming.method, path)
            if fault is not None:
                return fault
            viewer = self._viewer(incoming)
            bucket = self._charge(viewer, path)
            headers |= bucket.headers() | _scopes(viewer)
            if bucket.resource != "free":
                self.limits.check(bucket, viewer)
                bucket.used += 1
                headers |= bucket.headers()
            method = "GET" if incoming.method == "HEAD" else incoming.method
            api, html = incoming.bases
            call = Call(
                self.world,
                method,
                path,
                incoming.query,
                incoming.headers,
                incoming.json(),
                viewer,
                api,
                html,
                lambda resource: self.limits.bucket(viewer, resource, self.world.now()),
            )
            reply = dispatch(call)
        except Refusal as refusal:
            return _json_response(refusal.status, refusal.body(), headers)
        if method != "GET":
            self.world.save()
        response = _rest_response(incoming, reply, headers)
        if response.status_code == 304:
            # conditional requests that find nothing new are free (docs, best practices)
            bucket.used = max(0, bucket.used - 1)
            response.headers.update(bucket.headers())
        return response

    def _charge(self, viewer: Viewer, path: str) -> Bucket:
        with self.world.lock:
            self.world.requests["rest"] += 1
            resource = "search" if path.startswith("/search/") else "core"
            bucket = self.limits.bucket(viewer, resource, self.world.now())
        # asking for the limits costs nothing
        return (
            Bucket(bucket.limit, "free", bucket.used, bucket.reset)
            if path == "/rate_limit"
            else bucket
        )

    def _viewer(self, incoming: _Incoming) -> Viewer:
        with self.world.lock:
            return access.authenticate(self.world, incoming.headers.get("authorization"))

    def _fault(self, method: str, path: str) -> Response | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and re.fullmatch(fault.path, path):
                fault.times -= 1
                return _json_response(fault.status, fault.body, fault.headers)
        return None


def _require_account(viewer: Viewer) -> None:
    if viewer.is_anonymous:
        raise Refusal(401, "This endpoint requires you to be authenticated.")


def _plain_file(body: IO[bytes]) -> IO[bytes]:
    """A body that a process can have as its input: it must be a real file."""
    rollover = getattr(body, "rollover", None)
    if rollover is not None:
        rollover()
    return body


def _scopes(viewer: Viewer) -> dict[str, str]:
    """What a classic token shows; gh asks for these before it believes a token."""
    if viewer.kind != "user" or viewer.is_anonymous:
        return {}
    return {"X-OAuth-Scopes": "gist, read:org, repo, workflow", "X-Accepted-OAuth-Scopes": "repo"}


def _json_response(status: int, body: Any, headers: Mapping[str, str]) -> Response:
    content = json.dumps(body, separators=(",", ":")).encode()
    return _response(status, content, "application/json; charset=utf-8", headers)


def _response(status: int, content: bytes, media: str, headers: Mapping[str, str]) -> Response:
    request_id = {"X-GitHub-Request-Id": uuid.uuid4().hex[:20].upper()}
    if status in {204, 304}:
        return Response(None, status, {**request_id, **headers})
    return Response(content, status, {**request_id, **headers}, media)


def _rest_response(incoming: _Incoming, reply: Reply, headers: Mapping[str, str]) -> Response:
    content = reply.content
    if content is None:
        content = json.dumps(reply.body, separators=(",", ":")).encode()
    merged = {**headers, **reply.headers}
    if incoming.method == "GET" and reply.status == 200:
        tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
        merged |= {"ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
        if tag in incoming.headers.get("if-none-match", ""):
            return _response(304, b"", reply.media, merged)
    return _response(reply.status, content, reply.media, merged)


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
        max_parallel_jobs: int = 2,
    ) -> None:
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
                max_parallel_jobs=max_parallel_jobs,
            )
        config = uvicorn.Config(
            self.app.asgi,
            log_level="warning",
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
