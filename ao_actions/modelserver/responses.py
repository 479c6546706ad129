"""The OpenAI Responses protocol: POST …/responses, as one JSON object or as server-sent events.

Shapes: the provider's API reference (responses, streaming events).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ao_actions.modelserver.chat import arguments, openai_error
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

# Type of an item: the name of its text, the events that carry it.
CALLS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}


class Responses:
    """One row of the server's table of protocols."""

    name = "responses"

    def aside(self, request: Request) -> Reply | None:  # noqa: ARG002  as every protocol
        return None

    def owns(self, request: Request) -> bool:
        return request.method == "POST" and request.route.endswith("/responses")

    def tools(self, request: Request) -> tuple[Tool, ...]:
        # To some models Codex offers tools in an item of the conversation, in groups.
        groups = [
            group
            for item in mappings(request.body.get("input"))
            if item.get("type") == "additional_tools"
            for group in mappings(item.get("tools"))
        ]
        grouped = [tool for group in groups for tool in mappings(group.get("tools"))]
        lists = (request.body.get("tools"), groups, grouped)
        return tuple(tool for tools in lists for tool in offered(tools, "parameters"))

    def answer(self, request: Request, spoken: Spoken, *, number: int) -> Reply:
        items = [_item(block, f"{number:04}_{i}") for i, block in enumerate(spoken.blocks)]
        response = {**_begun(request, number), "status": "completed", "output": items}
        response["usage"] = _usage(spoken.usage)
        if not request.body.get("stream"):
            return whole(response)
        return _numbered(
            [
                {"type": "response.created", "response": _begun(request, number)},
                *(event for i, item in enumerate(items) for event in _item_events(i, item)),
                {"type": "response.completed", "response": response},
            ]
        )

    def failure(self, request: Request, failure: Failure) -> Reply:
        error = openai_error(failure)
        if not (failure.streamed and request.body.get("stream")):
            return whole({"error": error}, failure)
        failed = {**_begun(request, 0), "status": "failed", "error": error}
        return _numbered(
            [
                {"type": "response.created", "response": _begun(request, 0)},
                {"type": "response.failed", "response": failed},
            ]
        )


def _numbered(events: list[dict[str, Any]]) -> Reply:
    return stream(
        ({**event, "sequence_number": number} for number, event in enumerate(events)), named=True
    )


def _begun(request: Request, number: int) -> dict[str, Any]:
    return {
        "id": f"resp_{number:04}",
        "object": "response",
        "created_at": 0,
        "status": "in_progress",
        "model": request.body.get("model", MODEL),
        "output": [],
        "error": None,
        "incomplete_details": None,
        "usage": None,
    }


def _usage(usage: Answer) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _item(block: Say | Use, identity: str) -> dict[str, Any]:
    if isinstance(block, Say):
        part = {"type": "output_text", "text": block.text, "annotations": []}
        frame = {"id": f"msg_{identity}", "type": "message", "role": "assistant"}
        return {**frame, "status": "completed", "content": [part]}
    kind = "custom_tool_call" if isinstance(block.input, str) else "function_call"
    call = {"id": f"item_{identity}", "type": kind, "status": "completed"}
    text, _ = CALLS[kind]
    return {**call, "call_id": f"call_{identity}", "name": block.tool, text: arguments(block)}


def _item_events(index: int, item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "message":
        empty = {**item, "status": "in_progress", "content": []}
        inner = list(_text_events(place, item["content"][0]))
    else:
        name, event = CALLS[item["type"]]
        empty = {**item, "status": "in_progress", name: ""}
        inner = [
            {"type": f"{event}.delta", **place, "delta": item[name]},
            {"type": f"{event}.done", **place, name: item[name]},
        ]
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    yield from inner
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(place: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    at = {**place, "content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    yield {"type": "response.output_text.delta", **at, "delta": part["text"]}
    yield {"type": "response.output_text.done", **at, "text": part["text"]}
    yield {"type": "response.content_part.done", **at, "part": part}
