"""The nouns: what the ledger remembers and what GitHub shows.

Two families. *Records* are what only we know; they live in the ledger (design 3).
*Observations* are read from GitHub on each pass and never stored (design 2.3).
`None` in an observation's optional field means "not looked up yet".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ao_actions.core.checks import RedHead

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


# ---- observations: GitHub's side -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFacts:
    """What is looked up only for issues that may be claimed now.

    `merged_at` is the time of the last merge of a pull request that closes the issue,
    `opened_at` the time it was opened or last reopened, `paths` are those that its text names.
    """

    labelled_by: str
    labelled_at: datetime
    trusted: bool
    open_pulls: tuple[int, ...] = ()
    merged_at: datetime | None = None
    opened_at: datetime
    blocked_by: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    number: int
    title: str
    url: str
    is_open: bool
    labels: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    created_at: datetime
    labelled_at: datetime | None = None
    facts: IssueFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check run or commit status on the head. `result` None: not finished."""

    name: str
    result: str | None
    url: str = ""
    run_id: int | None = None
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewComment:
    """One comment of a thread. `ours`: written under the viewer's own name."""

    id: int
    author: str
    body: str
    created_at: datetime
    edited_at: datetime | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment in the conversation of an issue or pull request (`number`). `node` is its id in
    GraphQL; `reacted`: the viewer has acknowledged it."""

    id: int
    node: str
    number: int
    author: str
    body: str
    created_at: datetime
    edited_at: datetime | None = None
    ours: bool = False
    reacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of a pull request, as far as it says who made it."""

    oid: str
    headline: str
    committer: str = ""  # e-mail address
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    id: str
    path: str
    line: int | None
    resolved: bool
    comments: tuple[ReviewComment, ...]
    start_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    id: int
    author: str
    state: str
    body: str
    submitted_at: datetime
    node: str = ""
    edited_at: datetime | None = None
    reacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request. `threads` is None until they were looked up (see `open_threads`), and so is
    `red`, what is to be known of red checks (`core/checks.py`); `recent`, its newest commits,
    oldest first, until somebody else's was seen at its head."""

    number: int
    url: str
    state: str  # OPEN | CLOSED | MERGED
    author: str
    draft: bool = False
    head: str
    recent: tuple[Commit, ...] | None = None
    head_at: datetime
    base: str
    mergeable: str = "MERGEABLE"  # MERGEABLE | CONFLICTING | UNKNOWN
    review_decision: str | None = None
    checks: tuple[Check, ...] = ()
    suites_waiting: int = 0  # check suites that wait for a human's approval
    suites_open: int = 0  # check suites that have not finished
    red: RedHead | None = None
    reviews: tuple[Review, ...] = ()
    requested: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    open_threads: int = 0
    threads: tuple[Thread, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of `ao-work.yml`. `handoff` is None until its artifacts were listed."""

    id: int
    title: str
    status: str
    conclusion: str | None
    url: str
    created_at: datetime
    handoff: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusComment:
    id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that one pass decides from.

    `branches` maps the live tasks' branch names to their commits (absent: no such branch),
    `comments` their issues to what was said there and on their pull requests lately,
    `trusted` the logins that were looked up to whether they may write, `notices` paused agents
    to the comment that tells of their pause, `files` live tasks to what their pull requests
    change, where that was looked up.
    """

    now: datetime
    default_branch: str
    book: Book
    issues: Mapping[int, Issue]
    pulls: Mapping[int, Pull] = field(default_factory=dict)  # by issue number
    branches: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[Run, ...] | None = None
    comments: Mapping[int, tuple[Comment, ...]] = field(default_factory=dict)
    status_comments: Mapping[int, StatusComment] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    trusted: Mapping[str, bool] = field(default_factory=dict)
    files: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # by issue number


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The agent that takes a task next, from `at` on. `until`: the end of that agent's pause,
    where it is paused; `place`: the task's place among those that wait for it."""

    agent: str
    at: datetime
    until: datetime | None = None
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One issue with all that is known of it: what the phase table looks at.

    `day_opens`: when there is money again, if today's is spent.
    """

    now: datetime
    issue: Issue
    record: TaskRecord | None = None
    pull: Pull | None = None
    branch_head: str | None = None
    run: Run | None = None
    runs_known: bool = False
    comments: tuple[Comment, ...] = ()
    trusted: Mapping[str, bool] = field(default_factory=dict)
    day_opens: datetime | None = None
    turn: Turn | None = None  # None: an agent may take it at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The names of our labels, all from one prefix."""

    ready: str = "ao:ready"
    working: str = "ao:working"
    review: str = "ao:review"
    needs_human: str = "ao:needs-human"
    paused: str = "ao:paused"
    priority: str = "ao:priority"


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
    # the head start of a publish job before a pass completes what it may have left undone
    publish_grace: timedelta = timedelta(minutes=2)
    # how long a run may wait for a runner before a human is asked
    queue_limit: timedelta = timedelta(hours=6)
    ci_deadline: timedelta = timedelta(hours=6)
    no_ci_after: timedelta = timedelta(minutes=10)
    # after the last word of a review; several in a row are one attempt
    settle: timedelta = timedelta(minutes=2)
