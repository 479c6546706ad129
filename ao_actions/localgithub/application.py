"""One application for REST, GraphQL and git: what a request is for, and its answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import IO, Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ao_actions.localgithub import access, failing, graphql, rest
from ao_actions.localgithub import git as git_http
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.faults import Asked, Faults
from ao_actions.localgithub.limits import Bucket, Limits
from ao_actions.localgithub.rest.routing import Call, Reply, dispatch
from ao_actions.localgithub.world import World

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_GRAPHQL = {"/graphql", "/api/graphql"}
_SPOOL = 1 << 20  # a larger push waits on disk, not in memory


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

    @property
    def plain_path(self) -> str:
        return self.path.removeprefix("/api/v3").rstrip("/") or "/"

    def asked(self) -> Asked:
        """The request as the rules for faults see it."""
        if self.path in _GRAPHQL:
            self.body.seek(0)
            text = self.body.read().decode(errors="replace")
            names = graphql.operations(text)
            key = "" if "mutation" in names else text
            return Asked(self.method, "/graphql", names, key and f"{key} {self._who}")
        key = f"{self.path}?{self.query_string} {self._who}" if self.method == "GET" else ""
        return Asked(self.method, self.plain_path, (), key)

    @property
    def _who(self) -> str:
        return self.headers.get("authorization", "")

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


class _Streamed(StreamingResponse):
    """git's output as it comes, and an end to git when the client has gone away."""

    def __init__(self, reply: git_http.GitReply) -> None:
        super().__init__(reply.body, reply.status)
        self._close = reply.close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._close)


class Application:
    """Finds out what a request is for and answers it; all work is done on threads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limits = Limits()
        self.faults = Faults()
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
            response = await self._respond(incoming)
        # GitHub's clock, which may have been moved; uvicorn would give the machine's
        response.headers["date"] = format_datetime(self.world.now(), usegmt=True)
        return response

    async def _respond(self, incoming: _Incoming) -> Response:
        """The answer, or what a rule for faults makes of it."""
        if not self.faults:
            return await run_in_threadpool(self._answer, incoming)
        asked = incoming.asked()
        fault = self.faults.strike(asked)
        if fault is not None:
            await asyncio.sleep(fault.latency)
        if fault is not None and not fault.works:
            return failing.struck(fault, None, self.world.now())
        response = await run_in_threadpool(self._answer, incoming)
        if fault is None and not (self.faults.remembers and asked.key):
            return response
        response = await failing.drained(response)
        now = self.world.now()
        if self.faults.remembers:
            told = failing.told(response, now)
            if fault is not None and fault.stale:
                response = failing.again(self.faults.former(fault, asked, now))
            self.faults.remember(asked, told)
        return response if fault is None else failing.struck(fault, response, now)

    def _answer(self, incoming: _Incoming) -> Response:
        path = incoming.path
        try:
            if not incoming.at_github and git_http.PATH.fullmatch(path):
                return self._answer_git(incoming)
            if path in _GRAPHQL:
                return self._answer_graphql(incoming)
            if incoming.at_github or path.startswith("/api/v3"):
                return self._answer_rest(incoming, incoming.plain_path)
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
        response = _Streamed(reply)
        for name, value in reply.headers:
            response.headers[name] = value
        return response

    # -- GraphQL

    def _answer_graphql(self, incoming: _Incoming) -> Response:
        try:
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
            viewer = self._viewer(incoming)
            _check(path, *incoming.query.values())
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


def _check(*texts: str) -> None:
    """No name and no ref has a NUL in it, and git takes none."""
    if any("\0" in text for text in texts):
        raise Refusal(400, "Bad Request")


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
