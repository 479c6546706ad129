"""The proxy itself, an ASGI application: who may pass, and its few own answers (design 7)."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ao_actions.core import codec
from ao_actions.meter import protocols
from ao_actions.meter.book import Book
from ao_actions.meter.forwarding import REQUEST_LIMIT, Call, Forwarder, Refused
from ao_actions.meter.settings import Upstream

CONTROL = "_meter"

_TARGET = re.compile(rb"/(\w[\w-]*)((?:/.*)?)", re.DOTALL)
_FREE = ("GET", "HEAD", "OPTIONS")  # they ask for nothing that costs money


class Proxy:
    """Forwards requests that carry the dummy key. `log` takes one line for each request."""

    def __init__(
        self,
        upstreams: tuple[Upstream, ...],
        *,
        dummy: str,
        book: Book,
        log: Callable[[str], None],
        close: Callable[[], None],
    ) -> None:
        self._upstreams = {each.name: each for each in upstreams}
        self._dummy = dummy.encode()
        self._book = book
        self._log = log
        self._close = close
        self._forwarder = Forwarder(book, self._dummy)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def aclose(self) -> None:
        await self._forwarder.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = _TARGET.fullmatch(scope["raw_path"])
        name = target[1].decode() if target else ""
        upstream = self._upstreams.get(name)
        if name == CONTROL:
            await (await self._control(request))(scope, receive, send)
        elif target is None or upstream is None:
            text = f"ao-actions: no such provider; the meter has {', '.join(self._upstreams)}"
            answer = JSONResponse(protocols.CHAT.error(404, "not_found_error", text), 404)
            await answer(scope, receive, send)
        else:
            await self._serve(Call(upstream, request, target[2]), send)

    async def _control(self, request: Request) -> Response:
        if not self._is_ours(request):
            return JSONResponse({"error": "wrong key"}, 401)
        match request.method, request.url.path:
            case "GET", "/_meter/account":
                pass
            case "POST", "/_meter/close":
                # what is still under way may yet tell its usage
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._idle.wait(), 2)
                self._close()
            case _:
                return JSONResponse({"error": "not found"}, 404)
        return JSONResponse(codec.encode(self._book.account()))

    async def _serve(self, call: Call, send: Send) -> None:
        began = time.monotonic()
        self._under_way += 1
        self._idle.clear()
        try:
            self._check(call)
            await self._forwarder.exchange(call, send)
        except Refused as refused:
            call.status = refused.status
            await self._answer(call, refused, send)
        except ClientDisconnect:
            pass  # nobody is there to be told
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
            self._log(_line(call, time.monotonic() - began))

    def _check(self, call: Call) -> None:
        """
        :raises Refused: the request is not to be forwarded
        """
        request = call.request
        if not self._is_ours(request):
            raise Refused(401, "authentication_error", "ao-actions: this is not the meter's key")
        parts = re.split(rb"[/\\]", unquote_to_bytes(call.rest))
        if b"." in parts or b".." in parts:
            raise Refused(400, "invalid_request_error", "ao-actions: a path without . and ..")
        if int(request.headers.get("content-length", 0)) > REQUEST_LIMIT:
            raise Refused(413, "request_too_large", "ao-actions: a request of more than 100 MB")
        if request.method in _FREE:
            return
        if message := self._book.over_budget():
            raise Refused(call.speaking.refusal, "budget_exceeded", message)
        if message := self._book.limited(call.upstream.name, datetime.now(UTC)):
            raise Refused(call.speaking.refusal, "provider_limited", message)

    def _is_ours(self, request: Request) -> bool:
        """Whether the dummy key is in any of the places that clients put a key in."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = [
            request.headers.get("x-api-key", ""),
            request.headers.get("x-goog-api-key", ""),
            token.strip() if scheme.lower() == "bearer" else "",
            request.query_params.get("key", ""),
        ]
        return any(secrets.compare_digest(key.encode(), self._dummy) for key in given)

    async def _answer(self, call: Call, refused: Refused, send: Send) -> None:
        body = call.speaking.error(refused.status, refused.code, str(refused))
        answer = JSONResponse(body, refused.status)
        await answer(call.request.scope, call.request.receive, send)


def _line(call: Call, seconds: float) -> str:
    """One line of the log: no body, no query, no key."""
    path = call.rest.decode("ascii", "replace")[:200]
    tokens = call.exchange.tokens if call.exchange else None
    used = f"{tokens.input} in {tokens.cached} cached {tokens.output} out" if tokens else "-"
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return (
        f"{now} {call.upstream.name} {call.request.method} {path} "
        f"{call.status or '-'} {seconds:.3f}s {used}"
    )
