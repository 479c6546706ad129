"""Answers that fail on the wire: replaced, cut short, late from another time, or none at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ao_actions.localgithub.faults import Fault, Told

_TRANSPORT = "localgithub.transport"
_FRAMING = {"content-length", "transfer-encoding"}


def reachable(app: ASGIApp) -> ASGIApp:
    """The application, with each request's connection within reach, so that it can be dropped.

    ASGI has no word for hanging up; uvicorn's `send` is a method of what holds the transport.
    """

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await app(scope, receive, send)

    return outer


class Broken(Response):
    """The first `cut` bytes of a body, or (`cut` None) not even a status: then it hangs up."""

    def __init__(self, whole: Response | None, cut: int | None) -> None:
        super().__init__(b"" if whole is None else bytes(whole.body))
        if whole is not None:
            self.status_code = whole.status_code
            self.raw_headers = whole.raw_headers
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._cut is not None:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            part = bytes(self.body)[: self._cut]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        scope[_TRANSPORT].close()
        while (await receive())["type"] != "http.disconnect":
            pass


async def drained(response: Response) -> Response:
    """The answer with the whole body of a stream, whose work ends with it."""
    if not isinstance(response, StreamingResponse):
        return response
    chunks: list[Any] = [chunk async for chunk in response.body_iterator]
    body = b"".join(chunk if isinstance(chunk, bytes) else bytes(chunk) for chunk in chunks)
    return Response(body, response.status_code, dict(_unframed(response)))


def told(response: Response, now: datetime) -> Told:
    """A drained answer, to be given again."""
    return Told(now, response.status_code, _unframed(response), bytes(response.body))


def _unframed(response: Response) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in response.headers.items() if k not in _FRAMING)


def again(answer: Told) -> Response:
    body = None if answer.status in {204, 304} else answer.body
    return Response(body, answer.status, dict(answer.headers))


def struck(fault: Fault, response: Response | None, now: datetime) -> Response:
    """What the client gets; `response` (drained) is None where no work was done."""
    if fault.drop:
        return Broken(None, None)
    if fault.status is not None or response is None:
        response = Response(fault.text(), fault.status or 500, fault.answered(now))
    return response if fault.cut is None else Broken(response, fault.cut)
