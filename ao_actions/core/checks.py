"""The checks of a task's head: which are red, whether that is all of it, and what follows.

The one caller of `triage`. What was looked up of red checks is in `Pull.red`, what was run once
more is in the ledger (`TaskRecord.reruns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from ao_actions.core import text
from ao_actions.core.model import CheckRerun, Failure
from ao_actions.core.observed import Check, Pull, Task
from ao_actions.core.policy import Policy
from ao_actions.core.triage import PASSED, Do, FailedCheck, Kind, Triage, triage

SHOWN = timedelta(minutes=5)  # in which a re-run that GitHub has begun is to be seen
ASKED = 2  # how often GitHub is asked for a re-run that does not begin
NAMED = 5  # checks that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RedHead:
    """What was looked up of a head's red checks; `base`: the conclusions of the checks on the
    base branch's head, by name (None: not finished). Each look is one of its own (`_triage`)."""

    checks: tuple[FailedCheck, ...]
    base: Mapping[str, str | None] = field(default_factory=dict)


def red(pull: Pull) -> tuple[Check, ...]:
    """The checks that ended and did not pass, whatever the reason."""
    return tuple(c for c in pull.checks if c.result is not None and c.result not in PASSED)


def running(pull: Pull) -> tuple[Check, ...]:
    return tuple(check for check in pull.checks if check.result is None)


def undecided(task: Task, policy: Policy) -> bool:
    """Whether the head has red checks that are to be judged now, and nobody has looked."""
    return task.pull is not None and task.pull.red is None and _settled(task.pull, task, policy)


def judged(task: Task, policy: Policy) -> Triage | None:
    """What to do about the red checks of the head, once all of them are known: so that one
    attempt gets all. None where nothing is red, or it is too early to tell."""
    pull, record = task.pull, task.record
    if pull is None or record is None or pull.red is None or not _settled(pull, task, policy):
        return None
    attempts = {check.run_id: check.attempt for check in pull.red.checks}
    over = frozenset(
        name
        for rerun in record.reruns
        if rerun.head == pull.head and not _open(rerun, attempts.get(rerun.run_id), task.now)
        for name in rerun.checks
    )
    return _triage(pull.red, over)


@lru_cache(maxsize=256)
def _triage(red: RedHead, over: frozenset[str]) -> Triage:
    """Once for a look: the rules of the phases ask many times, and logs are long."""
    return triage(red.checks, base=red.base, reruns=over)


def for_agent(task: Task, policy: Policy) -> tuple[Failure, ...]:
    """The failures that an agent is to be sent for."""
    found = judged(task, policy)
    return tuple(
        Failure(check=verdict.check.name, signature=verdict.signature)
        for verdict in (found.agent if found else ())
    )


def to_rerun(task: Task, policy: Policy) -> dict[int, tuple[str, ...]]:
    """The runs whose failed jobs GitHub is to be asked to run once more now, with the checks
    that this answers. One that was asked for lately may only not show yet (I7)."""
    found, record = judged(task, policy), task.record
    if found is None or record is None:
        return {}
    lately = {rerun.run_id for rerun in record.reruns if task.now - rerun.at < SHOWN}
    return {run: names for run, names in found.reruns.items() if run not in lately}


def waits_for_approval(found: Triage) -> bool:
    """Whether all that a human is asked for is to let a check go on."""
    kinds = {verdict.kind for verdict in found.verdicts if verdict.do is Do.ASK}
    return kinds == {Kind.APPROVAL_NEEDED}


def sentence(found: Triage) -> str:
    """Why, for people; names of checks are cut and harmless already (`triage`)."""
    return _few(found.because, "; ")


def request(found: Triage, pull: Pull) -> str:
    """Why, what a human can do, and where to look."""
    return f"{sentence(found)}; {_few(found.ask, '; ')} ({pull.url}/checks)"


def names(checks: tuple[Check, ...]) -> str:
    """Names of checks for a sentence of ours: whoever reports a check chooses its name."""
    return _few(tuple(text.line(check.name, limit=80) for check in checks), ", ")


def _few(parts: tuple[str, ...], between: str) -> str:
    more = (f"{len(parts) - NAMED} more",) if len(parts) > NAMED else ()
    return between.join((*parts[:NAMED], *more))


def _settled(pull: Pull, task: Task, policy: Policy) -> bool:
    """Whether red checks are all that the head will have; what never reports is not waited for
    beyond the deadline."""
    if not red(pull) or pull.suites_waiting:
        return False
    late = task.now - pull.head_at > policy.ci_deadline
    return late or not (running(pull) or pull.suites_open)


def _open(rerun: CheckRerun, attempt: int | None, now: datetime) -> bool:
    """Asked for, and not begun: GitHub may never have heard of it."""
    return attempt == 1 and (rerun.asked < ASKED or now - rerun.at < SHOWN)
