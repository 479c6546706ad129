"""A raw client of each protocol: the request as an agent sends it, and what came back, in common
words, so that one table of tests is for all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ao_actions.modelserver import ModelServer

SCHEMA = {
    "type": "object",
    "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["file_path", "content"],
}
TOOLS = (("write_file", SCHEMA), ("bash", {"properties": {"command": {"type": "string"}}}))


@dataclass(frozen=True, slots=True)
class Got:
    """A reply: the status, lower-case headers, the text, the calls, usage as input, output, cached;
    `last` is the reply's JSON, or that of the last event."""

    status: int
    headers: Mapping[str, str]
    events: tuple[Any, ...]
    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    usage: tuple[int, int, int] = (0, 0, 0)

    @property
    def last(self) -> Any:
        return self.events[-1]


def send(url: str, body: Mapping[str, Any] | bytes | None = None, **headers: str) -> Got:
    """One request, an error status is no exception. Broken connections are."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        reply = urlopen(Request(url, data, named))  # noqa: S310  loopback
    except HTTPError as error:
        reply = error
    with reply:
        raw = reply.read().decode()
        kept = {name.lower(): value for name, value in reply.headers.items()}
        if kept["content-type"] != "text/event-stream":
            return Got(reply.status, kept, (json.loads(raw),) if raw else ())
        lines = [line[6:] for line in raw.splitlines() if line.startswith("data: ")]
        events = (line if line == "[DONE]" else json.loads(line) for line in lines)
        return Got(reply.status, kept, tuple(events))


@dataclass(frozen=True, slots=True)
class Client:
    """One protocol: how to ask, how to read a whole answer and a stream of it."""

    name: str
    path: Callable[..., str]
    body: Callable[..., dict[str, Any]]
    whole: Callable[[Any], tuple[str, Any, tuple[int, int, int]]]
    streamed: Callable[[tuple[Any, ...]], tuple[str, Any, tuple[int, int, int]]]

    def ask(
        self,
        server: ModelServer,
        text: str = "Do it.",
        *,
        tools: tuple[tuple[str, Any], ...] = TOOLS,
        stream: bool = False,
        prefix: str = "",
    ) -> Got:
        got = send(
            server.url + prefix + self.path(stream=stream), self.body(text, tools, stream=stream)
        )
        if got.status != 200 or (got.last != "[DONE]" and _failed(got.last)):
            return got
        read = self.streamed(got.events) if stream else self.whole(got.last)
        return Got(got.status, got.headers, got.events, read[0], tuple(read[1]), read[2])


def _failed(event: Any) -> bool:
    return bool(event.get("error")) or event.get("type") == "response.failed"


def _anthropic_body(text: str, tools: Any, *, stream: bool) -> dict[str, Any]:
    return {
        "model": "m",
        "system": [{"type": "text", "text": "You are an agent."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "tools": [{"name": name, "input_schema": schema} for name, schema in tools],
        "stream": stream,
    }


def _anthropic_usage(usage: Any) -> tuple[int, int, int]:
    cached = usage["cache_read_input_tokens"]
    return usage["input_tokens"] + cached, usage["output_tokens"], cached


def _anthropic_whole(body: Any) -> Any:
    text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
    uses = [block for block in body["content"] if block["type"] == "tool_use"]
    assert body["stop_reason"] == ("tool_use" if uses else "end_turn")
    calls = [(block["name"], block["input"]) for block in uses]
    return text, calls, _anthropic_usage(body["usage"])


def _anthropic_streamed(events: Any) -> Any:
    text, calls, name, usage = "", [], "", {}
    for event in events:
        match event:
            case {"type": "message_start", "message": message}:
                usage = message["usage"]
            case {"content_block": {"name": name}}:
                pass
            case {"delta": {"type": "text_delta", "text": more}}:
                text += more
            case {"delta": {"type": "input_json_delta", "partial_json": given}}:
                calls.append((name, json.loads(given)))
            case {"type": "message_delta", "usage": final}:
                usage = {**usage, **final}
    assert events[-1]["type"] == "message_stop"
    return text, calls, _anthropic_usage(usage)


def _function(name: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "description": "a tool", "parameters": schema}


def _chat_body(text: str, tools: Any, *, stream: bool) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You are an agent."},
            {"role": "user", "content": text},
        ],
        "tools": [{"type": "function", "function": _function(*tool)} for tool in tools],
        **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
    }


def _chat_usage(usage: Any) -> tuple[int, int, int]:
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["prompt_tokens"], usage["completion_tokens"], cached


def _chat_calls(calls: Any) -> Any:
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def _chat_whole(body: Any) -> Any:
    (choice,) = body["choices"]
    message, calls = choice["message"], choice["message"].get("tool_calls", [])
    assert choice["finish_reason"] == ("tool_calls" if calls else "stop")
    return message["content"] or "", _chat_calls(calls), _chat_usage(body["usage"])


def _chat_streamed(events: Any) -> Any:
    *chunks, last, done = events
    assert (done, last["choices"]) == ("[DONE]", [])
    text, calls = "", []
    for chunk in chunks:
        delta = chunk["choices"][0]["delta"]
        text += delta.get("content") or ""
        for part in delta.get("tool_calls", ()):
            if "id" in part:
                assert part["index"] == len(calls)
                calls.append({"function": dict(part["function"])})
            else:
                function = calls[part["index"]]["function"]
                function["arguments"] += part["function"]["arguments"]
    reason = chunks[-1]["choices"][0]["finish_reason"]
    assert reason == ("tool_calls" if calls else "stop")
    return text, _chat_calls(calls), _chat_usage(last["usage"])


def _responses_body(text: str, tools: Any, *, stream: bool) -> dict[str, Any]:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {
        "model": "m",
        "instructions": "You are an agent.",
        "input": [message],
        "tools": [
            {"type": "custom", "name": name}
            if schema is None
            else {"type": "function", **_function(name, schema)}
            for name, schema in tools
        ],
        "stream": stream,
    }


def _responses_whole(body: Any) -> Any:
    assert body["status"] == "completed"
    text, calls = "", []
    for item in body["output"]:
        assert item["status"] == "completed"
        match item:
            case {"type": "message", "content": [{"type": "output_text", "text": more}]}:
                text += more
            case {"type": "function_call", "call_id": _, "name": name, "arguments": given}:
                calls.append((name, json.loads(given)))
            case {"type": "custom_tool_call", "call_id": _, "name": name, "input": given}:
                calls.append((name, given))
    usage = body["usage"]
    cached = usage["input_tokens_details"]["cached_tokens"]
    return text, calls, (usage["input_tokens"], usage["output_tokens"], cached)


def _responses_streamed(events: Any) -> Any:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]
    deltas = {
        "message": "response.output_text.delta",
        "function_call": "response.function_call_arguments.delta",
        "custom_tool_call": "response.custom_tool_call_input.delta",
    }
    for item in done:
        (delta,) = (e for e in events if e.get("item_id") == item["id"] and "delta" in e)
        said = item["content"][0]["text"] if item["type"] == "message" else None
        assert delta["type"] == deltas[item["type"]]
        assert delta["delta"] == (said or item.get("arguments") or item["input"])
    return _responses_whole(events[-1]["response"])


def _gemini_body(text: str, tools: Any, *, stream: bool) -> dict[str, Any]:
    return {
        "systemInstruction": {"role": "user", "parts": [{"text": "You are an agent."}]},
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": name, "description": "a tool", "parametersJsonSchema": schema}
                    for name, schema in tools
                ]
            }
        ],
    }


def _gemini_whole(body: Any) -> Any:
    return _gemini_streamed((body,))


def _gemini_streamed(events: Any) -> Any:
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    assert [e["candidates"][0].get("finishReason") for e in events][-1] == "STOP"
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    usage = events[-1]["usageMetadata"]
    return (
        "".join(part.get("text", "") for part in parts),
        [(call["name"], call["args"]) for call in calls],
        (
            usage["promptTokenCount"],
            usage["candidatesTokenCount"],
            usage["cachedContentTokenCount"],
        ),
    )


def _gemini_path(*, stream: bool) -> str:
    return f"/v1beta/models/m:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


ANTHROPIC = Client(
    "anthropic",
    lambda **_: "/v1/messages?beta=true",
    _anthropic_body,
    _anthropic_whole,
    _anthropic_streamed,
)
CHAT = Client("chat", lambda **_: "/v1/chat/completions", _chat_body, _chat_whole, _chat_streamed)
RESPONSES = Client(
    "responses", lambda **_: "/v1/responses", _responses_body, _responses_whole, _responses_streamed
)
GEMINI = Client("gemini", _gemini_path, _gemini_body, _gemini_whole, _gemini_streamed)

CLIENTS = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
