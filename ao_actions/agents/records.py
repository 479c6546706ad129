"""What agents print for machines: JSON objects, one a line; and how a run without a last one ended.

Shared by the adapters. Lines that are cut, or not theirs, are passed over: anything may be printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ao_actions.agents.base import Assignment, Exit, Outcome, last_line
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
