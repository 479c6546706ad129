"""The hand-off: what an attempt made, as the `publish` job gets it.

`outcome.json` (strict), `work.bundle` (one commit on top of the commit the attempt began
with) and `transcript.txt`. To publish all of it is tainted: an agent may have written any of
these files (design 6).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ao_actions.core import codec
from ao_actions.core.model import Outcome, Spent
from ao_actions.errors import AoError

OUTCOME = "outcome.json"
BUNDLE = "work.bundle"
TRANSCRIPT = "transcript.txt"
BUNDLE_REF = "refs/ao/work"
SCHEMA = 1

OUTCOME_LIMIT = 512 * 1024
BUNDLE_LIMIT = 100 * 1024 * 1024
SESSION = re.compile(r"[A-Za-z0-9_-]{1,100}")
COST_LIMIT = 10**12  # of any figure: no sum of them may grow beyond what JSON can hold
# What an agent's attempt can come to; the others are for publish and reconcile to say.
SAYABLE = (
    Outcome.CHANGES,
    Outcome.NO_CHANGE,
    Outcome.LIMITED,
    Outcome.OUT_OF_BUDGET,
    Outcome.TIMEOUT,
    Outcome.AGENT_ERROR,
)


class TaintedError(AoError):
    """The hand-off breaks a rule. The message names the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadReply:
    """An agent's answer to one review thread or comment (`thread`: its name in the brief)."""

    thread: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One verify command and whether it passed at the end."""

    command: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """`outcome.json`. `proven`: a limit was seen by more than text (design 7). `session`: the
    agent's name for the session whose files lie beside it. `skipped` are the names of what was
    said that had changed or gone since the claim: it was not looked at."""

    schema: int = SCHEMA
    outcome: Outcome
    detail: str = ""
    message: str = ""
    spent: Spent | None = None
    until: datetime | None = None
    proven: bool = False
    session: str | None = None
    replies: tuple[ThreadReply, ...] = ()
    skipped: tuple[str, ...] = ()
    verified: tuple[Verification, ...] = ()


def write(folder: Path, handoff: Handoff) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(codec.encode(handoff), indent=1)
    (folder / OUTCOME).write_text(text, encoding="utf-8")


def read(folder: Path) -> Handoff | None:
    """The hand-off in a folder, or None where there is none.

    :raises TaintedError: it is too large, not the JSON that is wanted, or says too much
    """
    path = folder / OUTCOME
    if not path.exists() and not path.is_symlink():
        return None
    if path.is_symlink() or not path.is_file() or path.stat().st_size > OUTCOME_LIMIT:
        raise TaintedError(f"{OUTCOME} is not a file of at most {OUTCOME_LIMIT} bytes")
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
        handoff = codec.decode(Handoff, value)
    except (ValueError, RecursionError) as error:
        raise TaintedError(f"{OUTCOME}: {error}") from None
    if handoff.schema != SCHEMA or handoff.outcome not in SAYABLE:
        raise TaintedError(f"{OUTCOME}: schema {handoff.schema}, outcome {handoff.outcome}")
    cost = handoff.spent
    figures = (cost.usd, cost.tokens, cost.seconds) if cost else ()
    if not all(0 <= figure <= COST_LIMIT for figure in figures):
        raise TaintedError(f"{OUTCOME}: a cost that cannot be")
    if handoff.session is not None and not SESSION.fullmatch(handoff.session):
        raise TaintedError(f"{OUTCOME}: a session's name that cannot be")
    return handoff


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two readers of a key that stands twice, each may believe another value."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def bundle(folder: Path) -> Path | None:
    """The bundle's path, or None where there is none.

    :raises TaintedError: it is not a plain file, or too large
    """
    path = folder / BUNDLE
    if not path.exists() and not path.is_symlink():
        return None
    if path.is_symlink() or not path.is_file() or path.stat().st_size > BUNDLE_LIMIT:
        raise TaintedError(f"{BUNDLE} is not a file of at most {BUNDLE_LIMIT} bytes")
    return path
