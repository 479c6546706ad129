"""What a protocol is to the server: which requests it owns, and how a turn looks on its wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.model_server.script import Answer, Failure


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in; `body` is the decoded JSON object, or empty."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: events for a stream (one chunk each), or one chunk with the whole body."""

    chunks: tuple[bytes, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Wire(Protocol):
    """One protocol."""

    def aside(self, request: Request) -> Reply | None:
        """The reply to a request that takes no turn of the script, or None."""

    def owns(self, request: Request) -> bool:
        """Whether this request takes the next turn of the script."""

    def answer(self, request: Request, answer: Answer, *, number: int) -> Reply:
        """An answer of the model; `number` counts the answers, for ids."""

    def failure(self, failure: Failure) -> Reply:
        """An error status."""
