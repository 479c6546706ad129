"""GitHub in memory: issues, pull requests, refs, runs and artifacts, on a clock of its own.

What is seen of it is one immutable `State`, so that an old one can be shown again (a stale read)
and two can be compared. It follows GitHub's rules where the product leans on them: leases, atomic
pushes, one open pull request a branch, a run's attempts, concurrency groups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

REPOSITORY = "acme/widgets"
BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
BOT = "ao-bot"
RIGHTS = {"maya": "admin", "bob": "write"}
WRITERS = tuple(RIGHTS)
STRANGER = "eve"
READY = "ao:ready"
WORK, RECONCILE, CI = "ao-work.yml", "ao-reconcile.yml", "ci.yml"
LEDGER, FINISHED, WITNESS = "refs/ao/ledger", "refs/ao/finished", "refs/ao/witness"
MEMORY = timedelta(seconds=60)  # for which old states can be shown


@dataclass(frozen=True, slots=True)
class Commit:
    """`files` of the ledger's commits only: a tree's content does not matter elsewhere."""

    oid: str
    parents: tuple[str, ...]
    author: str
    message: str
    at: datetime
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    number: int
    created_at: datetime
    is_open: bool = True
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    labelled: tuple[tuple[datetime, str, str], ...] = ()  # when, who, which
    reopened: tuple[datetime, ...] = ()
    edited: tuple[datetime, str] | None = None  # its text: when last, and by whom


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    id: int
    number: int
    author: str
    body: str
    created_at: datetime
    edited_at: datetime | None = None
    reactions: tuple[str, ...] = ()  # of the bot


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    id: int
    author: str
    state: str
    body: str
    submitted_at: datetime
    head: str
    reactions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    id: str
    comments: tuple[Comment, ...]
    resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """`clashes`: commits of the base that conflict with it until its head contains them.
    `merged_into`: where the base was then."""

    number: int
    issue: int
    branch: str
    head: str
    author: str
    created_at: datetime
    body: str
    state: str = "OPEN"
    draft: bool = False
    merged_at: datetime | None = None
    merged_into: str = ""
    assignees: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    threads: tuple[Thread, ...] = ()
    clashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`agent`: the conclusion of its agent job. `stuck`: no runner ever takes that one.
    `cancelled`: this attempt, by somebody; its publish job runs all the same."""

    id: int
    workflow: str
    created_at: datetime
    started_at: datetime
    updated_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    attempt: int = 1
    inputs: Mapping[str, str] = field(default_factory=dict)
    head: str = ""
    agent: str | None = None
    stuck: bool = False
    cancelled: bool = False
    flaky: bool = False

    @property
    def title(self) -> str:
        if self.workflow != WORK:
            return self.workflow
        return "ao #{task}.{epoch} {reason}".format(**self.inputs)

    @property
    def group(self) -> tuple[str, ...]:
        return (self.inputs.get("task", ""), self.inputs.get("epoch", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    id: int
    run_id: int
    name: str
    content: bytes
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that GitHub would show at one moment."""

    issues: Mapping[int, Issue] = field(default_factory=dict)
    pulls: Mapping[int, Pull] = field(default_factory=dict)
    comments: Mapping[int, Comment] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[int, Run] = field(default_factory=dict)
    artifacts: Mapping[int, Artifact] = field(default_factory=dict)


class World:
    """The one true state, and how it changes. `woke` is called for what would start a pass."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.state = State()
        self.commits: dict[str, Commit] = {}
        self.past: list[tuple[datetime, State]] = []
        self.numbers = 0
        self.shown: tuple[State, dict[str, str]] = (self.state, {})  # see answers.sweep
        self.woke: Callable[[str], None] = lambda _why: None
        self.new_head: Callable[[str], None] = lambda _oid: None
        self.refs_moved: Callable[[Any, Mapping[str, tuple[str, str]]], None] = lambda _w, _m: None
        self.change(refs={"refs/heads/main": self.commit((), "maya", "Begin")})

    # ---- state -----------------------------------------------------------------------------

    def change(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.past.append((self.now, self.state))

    def seconds_ago(self, seconds: float) -> State:
        """The state as it was shown then."""
        then = self.now - timedelta(seconds=seconds)
        found = self.past[0][1]
        for at, state in reversed(self.past):
            if at <= then:
                found = state
                break
        return found

    def advance(self, amount: timedelta) -> None:
        self.now += amount
        if len(self.past) > 400:
            keep = self.now - MEMORY
            first = next((i for i, (at, _) in enumerate(self.past) if at > keep), len(self.past))
            self.past = self.past[max(0, first - 1) :]

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def put(self, thing: Issue | Pull | Comment | Run | Artifact) -> None:
        """A new thing, or another version of one."""
        match thing:
            case Issue():
                self.change(issues={**self.state.issues, thing.number: thing})
            case Pull():
                self.change(pulls={**self.state.pulls, thing.number: thing})
            case Comment():
                self.change(comments={**self.state.comments, thing.id: thing})
            case Run():
                old = self.state.runs.get(thing.id)
                if old is None or (old.status, old.cancelled) != (thing.status, thing.cancelled):
                    thing = replace(thing, updated_at=self.now)
                self.change(runs={**self.state.runs, thing.id: thing})
            case Artifact():
                self.change(artifacts={**self.state.artifacts, thing.id: thing})

    # ---- commits and refs ------------------------------------------------------------------

    def commit(
        self,
        parents: tuple[str, ...],
        author: str,
        message: str,
        files: Mapping[str, bytes] | None = None,
    ) -> str:
        oid = hashlib.sha1(b"%d" % len(self.commits), usedforsecurity=False).hexdigest()
        self.commits[oid] = Commit(oid, parents, author, message, self.now, files or {})
        return oid

    def contains(self, head: str, wanted: str) -> bool:
        """Whether a commit is another one or descends from it."""
        seen, todo = set(), [head]
        while todo:
            oid = todo.pop()
            if oid == wanted:
                return True
            if oid not in seen and oid in self.commits:
                seen.add(oid)
                todo += self.commits[oid].parents
        return False

    def branch(self, name: str) -> str:
        return self.state.refs.get(f"refs/heads/{name}", "")

    def move(self, who: Any, moves: Mapping[str, tuple[str, str]]) -> bool:
        """Move refs together, each from a commit that is still there ("" = none), or none. Of a
        ref that is where it is to go git does not look at the lease."""
        refs = dict(self.state.refs)
        if any(refs.get(ref, "") not in move for ref, move in moves.items()):
            return False
        for ref, (_, new) in moves.items():
            if new:
                refs[ref] = new
            else:
                refs.pop(ref, None)
        self.change(refs=refs)
        self.refs_moved(who, moves)
        for ref, (_, new) in moves.items():
            if ref.startswith("refs/heads/"):
                self._follow(ref.removeprefix("refs/heads/"), new)
        return True

    def _follow(self, branch: str, new: str) -> None:
        """What GitHub does about open pull requests of a branch that moved."""
        for pull in self.open_pulls(branch):
            if new:
                self.put(replace(pull, head=new))
                self.new_head(new)
            else:
                self.put(replace(pull, state="CLOSED"))

    # ---- pull requests ---------------------------------------------------------------------

    def open_pulls(self, branch: str) -> list[Pull]:
        return [p for p in self.state.pulls.values() if p.branch == branch and p.state == "OPEN"]

    def open_pull(self, branch: str, author: str, body: str) -> Pull | None:
        """A new pull request; None where GitHub refuses it (422)."""
        head = self.branch(branch)
        if not head or self.open_pulls(branch) or self.contains(self.branch("main"), head):
            return None
        issue = int(branch.split("/")[1].split("-", maxsplit=1)[0])
        pull = Pull(
            number=self.number(),
            issue=issue if f"Closes #{issue}" in body else 0,
            branch=branch,
            head=head,
            author=author,
            created_at=self.now,
            body=body,
        )
        self.put(pull)
        self.new_head(head)
        return pull

    def conflicting(self, pull: Pull) -> bool:
        return any(not self.contains(pull.head, oid) for oid in pull.clashes)

    def remarks(self, number: int, author: str) -> None:
        """Who says something on a line makes a review without words by it."""
        pull = self.state.pulls[number]
        made = Review(
            id=self.number(),
            author=author,
            state="COMMENTED",
            body="",
            submitted_at=self.now,
            head=pull.head,
        )
        self.put(replace(pull, reviews=(*pull.reviews, made)))

    # ---- runs ------------------------------------------------------------------------------

    def work_runs(self) -> Iterator[Run]:
        return (run for run in self.state.runs.values() if run.workflow == WORK)

    def dispatch(self, workflow: str, inputs: Mapping[str, str], *, stuck: bool = False) -> None:
        if workflow == RECONCILE:
            self.woke("a dispatch")
            return
        run = Run(
            id=1000 + self.number(),
            workflow=workflow,
            created_at=self.now,
            started_at=self.now,
            updated_at=self.now,
            inputs=inputs,
            stuck=stuck,
        )
        self.put(run)

    def ci_of(self, head: str) -> Run | None:
        """The newest run of the repository's CI on a commit."""
        found = [r for r in self.state.runs.values() if r.workflow == CI and r.head == head]
        return found[-1] if found else None

    # ---- what is said ----------------------------------------------------------------------

    def say(self, number: int, author: str, body: str) -> Comment:
        comment = Comment(
            id=self.number(), number=number, author=author, body=body, created_at=self.now
        )
        self.put(comment)
        return comment

    def said_on(self, number: int) -> list[Comment]:
        return [c for c in self.state.comments.values() if c.number == number]

    def label(self, number: int, name: str, actor: str) -> None:
        issue = self.state.issues[number]
        if name not in issue.labels:
            event = (self.now, actor, name)
            self.put(
                replace(issue, labels=(*issue.labels, name), labelled=(*issue.labelled, event))
            )

    def unlabel(self, number: int, name: str) -> bool:
        issue = self.state.issues[number]
        if name not in issue.labels:
            return False
        self.put(replace(issue, labels=tuple(each for each in issue.labels if each != name)))
        return True
