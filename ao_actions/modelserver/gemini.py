"""The Gemini protocol: POST …/models/M:generateContent and :streamGenerateContent.

Shapes: the provider's API reference (generateContent, google.rpc.Status).
"""

from collections.abc import Mapping
from typing import Any

from ao_actions.modelserver.script import Answer, Failure, Say, Use
from ao_actions.modelserver.wire import (
    MODEL,
    Reply,
    Request,
    Spoken,
    Tool,
    encoded,
    mappings,
    offered,
    stream,
    whole,
)

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Gemini:
    """One row of the server's table of protocols."""

    name = "gemini"

    def aside(self, request: Request) -> Reply | None:
        if request.route.endswith(":countTokens"):
            return whole({"totalTokens": 1000})
        if request.method == "GET" and request.route.endswith("/v1beta/models"):
            methods = ["generateContent", "streamGenerateContent", "countTokens"]
            model = {"name": f"models/{MODEL}", "displayName": MODEL}
            return whole({"models": [{**model, "supportedGenerationMethods": methods}]})
        return None

    def owns(self, request: Request) -> bool:
        own = (":generateContent", ":streamGenerateContent")
        return request.method == "POST" and request.route.endswith(own)

    def tools(self, request: Request) -> tuple[Tool, ...]:
        return tuple(
            function
            for tool in mappings(request.body.get("tools"))
            for function in offered(
                tool.get("functionDeclarations"), "parametersJsonSchema", "parameters"
            )
        )

    def answer(self, request: Request, spoken: Spoken, *, number: int) -> Reply:
        parts = [_part(block, f"call_{number:04}_{i}") for i, block in enumerate(spoken.blocks)]
        frame = {"modelVersion": _model(request), "responseId": f"response-{number:04}"}
        end = {"finishReason": "STOP", "index": 0}
        usage = {"usageMetadata": _usage(spoken.usage)}
        if ":stream" not in request.route:
            return whole({"candidates": [{"content": _content(parts), **end}], **usage, **frame})
        chunks: list[dict[str, Any]] = [
            {"candidates": [{"content": _content([part]), "index": 0}], **frame} for part in parts
        ]
        last = {"candidates": [{"content": _content([{"text": ""}]), **end}], **usage, **frame}
        return _streamed(request, [*chunks, last])

    def failure(self, request: Request, failure: Failure) -> Reply:
        error = {
            "code": failure.status,
            "message": failure.message,
            "status": failure.kind or STATUSES.get(failure.status, "UNKNOWN"),
            **failure.error,
        }
        if failure.streamed and ":stream" in request.route:
            return _streamed(request, [{"error": error}])
        return whole({"error": error}, failure)


def _streamed(request: Request, chunks: list[dict[str, Any]]) -> Reply:
    """Events where the request asks for them (`alt=sse`), else one JSON list, part by part."""
    if "alt=sse" in request.path:
        return stream(chunks, named=False)
    parts = [(b"," if number else b"[") + encoded(chunk) for number, chunk in enumerate(chunks)]
    return Reply((*parts, b"]"))


def _model(request: Request) -> str:
    return request.route.rpartition("/")[2].partition(":")[0]


def _content(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": "model", "parts": parts}


def _part(block: Say | Use, identity: str) -> dict[str, Any]:
    if isinstance(block, Say):
        return {"text": block.text}
    return {"functionCall": {"id": identity, "name": block.tool, "args": block.input}}


def _usage(usage: Answer) -> Mapping[str, int]:
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
        "candidatesTokenCount": usage.output_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
