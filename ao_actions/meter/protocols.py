"""The protocols that models are spoken to in: one row each for what the meter must know.

Shapes: the providers' API references (Messages, Chat Completions, Responses, generateContent).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ao_actions.meter.account import Tokens

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How an answer is asked for, where it tells its usage, and what an error looks like.

    `path` finds the path (lower case) of a request for an answer; anything else (counting tokens)
    is passed and not counted. `inside` is a key below which usage may stand too. `refusal` is
    the status that makes the command-line programs of this protocol end after one request, with
    the message in sight; most of them try 401, 429 and 5xx again.
    """

    path: re.Pattern[str]
    inside: str | None
    usage: str
    model: str
    tokens: Callable[[Json], Tokens]
    refusal: int
    error: Callable[[int, str, str], Json]

    def seen(
        self, value: Any, model: str | None = None, *, inner: bool = False
    ) -> Iterator[tuple[str | None, Json]]:
        """The usage objects in one JSON value (an event or a whole body), with their model."""
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, Mapping):
                continue
            named = item.get(self.model)
            model = named if isinstance(named, str) else model
            usage = item.get(self.usage)
            if isinstance(usage, Mapping):
                yield model, usage
            if self.inside and not inner:
                yield from self.seen(item.get(self.inside), model, inner=True)


def _count(usage: Json, *keys: str) -> int:
    """The number at a path of keys; 0 where there is none, or what is there is no count."""
    value: Any = usage
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if type(value) is int and value > 0 else 0


def _anthropic_tokens(usage: Json) -> Tokens:
    cached = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    hour = min(written, _count(usage, "cache_creation", "ephemeral_1h_input_tokens"))
    return Tokens(
        input=_count(usage, "input_tokens") + cached + written,
        cached=cached,
        written=written - hour,
        written_hour=hour,
        output=_count(usage, "output_tokens"),
    )


def _chat_tokens(usage: Json) -> Tokens:
    cached = _count(usage, "prompt_tokens_details", "cached_tokens")
    return Tokens(
        input=_count(usage, "prompt_tokens"),
        cached=cached or _count(usage, "cached_tokens"),  # Moonshot
        written=_count(usage, "prompt_tokens_details", "cache_write_tokens"),
        output=_count(usage, "completion_tokens"),
    )


def _responses_tokens(usage: Json) -> Tokens:
    return Tokens(
        input=_count(usage, "input_tokens"),
        cached=_count(usage, "input_tokens_details", "cached_tokens"),
        written=_count(usage, "input_tokens_details", "cache_write_tokens"),
        output=_count(usage, "output_tokens"),
    )


def _gemini_tokens(usage: Json) -> Tokens:
    return Tokens(
        input=_count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        cached=_count(usage, "cachedContentTokenCount"),
        output=_count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount"),
    )


def _anthropic_error(_status: int, code: str, message: str) -> Json:
    return {"type": "error", "error": {"type": code, "message": message}}


def _openai_error(_status: int, code: str, message: str) -> Json:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


_GEMINI_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
}


def _gemini_error(status: int, code: str, message: str) -> Json:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    detail = {"@type": kind, "reason": code.upper(), "domain": "ao-actions"}
    name = _GEMINI_STATUS.get(status, "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "status": name, "details": [detail]}}


ANTHROPIC = Protocol(
    path=re.compile(r"/messages$"),
    inside="message",
    usage="usage",
    model="model",
    tokens=_anthropic_tokens,
    refusal=403,
    error=_anthropic_error,
)
CHAT = Protocol(
    path=re.compile(r"/chat/completions$"),
    inside="choices",  # Moonshot's streams tell the usage there
    usage="usage",
    model="model",
    tokens=_chat_tokens,
    refusal=400,
    error=_openai_error,
)
RESPONSES = Protocol(
    path=re.compile(r"/responses$"),
    inside="response",
    usage="usage",
    model="model",
    tokens=_responses_tokens,
    refusal=400,
    error=_openai_error,
)
GEMINI = Protocol(
    path=re.compile(r"/models/[^/]+:(stream)?generatecontent$"),
    inside=None,
    usage="usageMetadata",
    model="modelVersion",
    tokens=_gemini_tokens,
    refusal=403,
    error=_gemini_error,
)
PROTOCOLS = (ANTHROPIC, CHAT, RESPONSES, GEMINI)

# For a path of no protocol (or a wrong key): whose errors a provider's clients understand.
_BY_HEADER = {"x-api-key": ANTHROPIC, "x-goog-api-key": GEMINI}


def of(method: str, path: bytes) -> Protocol | None:
    """The protocol in which this request asks for an answer; None for any other request."""
    return _spoken(path) if method == "POST" else None


def speaking(header: str, path: bytes) -> Protocol:
    """The protocol for an error, with the header that the provider takes its key in."""
    return _spoken(path) or _BY_HEADER.get(header, CHAT)


def _spoken(path: bytes) -> Protocol | None:
    # as a server would read it: what is written in another way is counted all the same
    plain = unquote(path.decode("ascii", "replace")).rstrip("/").lower()
    return next((each for each in PROTOCOLS if each.path.search(plain)), None)
