"""One request to a provider and its answer back, streamed, unchanged but where it is said here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.types import Send

from ao_actions.meter import limits, protocols
from ao_actions.meter.account import Limit
from ao_actions.meter.book import Book, Exchange
from ao_actions.meter.protocols import Protocol
from ao_actions.meter.reading import Reading
from ao_actions.meter.settings import Upstream

REQUEST_LIMIT = 100_000_000  # bytes
ERROR_LIMIT = 1_000_000  # bytes; an error is read whole before it is passed on

# They speak of one connection (RFC 9110, section 7.6.1).
_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
# The key is ours to send; so is what makes the answer's bytes readable.
_OURS = {b"host", b"expect", b"accept-encoding", b"authorization", b"x-api-key", b"x-goog-api-key"}
_WAIT = {b"retry-after", b"retry-after-ms"}
# A connection must come about soon; an answer may take as long as the agent waits for it.
_TIMEOUT = httpx.Timeout(None, connect=30)

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):  # noqa: N818  an answer of the meter's own
    """The client gets this instead of an answer of the provider's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Call:
    """A request on its way. `rest` is its path after the provider's name, as it was sent."""

    upstream: Upstream
    request: Request
    rest: bytes
    status: int = 0
    exchange: Exchange | None = None
    uploaded: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def protocol(self) -> Protocol | None:
        """The protocol in which it asks for an answer of a model."""
        return protocols.of(self.request.method, self.rest)

    @property
    def speaking(self) -> Protocol:
        """The protocol whose errors its client understands."""
        return protocols.speaking(self.upstream.header, self.rest)


