"""What the maintainer chose, as the core needs it (see `config`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The names of our labels, all from one prefix."""

    ready: str = "ao:ready"
    working: str = "ao:working"
    review: str = "ao:review"
    needs_human: str = "ao:needs-human"
    paused: str = "ao:paused"
    priority: str = "ao:priority"
    allow: str = "ao:allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent, in attempts and US dollars: of one round of a task, but for the last.

    `attempts_per_failure` is for one and the same failing check, `review_rounds` for attempts
    that answer reviews, `usd_per_day` (None: no limit) for all tasks of a day in UTC.
    """

    attempts: int = 4
    attempts_per_failure: int = 2
    review_rounds: int = 5
    usd_per_attempt: float = 5.0
    usd_per_task: float = 20.0
    usd_per_day: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the maintainer chose, as the core needs it (see `config`).

    `bots` are the bots whose reviews and comments count, as their logins are shown: `name[bot]`.
    """

    max_parallel: int = 3
    budget: Budget = field(default_factory=Budget)
    agents: tuple[str, ...] = ("claude-code",)
    bots: tuple[str, ...] = ()
    hold_overlaps: bool = False
    attempt_limit: timedelta = timedelta(minutes=45)
    branch_prefix: str = "ao/"
    labels: Labels = field(default_factory=Labels)
    # how long a run may take to appear after its dispatch before it is dispatched again
    start_grace: timedelta = timedelta(minutes=5)
    # how long a list may not know yet what a run has kept before it ended
    listing_grace: timedelta = timedelta(seconds=30)
    # the head start of a publish job before a pass completes what it may have left undone
    publish_grace: timedelta = timedelta(minutes=2)
    # how long a run may wait for a runner before a human is asked
    queue_limit: timedelta = timedelta(hours=6)
    ci_deadline: timedelta = timedelta(hours=6)
    no_ci_after: timedelta = timedelta(minutes=10)
    # after the last word of a review; several in a row are one attempt
    settle: timedelta = timedelta(minutes=2)
