"""Everything a pass may do, as data. Each action says why (`because`).

*Transitions* change the ledger: pure functions of it (`transitions.apply`), written in one
commit and one push per pass. *Effects* change GitHub: idempotent, performed by `forge.act`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from ao_actions.core.commands import Command
from ao_actions.core.model import Failure, Outcome, Phase, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Give the task to one new run. `epoch` is the number that the ledger's counter gives it.

    `round` is 1 more than the last for a task that a human set going again.
    """

    line: ClassVar[str] = "task {0.issue}: claimed, epoch {0.epoch}, {0.reason}"
    issue: int
    epoch: int
    reason: Phase
    agent: str
    branch: str
    head: str
    base: str
    owner: str
    round: int
    items: tuple[str, ...]
    at: datetime
    expires_at: datetime
    usd: float
    because: str
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """End a claim that nobody will end: its run is gone."""

    line: ClassVar[str] = "task {0.issue}: released, epoch {0.epoch}, {0.outcome}"
    issue: int
    epoch: int
    outcome: Outcome
    at: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRerun:
    """Note, before it is asked for, that the publish job is run once more (design 3)."""

    line: ClassVar[str] = "task {0.issue}: publish is run again, epoch {0.epoch}"
    issue: int
    epoch: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCheckRerun:
    """Note, before it is asked for, that failed jobs of a head's run are run once more."""

    line: ClassVar[str] = "task {0.issue}: failed checks are run again, run {0.run_id}"
    issue: int
    head: str
    run_id: int
    checks: tuple[str, ...]
    at: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Stop the task until a human acts; a claim it may have is ended."""

    line: ClassVar[str] = "task {0.issue}: handed to a human"
    issue: int
    at: datetime
    ask: str
    url: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Move the task's record to the finished ones."""

    line: ClassVar[str] = "task {0.issue}: {0.phase}"
    issue: int
    phase: Phase
    pull: int | None
    at: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Write down what was observed, because the ledger is being written anyway."""

    line: ClassVar[str] = "task {0.issue}: noted what was seen"
    issue: int
    because: str
    run_id: int | None = None
    pull: int | None = None
    status_comment: str | None = None
    settled: tuple[str, ...] = ()
    notices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obey:
    """Do what somebody asks in a comment (`key`: what is said there is handled from now on).

    `head` is the pull request's commit as they saw it; `said`: when; `replies` become owed.
    """

    line: ClassVar[str] = "task {0.issue}: {0.words}"
    issue: int
    key: str
    login: str
    commands: tuple[Command, ...]
    head: str | None
    said: datetime
    at: datetime
    replies: tuple[Reply, ...]
    because: str

    @property
    def words(self) -> str:
        return ", ".join(f"/ao {command.word}" for command in self.commands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Say something once: the words become owed, their key is handled."""

    line: ClassVar[str] = "task {0.issue}: has something to say ({0.reply.item})"
    issue: int
    reply: Reply
    because: str


Transition = Claim | Release | CountRerun | CountCheckRerun | Escalate | Finish | Note | Obey | Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Start `ao-work.yml` for a claim."""

    line: ClassVar[str] = "task {0.issue}: start a run for epoch {0.epoch}, {0.reason}"
    issue: int
    epoch: int
    reason: Phase
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """Run the failed jobs of a run once more. `head`: the commit that it checks; when that is
    done again, a pass is woken."""

    line: ClassVar[str] = "task {0.issue}: re-run the failed jobs of run {0.run_id}"
    issue: int
    run_id: int
    because: str
    head: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    line: ClassVar[str] = "task {0.issue}: cancel run {0.run_id}"
    issue: int
    run_id: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPull:
    """Open the pull request of a published branch; title and body are in its commit `head`. None
    is opened while one from a branch of `earlier` rounds is open."""

    line: ClassVar[str] = "task {0.issue}: open a pull request from {0.branch}"
    issue: int
    branch: str
    base: str
    head: str
    earlier: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Post a reply that is owed to a review thread or to a conversation (of `number`)."""

    line: ClassVar[str] = "task {0.issue}: answer {0.reply.item} on #{0.number}"
    issue: int
    number: int
    reply: Reply
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Acknowledge a comment (`node`): `+1` done, `eyes` answered, `confused` refused."""

    line: ClassVar[str] = "task {0.issue}: acknowledge {0.key} with {0.content}"
    issue: int
    key: str
    node: str
    content: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Add and remove labels of an issue (its other labels are left alone)."""

    line: ClassVar[str] = "task {0.issue}: labels {0.changes}"
    issue: int
    add: tuple[str, ...]
    remove: tuple[str, ...]
    because: str

    @property
    def changes(self) -> str:
        return " ".join([f"+{name}" for name in self.add] + [f"-{name}" for name in self.remove])


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Make `login` an assignee of an issue or pull request (`number`)."""

    line: ClassVar[str] = "task {0.issue}: assign @{0.login} to #{0.number}"
    issue: int
    number: int
    login: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReview:
    line: ClassVar[str] = "task {0.issue}: ask @{0.login} to review #{0.pull}"
    issue: int
    pull: int
    login: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Write the task's one status comment (`comment`: its node id where it exists)."""

    line: ClassVar[str] = "task {0.issue}: write the status comment"
    issue: int
    comment: str | None
    body: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Tell the owner of `issue` once that an agent is paused (`mark` begins the comment)."""

    line: ClassVar[str] = "task {0.issue}: tell that {0.agent} is paused"
    issue: int
    agent: str
    mark: str
    body: str
    because: str


Effect = (
    Dispatch
    | Rerun
    | Cancel
    | OpenPull
    | Answer
    | React
    | Label
    | Assign
    | RequestReview
    | Report
    | Notice
)
Action = Transition | Effect


def describe(action: Action) -> str:
    """One line of what the action does, without its reason: for logs, plans and commits."""
    return action.line.format(action)
