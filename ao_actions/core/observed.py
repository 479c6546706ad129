"""What GitHub shows: read on each pass and never stored (design 2.3).

`None` in an optional field means "not looked up yet".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ao_actions.core.model import Book, TaskRecord

if TYPE_CHECKING:
    from ao_actions.core.checks import RedHead


@dataclass(frozen=True, slots=True)
class Touch:
    """Somebody did something to an issue: put a label on, changed its title or text."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFacts:
    """What is looked up only for issues that may be claimed now.

    `labelled_by` is "" where that cannot be seen any more, `assigned` the one person with write
    permission whom the issue is assigned to, `changed_by` whoever without it changed its text
    since somebody with it looked (`core/looked.py`), `merged_at` the time of the last merge of a
    pull request that closes the issue, `opened_at` the time it was opened or last reopened;
    `paths` are those that its text names.
    """

    labelled_by: str
    labelled_at: datetime
    trusted: bool
    assigned: str = ""
    changed_by: str | None = None
    open_pulls: tuple[int, ...] = ()
    merged_at: datetime | None = None
    opened_at: datetime
    blocked_by: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def by_bot(self) -> bool:
        return self.labelled_by.endswith("[bot]")

    @property
    def owner(self) -> str:
        """Who answers for the work: never a bot."""
        return self.assigned if self.by_bot else self.labelled_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue with our label, or a task's. Of a live task's, `marks` says who put the label on
    (`labelled_at`: the last one), `edits` who changed the title, and the text the last time."""

    number: int
    title: str
    url: str
    is_open: bool
    labels: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    created_at: datetime
    labelled_at: datetime | None = None
    marks: tuple[Touch, ...] = ()
    edits: tuple[Touch, ...] = ()
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
    """A run of `ao-work.yml`. `handoff` is None until its artifacts were listed, `ended_at` until
    it is completed."""

    id: int
    title: str
    status: str
    conclusion: str | None
    url: str
    created_at: datetime
    ended_at: datetime | None = None
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
    `earlier_pulls` to an open pull request from the branch of an earlier round,
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
    earlier_pulls: Mapping[int, int] = field(default_factory=dict)
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
    earlier_pull: int | None = None
    run: Run | None = None
    runs_known: bool = False
    comments: tuple[Comment, ...] = ()
    trusted: Mapping[str, bool] = field(default_factory=dict)
    day_opens: datetime | None = None
    turn: Turn | None = None  # None: an agent may take it at once
