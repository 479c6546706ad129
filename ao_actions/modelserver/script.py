"""What the model says, turn by turn, in no protocol's words and no agent's tools."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Say:
    """A block of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A call of one of the agent's tools, by its name. A freeform tool takes a text as input."""

    tool: str
    input: Mapping[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """Write this whole file, with whatever tool the agent offers (`dialects`)."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Run:
    """Run a shell command, with whatever tool the agent offers (`dialects`)."""

    command: str


Block = Say | Use | Edit | Run


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the model. It stops for the tools if it uses any.

    `input_tokens` are all of the input; `cached_tokens` of them were read from a cache.
    """

    blocks: tuple[Block, ...]
    input_tokens: int = 1000
    output_tokens: int = 50
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An error. By default it is the answer to every further request.

    `kind` is the provider's word for it, where the one that belongs to `status` is not meant.
    `error` are more fields of the provider's error object. `streamed` puts the error into a stream
    that began with 200, if the request asks for a stream.
    """

    status: int
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    kind: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    streamed: bool = False


LimitKind = Literal["usage", "rate", "quota", "overloaded"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the provider; how it looks is told by the protocol's row in `limits.LIMITS`.

    `usage`: what a subscription allows is used up until `reset` (epoch second). `rate`: too many
    requests, come back after `retry_after` seconds. `quota`: nothing is left and no time helps.
    `overloaded`: the provider has no room.
    """

    kind: LimitKind
    reset: int | None = None
    retry_after: float | None = None
    message: str = ""
    once: bool = False
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks in the middle of this answer."""

    answer: Answer = field(default_factory=lambda: Answer((Say("cut"),)))
    once: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is accepted and never answered."""

    once: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """An answer whose parts come spread over this many seconds."""

    answer: Answer
    seconds: float


Turn = Answer | Failure | Limit | Cut | Hang | Slow


@dataclass(frozen=True, slots=True)
class Scenario:
    """The turns of one task: of the conversations in which `when` occurs ("" occurs in all)."""

    turns: tuple[Turn, ...]
    when: str = ""
