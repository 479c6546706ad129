"""What the model says, turn by turn, in no protocol's words.

A script is a tuple of turns. It can also be written as plain data (YAML or JSON), see `turns`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Say:
    """A block of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A call of one of the agent's tools."""

    tool: str
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the model. It stops for the tools if it uses any."""

    blocks: tuple[Say | Use, ...]
    input_tokens: int = 1000
    output_tokens: int = 50

    @property
    def uses_tools(self) -> bool:
        return any(isinstance(block, Use) for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error status. By default it is the answer to every further request."""

    status: int
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)
    once: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks in the middle of this answer."""

    answer: Answer = field(default_factory=lambda: Answer((Say("cut"),)))
    once: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is accepted and never answered."""

    once: bool = False


Turn = Answer | Failure | Cut | Hang


def turns(data: Iterable[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """Read a script from plain data: one mapping per turn.

    `{say: TEXT}`, `{use: TOOL, input: {...}}`, `{blocks: [...]}`, `{status: 429, message: TEXT,
    headers: {...}}`, `{cut: TEXT}`, `{hang: true}`; `once: true` where only one request is to fail.
    """
    return tuple(_turn(dict(item)) for item in data)


def _turn(item: dict[str, Any]) -> Turn:
    if "status" in item:
        return Failure(**item)
    once = bool(item.get("once", False))
    if "cut" in item:
        return Cut(Answer((Say(item["cut"]),)), once=once)
    if "hang" in item:
        return Hang(once=once)
    parts = item.get("blocks", [item])
    blocks = tuple(_block(part) for part in parts)
    tokens = {key: item[key] for key in ("input_tokens", "output_tokens") if key in item}
    return Answer(blocks, **tokens)


def _block(part: Mapping[str, Any]) -> Say | Use:
    if "say" in part:
        return Say(part["say"])
    return Use(part["use"], part.get("input", {}))
