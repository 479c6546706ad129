"""What agents print for machines: JSON objects, one a line; and what the last one comes to.

Shared by the adapters. Lines that are cut, or not theirs, are passed over: anything may be printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ao_actions.agents import resets
from ao_actions.agents.base import Assignment, Exit, Outcome, last_line, sentence
from ao_actions.agents.report import is_count

Record = Mapping[str, Any]

# The beginning of the meter's refusal, which the programs pass on in their errors.
BUDGET = "ao-actions: the budget"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `read` makes of a run, before it is put together with the report."""

    outcome: Outcome
    detail: str
    until: datetime | None = None
    proven: bool = True


def objects(stdout: bytes) -> Iterator[Record]:
    """The JSON objects of a stream."""
    for line in stdout.splitlines():
        if not line.startswith(b"{"):
            continue
        try:
            record = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def mapping(value: object) -> Record:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def count(values: Iterable[Any]) -> int | None:
    """The sum of those that are counts; None if none is."""
    counts = [value for value in values if is_count(value)]
    return sum(counts) if counts else None


def finished(name: str, end: Exit) -> Verdict:
    """The verdict on a run whose last record says that all went well, whatever its exit code."""
    late = " and was then stopped at the time limit" if end.timed_out else ""
    return Verdict(Outcome.DONE, f"{name} finished{late}")


def unfinished(name: str, assignment: Assignment, end: Exit, *, why: str = "") -> Verdict:
    """The verdict on a run that ended without a last record: stopped, crashed, or never begun."""
    if end.timed_out:
        return Verdict(Outcome.TIMEOUT, f"stopped at the limit of {assignment.seconds} s")
    how = f"exit code {end.code}" if end.code >= 0 else f"signal {-end.code}"
    said = why or last_line(end.stderr) or "it said nothing"
    return Verdict(Outcome.ERROR, f"{name} ended without a result ({how}): {said}")


def doubted(why: str, secret: str) -> str:
    """What it said of its key, with the way out."""
    return f"{why.rstrip('.')}; does the secret {secret} hold a valid key?"


_LIMITS = (429, 503, 529)
_OVERLOADED = re.compile(r"\b(?:overloaded_error|server_is_overloaded)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A provider's error as an agent passes it on; header names are in lower case."""

    said: str
    status: object = None
    headers: Mapping[str, object] = field(default_factory=dict)
    body: str = ""


def refused(name: str, assignment: Assignment, refusal: Refusal, now: datetime) -> Verdict:
    """The verdict on a run that ended with a provider's error."""
    why = sentence(f"{name}: {refusal.said}")
    whole = f"{refusal.said}\n{refusal.body}"
    if BUDGET in whole:
        return Verdict(Outcome.OUT_OF_BUDGET, why)
    limited = refusal.status in _LIMITS or _OVERLOADED.search(whole)
    if limited and "insufficient_quota" not in whole:  # no time mends that one
        until = resets.in_answer(refusal.headers, refusal.body or refusal.said, now)
        return Verdict(Outcome.LIMITED, why, until)
    if refusal.status in (401, 403) and assignment.endpoint is not None:
        return Verdict(Outcome.ERROR, doubted(why, assignment.endpoint.credential))
    if assignment.endpoint is None:
        why += "; it was given no key that ao-actions knows"
    return Verdict(Outcome.ERROR, why)
