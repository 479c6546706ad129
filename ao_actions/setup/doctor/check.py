"""What a check is: one value with a name, a reason, and a function from facts to a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ao_actions.setup.doctor.context import Context


class Level(StrEnum):
    """How it stands. Unknown: GitHub does not say, or not to this token."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, how to mend it, and a function that mends it where that is safe.

    `fix` says in a few words what it did.
    """

    level: Level
    what: str
    mend: str = ""
    fix: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """`why` says what breaks for the user when the check fails."""

    name: str
    why: str
    examine: Callable[[Context], Finding]


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warn(what: str, mend: str, fix: Callable[[], str] | None = None) -> Finding:
    return Finding(Level.WARN, what, mend, fix)


def fail(what: str, mend: str, fix: Callable[[], str] | None = None) -> Finding:
    return Finding(Level.FAIL, what, mend, fix)


def unknown(what: str, watch: str) -> Finding:
    """`watch`: how to learn it, or what to watch for."""
    return Finding(Level.UNKNOWN, what, watch)
