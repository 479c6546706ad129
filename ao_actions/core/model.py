"""The nouns of the ledger: what it remembers.

What only we know; it lives in the ledger (design 3). What GitHub shows is in `observed`, what
the maintainer chose in `policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

SCHEMA = 3


class Phase(StrEnum):
    """Where a task stands. The order of the rules is in `phase.RULES`."""

    DONE = "done"
    WITHDRAWN = "withdrawn"
    WORKING = "working"
    LOST = "lost"
    PAUSED = "paused"
    NEEDS_HUMAN = "needs_human"
    PUBLISHED = "published"
    CONFLICTED = "conflicted"
    CI_FAILED = "ci_failed"
    CI_BLOCKED = "ci_blocked"
    CI_PENDING = "ci_pending"
    CHANGES_REQUESTED = "changes_requested"
    READY = "ready"
    IN_REVIEW = "in_review"
    QUEUED = "queued"


class Outcome(StrEnum):
    """How an attempt ended (design 6)."""

    CHANGES = "changes"
    NO_CHANGE = "no_change"
    LIMITED = "limited"
    OUT_OF_BUDGET = "out_of_budget"
    TIMEOUT = "timeout"
    AGENT_ERROR = "agent_error"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    LOST = "lost"


# ---- records: the ledger's side ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What work costs: US dollars at list price, tokens, seconds of agent time."""

    usd: float = 0.0
    tokens: int = 0
    seconds: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            usd=round(self.usd + other.usd, 6),
            tokens=self.tokens + other.tokens,
            seconds=self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A check that failed, and what it failed of (`core/signature.py`)."""

    check: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRerun:
    """The failed jobs of a run on `head` that are run once more, for these checks. `asked`: how
    often GitHub was asked, `at`: when last."""

    head: str
    run_id: int
    checks: tuple[str, ...]
    asked: int = 1
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One run's right to work on a task, until it publishes, is released or expires.

    `head` is the branch's commit at the claim ("" when the branch must not exist yet): the
    lease under which the branch may be moved. `items` are the feedback keys it will answer,
    `failures` the failing checks that it is to mend.
    """

    run_id: int | None = None
    reason: Phase
    agent: str
    claimed_at: datetime
    expires_at: datetime
    head: str = ""
    base: str
    items: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    reserved: Spent = field(default_factory=Spent)
    reruns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A model's limit. `until` is None where no reset time was named; `proven`: seen by more
    than text (design 7)."""

    until: datetime | None = None
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A claim that has ended. `head` is the commit it published, `session` the name that the
    agent gives to the session whose files are in the hand-off of `run_id`."""

    epoch: int
    round: int
    reason: Phase
    agent: str
    outcome: Outcome
    detail: str = ""
    head: str | None = None
    run_id: int | None = None
    started_at: datetime
    ended_at: datetime
    spent: Spent = field(default_factory=Spent)
    limit: Limit | None = None
    session: str | None = None
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that is owed. `item` is the key of what it answers.

    It goes to a review thread, or without one (`thread` "") into the conversation of the issue
    or pull request `number`. `resolve`: the thread is done with.
    """

    thread: str
    item: str
    body: str
    number: int = 0
    resolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A person's word that the ledger keeps: who said which command, and when it was obeyed."""

    login: str
    word: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Work stands still until a human acts: why, and what they can do."""

    reason: str
    ask: str
    at: datetime
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """What the ledger knows of one issue's task. `epoch` is that of its last claim.

    Of the `published` commits those in `wip` are work that a model's limit cut short. From
    commands come `held` (paused), `ended`, `retried_at`, `resumed` (a commit of somebody else's
    that we may build on), `agent` (the first choice) and what was added to the budget.
    """

    schema: int = SCHEMA
    issue: int
    epoch: int = 0
    claim: Claim | None = None
    branch: str
    pull: int | None = None
    attempts: tuple[Attempt, ...] = ()
    handled: tuple[str, ...] = ()
    spent: Spent = field(default_factory=Spent)
    owner: str
    round: int = 1
    published: tuple[str, ...] = ()
    wip: tuple[str, ...] = ()
    reruns: tuple[CheckRerun, ...] = ()
    owed: tuple[Reply, ...] = ()
    stop: Stop | None = None
    status_comment: str | None = None
    held: Word | None = None
    ended: Word | None = None
    retried_at: datetime | None = None
    resumed: str | None = None
    agent: str | None = None
    extra_attempts: int = 0
    extra_usd: float = 0.0
    created_at: datetime
    finished: Phase | None = None
    finished_at: datetime | None = None

    def this_round(self) -> tuple[Attempt, ...]:
        """The attempts since a human last set the task going."""
        return tuple(a for a in self.attempts if a.round == self.round)

    @property
    def delivered(self) -> tuple[str, ...]:
        """The commits that finished an attempt's work: what a pull request is opened for."""
        return tuple(commit for commit in self.published if commit not in self.wip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An agent that rests until its model's limit is over.

    `issue` is the task that met the limit first, `in_a_row` how often it was met without an
    answer in between, `resumed` the claims made since `until`, `notice` the id of the comment
    that tells of it.
    """

    since: datetime
    until: datetime
    issue: int | None = None
    in_a_row: int = 1
    resumed: int = 0
    notice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What spans tasks: the epoch counter, the agents' pauses, and the money of the last day
    (`day`, in UTC) on which something was claimed."""

    schema: int = SCHEMA
    epoch: int = 0
    paused: Mapping[str, Pause] = field(default_factory=dict)
    day: str = ""
    usd_today: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The whole hot ledger. `finished` holds the old records that a pass looked up."""

    fleet: Fleet = field(default_factory=Fleet)
    tasks: Mapping[int, TaskRecord] = field(default_factory=dict)
    finished: Mapping[int, TaskRecord] = field(default_factory=dict)

    def put(self, record: TaskRecord) -> Book:
        return replace(self, tasks={**self.tasks, record.issue: record})

    def live_claims(self) -> int:
        return sum(record.claim is not None for record in self.tasks.values())
