"""Whether another attempt may start: attempts and money, reserved before they are spent.

A claim reserves its attempt's full limit, publish replaces that by what was measured, a lost
attempt keeps the reservation. So no crash can make a budget look unspent (design 3, I5).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ao_actions.core import text
from ao_actions.core.model import Claim, Failure, Fleet, Outcome, Phase, Spent, TaskRecord
from ao_actions.core.policy import Policy

# An attempt that met a model's limit, or lost its right to work, says nothing of the task.
UNCOUNTED = frozenset({Outcome.LIMITED, Outcome.SUPERSEDED})


def attempts_made(record: TaskRecord) -> int:
    """Attempts of this round; answers to reviews are counted by themselves."""
    return _made(record, review=False)


def attempts(record: TaskRecord, policy: Policy) -> int:
    """How many attempts a round of the task has."""
    return policy.budget.attempts + record.extra_attempts


def exhausted(record: TaskRecord | None, policy: Policy, reason: Phase) -> str | None:
    """Which budget forbids another attempt of this round for this reason, or None."""
    if record is None:
        return None
    if reason is Phase.CHANGES_REQUESTED:
        rounds = policy.budget.review_rounds + record.extra_attempts
        if _made(record, review=True) >= rounds:
            return f"all {rounds} rounds of review are used"
    elif attempts_made(record) >= attempts(record, policy):
        return f"all {attempts(record, policy)} attempts are used"
    usd = sum(attempt.spent.usd for attempt in record.this_round())
    limit = policy.budget.usd_per_task + record.extra_usd
    if round(usd + attempt_usd(policy), 6) > limit:
        return f"${usd:.2f} of ${limit:.2f} are spent"
    return None


def repeated(
    record: TaskRecord | None, failures: tuple[Failure, ...], policy: Policy
) -> str | None:
    """Which of these failures has had all the attempts of this round that it may have, on
    whatever commit."""
    if record is None:
        return None
    limit = policy.budget.attempts_per_failure + record.extra_attempts
    for failure in failures:
        made = sum(
            attempt.outcome not in UNCOUNTED
            and any(failure.signature == before.signature for before in attempt.failures)
            for attempt in record.this_round()
        )
        if made >= limit:
            return f"after {made} attempts: {text.line(failure.check, limit=80)}"
    return None


def _made(record: TaskRecord, *, review: bool) -> int:
    return sum(
        (attempt.reason is Phase.CHANGES_REQUESTED) is review and attempt.outcome not in UNCOUNTED
        for attempt in record.this_round()
    )


def attempt_usd(policy: Policy) -> float:
    """What one attempt may spend: reserved by its claim, enforced by the meter."""
    budget = policy.budget
    return min(
        budget.usd_per_attempt, budget.usd_per_task, budget.usd_per_day or budget.usd_per_task
    )


# ---- the day's money, of all tasks ---------------------------------------------------------


def day_opens(fleet: Fleet, policy: Policy, now: datetime) -> datetime | None:
    """When there is money for another attempt, if there is none today; days are UTC's."""
    limit = policy.budget.usd_per_day
    if limit is None or fleet.day != _day(now):
        return None
    if round(fleet.usd_today + attempt_usd(policy), 6) <= limit:
        return None
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def reserved(fleet: Fleet, usd: float, at: datetime) -> Fleet:
    """The fleet after a claim that reserves so much: it counts on the day of the claim."""
    before = fleet.usd_today if fleet.day == _day(at) else 0.0
    return replace(fleet, day=_day(at), usd_today=round(before + usd, 6))


def settled(fleet: Fleet, claim: Claim, spent: Spent | None) -> Fleet:
    """The fleet after a claim whose real cost is known (None: the reservation stands)."""
    if spent is None or fleet.day != _day(claim.claimed_at):
        return fleet
    usd = fleet.usd_today - claim.reserved.usd + spent.usd
    return replace(fleet, usd_today=round(max(usd, 0.0), 6))


def _day(at: datetime) -> str:
    return at.date().isoformat()
