"""Whether another attempt may start: attempts and money, reserved before they are spent.

A claim reserves its attempt's full limit, publish replaces that by what was measured, a lost
attempt keeps the reservation. So no crash can make a budget look unspent (design 3, I5).
"""

from __future__ import annotations

from ao_actions.core import text
from ao_actions.core.model import Failure, Outcome, Policy, TaskRecord

# An attempt that met a model's limit, or lost its right to work, says nothing of the task.
UNCOUNTED = frozenset({Outcome.LIMITED, Outcome.SUPERSEDED})


def attempts_made(record: TaskRecord) -> int:
    return sum(attempt.outcome not in UNCOUNTED for attempt in record.this_round())


def exhausted(record: TaskRecord | None, policy: Policy) -> str | None:
    """Which budget forbids another attempt of this round, or None."""
    if record is None:
        return None
    made = attempts_made(record)
    if made >= policy.max_attempts:
        return f"all {policy.max_attempts} attempts are used"
    usd = sum(attempt.spent.usd for attempt in record.this_round())
    if round(usd + attempt_usd(policy), 6) > policy.usd_per_task:
        return f"${usd:.2f} of ${policy.usd_per_task:.2f} are spent"
    return None


def repeated(
    record: TaskRecord | None, failures: tuple[Failure, ...], policy: Policy
) -> str | None:
    """Which of these failures has had all the attempts of this round that it may have, on
    whatever commit."""
    attempts = record.this_round() if record else ()
    for failure in failures:
        made = sum(
            attempt.outcome not in UNCOUNTED
            and any(failure.signature == before.signature for before in attempt.failures)
            for attempt in attempts
        )
        if made >= policy.attempts_per_failure:
            return f"after {made} attempts: {text.line(failure.check, limit=80)}"
    return None


def attempt_usd(policy: Policy) -> float:
    """What one attempt may spend: reserved by its claim, enforced by the meter."""
    return min(policy.usd_per_attempt, policy.usd_per_task)
