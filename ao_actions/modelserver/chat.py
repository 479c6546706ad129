"""The OpenAI Chat Completions protocol: POST …/chat/completions, one JSON object or a stream.

Shapes: the provider's API reference (chat completions, streaming, error codes).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ao_actions.modelserver.script import Answer, Failure, Say, Use
from ao_actions.modelserver.wire import (
    MODEL,
    Reply,
    Request,
    Spoken,
    Tool,
    mappings,
    offered,
    stream,
    whole,
)

ERROR_TYPES = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}
ERROR_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


class Chat:
    """One row of the server's table of protocols."""

    name = "chat"

    def aside(self, request: Request) -> Reply | None:
        if request.method == "GET" and request.route.endswith("/models"):
            # Anthropic's list has the same frame and `type` for `object`.
            model = {"id": MODEL, "object": "model", "type": "model", "display_name": MODEL}
            item = {**model, "created": 0, "owned_by": "scripted"}
            return whole({"object": "list", "data": [item], "has_more": False})
        return None

    def owns(self, request: Request) -> bool:
        return request.method == "POST" and request.route.endswith("/chat/completions")

    def tools(self, request: Request) -> tuple[Tool, ...]:
        functions = [tool.get("function") for tool in mappings(request.body.get("tools"))]
        return offered(functions, "parameters")

    def answer(self, request: Request, spoken: Spoken, *, number: int) -> Reply:
        frame = {
            "id": f"chatcmpl-{number:04}",
            "object": "chat.completion",
            "created": 0,
            "model": request.body.get("model", MODEL),
        }
        message = _message(spoken, number=number)
        reason = "tool_calls" if spoken.uses_tools else "stop"
        if request.body.get("stream"):
            options = request.body.get("stream_options") or {}
            usage = _usage(spoken.usage) if options.get("include_usage") else None
            frame["object"] = "chat.completion.chunk"
            return stream(_chunks(frame, message, reason, usage), named=False, done=True)
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return whole({**frame, "choices": [choice], "usage": _usage(spoken.usage)})

    def failure(self, request: Request, failure: Failure) -> Reply:
        body = {"error": openai_error(failure)}
        if failure.streamed and request.body.get("stream"):
            return stream([body], named=False)
        return whole(body, failure)


def openai_error(failure: Failure) -> dict[str, Any]:
    """The error object of both OpenAI protocols."""
    return {
        "message": failure.message,
        "type": failure.kind or ERROR_TYPES.get(failure.status, "invalid_request_error"),
        "param": None,
        "code": ERROR_CODES.get(failure.status),
        **failure.error,
    }


def _message(spoken: Spoken, *, number: int) -> dict[str, Any]:
    text = "\n\n".join(block.text for block in spoken.blocks if isinstance(block, Say))
    calls = [
        {
            "id": f"call_{number:04}_{i}",
            "type": "function",
            "function": {"name": block.tool, "arguments": arguments(block)},
        }
        for i, block in enumerate(spoken.blocks)
        if isinstance(block, Use)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    return {**message, "tool_calls": calls} if calls else message


def arguments(call: Use) -> str:
    """The input of a call as OpenAI's protocols carry it: a text with JSON in it."""
    return call.input if isinstance(call.input, str) else json.dumps(call.input)


def _usage(usage: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _chunks(
    frame: Mapping[str, Any],
    message: Mapping[str, Any],
    reason: str,
    usage: Mapping[str, Any] | None,
) -> Iterator[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if message["content"]:
        deltas.append({"content": message["content"]})
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        head = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        rest = {"index": index, "function": {"arguments": function["arguments"]}}
        deltas += [{"tool_calls": [head]}, {"tool_calls": [rest]}]
    for delta in deltas:
        yield {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if usage is not None:
        yield {**frame, "choices": [], "usage": usage}
