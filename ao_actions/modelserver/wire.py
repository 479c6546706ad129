"""What a protocol is to the server: which requests it owns, and how a turn looks on its wire."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ao_actions.modelserver.script import Answer, Failure, Say, Use

# The only model in the lists; a request may name any.
MODEL = "scripted-model"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in; `body` is the decoded JSON object, or empty."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def route(self) -> str:
        """The path without its query. Whatever stands before a protocol's own path is ignored."""
        return self.path.partition("?")[0]

    @property
    def text(self) -> str:
        """Every text of the conversation: system prompt, messages, results, not the tools."""
        return "\n".join(
            text for key, value in self.body.items() if key != "tools" for text in _texts(value)
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: events for a stream (one chunk each), or one chunk with the whole body.

    `seconds` is the time over which the chunks are spread; one that is not `whole` ends in a
    broken connection.
    """

    chunks: tuple[bytes, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    seconds: float = 0
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a request offers; `schema` is the JSON schema of its input."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    freeform: bool = False

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.schema.get("properties") or {}
        return found


@dataclass(frozen=True, slots=True)
class Spoken:
    """An answer in the tools of its request: what a protocol has to put on the wire."""

    blocks: tuple[Say | Use, ...]
    usage: Answer

    @property
    def uses_tools(self) -> bool:
        return any(isinstance(block, Use) for block in self.blocks)


class Wire(Protocol):
    """One protocol."""

    name: str  # its row in `limits.LIMITS`

    def aside(self, request: Request) -> Reply | None:
        """The reply to a request that takes no turn of the script, or None."""

    def owns(self, request: Request) -> bool:
        """Whether this request asks the model."""

    def tools(self, request: Request) -> tuple[Tool, ...]:
        """The tools that it offers."""

    def answer(self, request: Request, spoken: Spoken, *, number: int) -> Reply:
        """An answer of the model; `number` counts the answers, for ids."""

    def failure(self, request: Request, failure: Failure) -> Reply:
        """An error."""


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def whole(value: object, failure: Failure | None = None) -> Reply:
    """One JSON body, of an answer or of a failure."""
    if failure is None:
        return Reply((encoded(value),))
    return Reply((encoded(value),), status=failure.status, headers=failure.headers)


def stream(events: Iterable[Mapping[str, Any]], *, named: bool, done: bool = False) -> Reply:
    """Server-sent events: `named` by their type, `done` ends as the Chat protocol does."""
    chunks = [
        (f"event: {event['type']}\n".encode() if named else b"")
        + b"data: "
        + encoded(event)
        + b"\n\n"
        for event in events
    ]
    if done:
        chunks.append(b"data: [DONE]\n\n")
    return Reply(tuple(chunks), content_type="text/event-stream")


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON list; a request may hold anything."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def offered(tools: object, *schemas: str) -> tuple[Tool, ...]:
    """The tools of a JSON list; the schema of the input stands under one of these keys."""
    return tuple(
        Tool(
            tool["name"],
            tool.get("description") or "",
            next((tool[key] for key in schemas if tool.get(key)), {}),
            freeform=tool.get("type") == "custom",
        )
        for tool in mappings(tools)
        if "name" in tool
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
