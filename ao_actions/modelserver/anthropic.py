"""The Anthropic Messages protocol: POST …/v1/messages, as one JSON object or server-sent events.

Shapes: the provider's API reference (Messages, streaming), and what Claude Code 2.1.330 accepted.
"""

import json
from collections.abc import Iterator
from typing import Any

from ao_actions.modelserver.script import Failure, Say, Use
from ao_actions.modelserver.wire import Reply, Request, Spoken, Tool, offered, stream, whole

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Anthropic:
    """One row of the server's table of protocols."""

    name = "anthropic"

    def aside(self, request: Request) -> Reply | None:
        if request.method == "HEAD":
            return Reply(())
        if request.route.endswith("/v1/messages/count_tokens"):
            return whole({"input_tokens": 1000})
        return None

    def owns(self, request: Request) -> bool:
        return request.method == "POST" and request.route.endswith("/v1/messages")

    def tools(self, request: Request) -> tuple[Tool, ...]:
        return offered(request.body.get("tools"), "input_schema")

    def answer(self, request: Request, spoken: Spoken, *, number: int) -> Reply:
        message = _message(request, spoken, number=number)
        return (
            stream(_events(message), named=True) if request.body.get("stream") else whole(message)
        )

    def failure(self, request: Request, failure: Failure) -> Reply:
        kind = failure.kind or ERROR_TYPES.get(failure.status, "api_error")
        error = {"type": kind, "message": failure.message, **failure.error}
        body = {"type": "error", "error": error}
        if failure.streamed and request.body.get("stream"):
            return stream([body], named=True)
        return whole(body, failure)


def _message(request: Request, spoken: Spoken, *, number: int) -> dict[str, Any]:
    usage = spoken.usage
    return {
        "id": f"msg_{number:04}",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", "scripted"),
        "content": [
            _block(block, f"toolu_{number:04}_{i}") for i, block in enumerate(spoken.blocks)
        ],
        "stop_reason": "tool_use" if spoken.uses_tools else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input_tokens - usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached_tokens,
        },
    }


def _block(block: Say | Use, identity: str) -> dict[str, Any]:
    if isinstance(block, Say):
        return {"type": "text", "text": block.text}
    return {"type": "tool_use", "id": identity, "name": block.tool, "input": block.input}


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
