"""What may be removed of finished tasks, and why: branches and hand-offs, nothing else.

It is afraid. A branch goes only when the ledger proves that we made its head, no open pull request
needs it, and no commit is lost: it is merged, or all of it is ours, the task was abandoned a month
ago, and it is kept under `refs/ao/attic` in the same push. Whatever is not proven stays, with a
reason. Like `decide` these are rules over facts: what a dry run prints is what is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from ao_actions.core.model import Phase, TaskRecord
from ao_actions.core.transitions import earlier_branches

ABANDONED = timedelta(days=30)
ATTIC = "refs/ao/attic"
HANDOFF = re.compile(r"handoff-([1-9][0-9]*)-([1-9][0-9]*)(?:-[0-9]{1,4})?", re.ASCII)


# ---- facts ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch as it is. `merged` says how its head got into the default branch ("": it did not),
    `beyond` are its commits that the default branch lacks, `pulls` the open pull requests from it
    or onto it."""

    name: str
    head: str
    merged: str = ""
    beyond: tuple[str, ...] = ()
    pulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One that has not expired, of run `run_id`."""

    id: int
    name: str
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left of tasks. `finished` are records of tasks that are not live, `branches` those
    of their branches that exist, `attic` what lies there: ref to commit."""

    now: datetime
    default_branch: str
    finished: Mapping[int, TaskRecord]
    branches: Mapping[str, Branch] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    attic: Mapping[str, str] = field(default_factory=dict)


# ---- actions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteBranch:
    """Delete the branch if `head` is still its commit. `attic` is a ref that is to hold this
    commit from the same moment on ("": the default branch has what it did)."""

    line: ClassVar[str] = "task {0.issue}: delete branch {0.branch} at {0.head:.12}{0.kept}"
    issue: int
    branch: str
    head: str
    attic: str
    because: str

    @property
    def kept(self) -> str:
        return f", keep it as {self.attic}" if self.attic else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteArtifact:
    line: ClassVar[str] = "task {0.issue}: delete artifact {0.name} of run {0.run_id}"
    issue: int
    id: int
    name: str
    run_id: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Nothing is done about a branch that looks like one of ours."""

    line: ClassVar[str] = "task {0.issue}: keep branch {0.branch}"
    issue: int
    branch: str
    because: str


Action = DeleteBranch | DeleteArtifact | Keep


def describe(action: Action) -> str:
    """One line of what the action does, without its reason."""
    return action.line.format(action)


# ---- rules ---------------------------------------------------------------------------------


def branches_of(record: TaskRecord, prefix: str) -> tuple[str, ...]:
    """The names under which the task may have pushed: its branch, and those of rounds before."""
    return (*earlier_branches(record, prefix), record.branch)


def made(record: TaskRecord) -> frozenset[str]:
    """The commits that the ledger proves to be ours. An issue that comes back begins a new list
    of published commits; its attempts still name the old ones."""
    return frozenset(
        [*record.published, *(attempt.head for attempt in record.attempts if attempt.head)]
    )


def plan(remains: Remains, prefix: str) -> tuple[Action, ...]:
    """What is to be done about all that is left, by issue."""
    return (*_branches(remains, prefix), *_artifacts(remains))


def _branches(remains: Remains, prefix: str) -> Iterator[Action]:
    taken = set(remains.attic)
    for record in sorted(remains.finished.values(), key=lambda each: each.issue):
        for name in branches_of(record, prefix):
            if name not in remains.branches:
                continue
            action = _branch(remains, record, remains.branches[name], taken)
            if isinstance(action, DeleteBranch):
                taken.add(action.attic)
            yield action


def _branch(
    remains: Remains, record: TaskRecord, branch: Branch, taken: Iterable[str]
) -> DeleteBranch | Keep:
    doubt = _doubt(remains, record, branch)
    if doubt is not None:
        return Keep(issue=record.issue, branch=branch.name, because=doubt)
    because = branch.merged or f"its task was withdrawn on {record.finished_at:%Y-%m-%d}"
    return DeleteBranch(
        issue=record.issue,
        branch=branch.name,
        head=branch.head,
        attic="" if branch.merged else _place(record.issue, taken),
        because=because,
    )


def _doubt(remains: Remains, record: TaskRecord, branch: Branch) -> str | None:
    """Why the branch has to stay; first reason first."""
    if branch.name == remains.default_branch:
        return "it is the default branch"
    if branch.pulls:
        return f"#{branch.pulls[0]} is open"
    if branch.head not in made(record):
        return f"the ledger does not know its commit {branch.head:.12}"
    return _loss(remains, record, branch)


def _loss(remains: Remains, record: TaskRecord, branch: Branch) -> str | None:
    """What would be lost, or missed, with the branch."""
    ours = made(record)
    strange = next((commit for commit in branch.beyond if commit not in ours), None)
    if strange is not None:
        return f"{remains.default_branch} lacks its commit {strange:.12}, which is not ours"
    if branch.merged:
        return None
    if record.finished is not Phase.WITHDRAWN and branch.name == record.branch:
        return "it is not merged"
    return _too_soon(remains, record)


def _too_soon(remains: Remains, record: TaskRecord) -> str | None:
    """Nobody may miss an abandoned task's work before a month is over."""
    if record.finished_at is None or remains.now - record.finished_at < ABANDONED:
        return f"it is not merged, and its task ended less than {ABANDONED.days} days ago"
    return None


def _place(issue: int, taken: Iterable[str]) -> str:
    number = 1
    while f"{ATTIC}/{issue}/{number}" in taken:
        number += 1
    return f"{ATTIC}/{issue}/{number}"


def _artifacts(remains: Remains) -> Iterator[DeleteArtifact]:
    """Hand-offs by their exact name, of runs that the ledger knows. What a withdrawn task left
    may still be wanted: it waits as long as a branch does."""
    for artifact in sorted(remains.artifacts, key=lambda each: each.id):
        named = HANDOFF.fullmatch(artifact.name)
        record = remains.finished.get(int(named[1])) if named else None
        if named is None or record is None:
            continue
        runs = {(attempt.epoch, attempt.run_id) for attempt in record.attempts}
        if (int(named[2]), artifact.run_id) not in runs:
            continue
        if record.finished is Phase.DONE:
            because = "its task is done"
        elif _too_soon(remains, record) is None:
            because = f"its task was withdrawn on {record.finished_at:%Y-%m-%d}"
        else:
            continue
        yield DeleteArtifact(
            issue=record.issue,
            id=artifact.id,
            name=artifact.name,
            run_id=artifact.run_id,
            because=because,
        )
