"""What a parser of outside text is to the fuzzers: what it is given and what must hold then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """`check` calls the parser with an example and asserts; any exception is a crash."""

    name: str
    examples: st.SearchStrategy[Any]
    check: Callable[[Any], None]

    def __repr__(self) -> str:
        return f"the parser of {self.name}"


TARGETS: list[Target] = []


def target(
    name: str, examples: st.SearchStrategy[Any]
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Enter a check into the table."""

    def enter(check: Callable[[Any], None]) -> Callable[[Any], None]:
        TARGETS.append(Target(name, examples, check))
        return check

    return enter