class Forwarder:
    """The connections to the providers."""

    def __init__(self, book: Book, dummy: bytes) -> None:
        self._book = book
        self._dummy = dummy
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=200),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def exchange(self, call: Call, send: Send) -> None:
        """Forwards until the answer is complete, was cut, or its reader is gone.

        :raises Refused: there is no answer to pass on, and nothing was sent yet
        :raises ClientDisconnect: the client went away before its request was complete
        """
        outgoing = self._outgoing(call)
        if call.protocol is not None:
            call.exchange = self._book.open(call.upstream.name)
        forward = asyncio.ensure_future(self._forward(call, outgoing, send))
        gone = asyncio.ensure_future(_gone(call))
        try:
            await asyncio.wait((forward, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (forward, gone):
                task.cancel()
            await asyncio.gather(forward, gone, return_exceptions=True)
        if not forward.cancelled():
            forward.result()

    def _outgoing(self, call: Call) -> httpx.Request:
        request = call.request
        headers = _passed(request.headers.raw, _OURS)
        headers += [call.upstream.credential, (b"accept-encoding", b"identity")]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        if not has_body:
            call.uploaded.set()
        try:
            return httpx.Request(
                request.method,
                self._target(call),
                headers=headers,
                content=_upload(call) if has_body else None,
            )
        except httpx.InvalidURL:
            raise Refused(400, "invalid_request_error", "ao-actions: not a valid path") from None

    def _target(self, call: Call) -> httpx.URL:
        """The base and, unchanged, path and query; but a dummy key in the query stays here."""
        query: bytes = call.request.scope["query_string"]
        kept = [pair for pair in query.split(b"&") if pair != b"key=" + self._dummy]
        tail = call.rest + (b"?" + b"&".join(kept) if any(kept) else b"")
        return httpx.URL(call.upstream.url.rstrip("/") + tail.decode("ascii"))

    async def _forward(self, call: Call, outgoing: httpx.Request, send: Send) -> None:
        try:
            response = await self._client.send(outgoing, stream=True)
        except httpx.RequestError as error:
            raise self._unreachable(call, error) from None
        except asyncio.CancelledError:
            if call.exchange:
                self._book.unmetered()
            raise
        try:
            call.status = response.status_code
            if call.status >= 400 and call.request.method != "HEAD":
                await self._pass_error(call, response, send)
            else:
                await self._pass(call, response, send)
        finally:
            await response.aclose()

    def _unreachable(self, call: Call, error: Exception) -> Refused:
        if call.exchange:
            self._book.failed(502)
        what = f"ao-actions: no answer from {call.upstream.name}: {type(error).__name__}"
        return Refused(502, "upstream_unreachable", what)

    async def _pass(self, call: Call, response: httpx.Response, send: Send) -> None:
        """Passes an answer on, piece by piece, counting each before the client has it."""
        await _start(call, _passed(response.headers.raw), send)
        reading = None
        if call.protocol and call.exchange and response.is_success:
            streamed = "text/event-stream" in response.headers.get("content-type", "")
            reading = Reading(call.protocol, streamed=streamed)
        held = b""
        try:
            async for chunk in response.aiter_raw():
                piece = chunk
                if reading and call.exchange:
                    reading.feed(chunk)
                    self._book.see(call.exchange, reading)
                    if not reading.streamed:
                        # a whole body is read at its end: its last piece waits for that
                        piece, held = held, chunk
                if piece:
                    await _send(send, piece)
        except httpx.RequestError:
            return  # an answer that is not complete: the server cuts the client's connection too
        finally:
            if reading and call.exchange:
                self._settle(call.exchange, reading)
        await _send(send, held, more=False)

    def _settle(self, exchange: Exchange, reading: Reading) -> None:
        reading.end()
        self._book.see(exchange, reading)
        if exchange.tokens is None:
            self._book.unmetered()
        now = datetime.now(UTC)
        limit = limits.read(exchange.provider, 200, {}, reading.failure, now)
        if limit:
            self._book.meet(limit, now)
        elif exchange.tokens:
            self._book.succeeded(exchange)

    async def _pass_error(self, call: Call, response: httpx.Response, send: Send) -> None:
        """Passes an error on, without the key if the provider repeats it, and learns from it."""
        body = await self._error_body(call, response)
        dropped = {b"content-length", b"content-encoding"}
        now = datetime.now(UTC)
        limit = self._limit(call, response, body, now)
        if limit:
            self._book.meet(limit, now)
            if limits.is_long(limit, now):
                dropped |= _WAIT
        body = body.replace(call.upstream.key.encode(), b"***")
        headers = _passed(response.headers.raw, dropped)
        headers.append((b"content-length", str(len(body)).encode()))
        await _start(call, headers, send)
        await _send(send, body, more=False)

    async def _error_body(self, call: Call, response: httpx.Response) -> bytes:
        body = b""
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ERROR_LIMIT:
                    raise Refused(502, "upstream_error", "ao-actions: an error of more than 1 MB")
        except httpx.RequestError as error:
            raise self._unreachable(call, error) from None
        return body

    def _limit(
        self, call: Call, response: httpx.Response, body: bytes, now: datetime
    ) -> Limit | None:
        if call.exchange is None:
            return None
        self._book.failed(response.status_code)
        try:
            value: Any = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        name = call.exchange.provider
        return limits.read(name, response.status_code, response.headers, value, now)


async def _upload(call: Call) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in call.request.stream():
        size += len(chunk)
        if size > REQUEST_LIMIT:
            raise Refused(413, "request_too_large", "ao-actions: a request of more than 100 MB")
        yield chunk
    call.uploaded.set()


async def _gone(call: Call) -> None:
    """Returns when the client is gone. Its request's body is `_upload`'s to read before that."""
    await call.uploaded.wait()
    while (await call.request.receive())["type"] != "http.disconnect":
        pass


def _passed(headers: Headers, dropped: AbstractSet[bytes] = frozenset()) -> Headers:
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    kept = _HOP | named | dropped
    return [(name, value) for name, value in headers if name.lower() not in kept]


async def _start(call: Call, headers: Headers, send: Send) -> None:
    key = call.upstream.key.encode()
    clean = [(name, value.replace(key, b"***")) for name, value in headers]
    await send({"type": "http.response.start", "status": call.status, "headers": clean})


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
