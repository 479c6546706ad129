"""The Anthropic Messages protocol: POST /v1/messages, as one JSON object or as server-sent events.

Shapes: the provider's API reference (Messages, streaming), and what Claude Code 2.1.330 accepted.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.model_server.script import Answer, Failure, Say, Use
from tests.model_server.wire import Reply, Request

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def subscription_limit(reset: int, *, claim: str = "five_hour") -> dict[str, str]:
    """The headers of a subscription's limit, with the epoch second at which it ends."""
    prefix = "anthropic-ratelimit-unified"
    return {
        f"{prefix}-status": "rejected",
        f"{prefix}-reset": str(reset),
        f"{prefix}-representative-claim": claim,
    }


class Anthropic:
    """One row of the server's table of protocols."""

    def aside(self, request: Request) -> Reply | None:
        path = request.path.partition("?")[0]
        if request.method == "HEAD":
            return Reply(())
        if path == "/v1/messages/count_tokens":
            return Reply((_json({"input_tokens": 1000}),))
        if path == "/v1/messages" and not request.body.get("tools"):
            # A title or a summary that the agent wants beside the task: not a turn of the script.
            return self.answer(request, Answer((Say("ok"),)), number=0)
        return None

    def owns(self, request: Request) -> bool:
        return request.method == "POST" and request.path.partition("?")[0] == "/v1/messages"

    def answer(self, request: Request, answer: Answer, *, number: int) -> Reply:
        message = _message(request, answer, number=number)
        if not request.body.get("stream"):
            return Reply((_json(message),))
        events = tuple(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            for event in _events(message)
        )
        return Reply(events, content_type="text/event-stream")

    def failure(self, failure: Failure) -> Reply:
        kind = ERROR_TYPES.get(failure.status, "api_error")
        body = {"type": "error", "error": {"type": kind, "message": failure.message}}
        return Reply((_json(body),), status=failure.status, headers=failure.headers)


def _message(request: Request, answer: Answer, *, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{number:04}",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", "scripted"),
        "content": [
            _block(block, f"toolu_{number:04}_{i}") for i, block in enumerate(answer.blocks)
        ],
        "stop_reason": "tool_use" if answer.uses_tools else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _block(block: Say | Use, identity: str) -> dict[str, Any]:
    if isinstance(block, Say):
        return {"type": "text", "text": block.text}
    return {"type": "tool_use", "id": identity, "name": block.tool, "input": dict(block.input)}


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    usage = message["usage"]
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            partial = json.dumps(block["input"])
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": partial}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {
        "type": "message_delta",
        "delta": end,
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
