"""Branch and ledger move together or not at all, whoever moved one of them meanwhile.

This is the transaction of the publish job (`publish._transact`), which asks GitHub for nothing
but the time.
"""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ao_actions import publish
from ao_actions.bookfiles import LEDGER
from ao_actions.config import Config
from ao_actions.core.model import Outcome, Phase, Reply, Spent
from ao_actions.errors import GitError
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger, Tip
from ao_actions.publish import Publication, Verdict
from ao_actions.runtime import Job
from tests.builders import NOW, POLICY, to_claim, to_finish, to_release

BRANCH = "refs/heads/ao/42"
RUN = 500
CHANGED = Verdict(outcome=Outcome.CHANGES, detail="1 file changed", spent=Spent(usd=1.5))


class World:
    """A bare repository with a base branch; `ledger` is somebody else's, and quick."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hub = root / "hub.git"
        self.numbers = count()
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.hub)], check=True)
        self.ledger = self.new_ledger()
        self.base = self.commit("base", None)
        self.git("update-ref", "refs/heads/main", self.base)

    def new_ledger(self, git: type[Git] = Git) -> Ledger:
        scratch = self.root / f"scratch{next(self.numbers)}.git"
        return Ledger(
            git.scratch(scratch, Remote(str(self.hub))), pause=lambda _: None, jitter=lambda: 0
        )

    def git(self, *args: str, where: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *args], cwd=where or self.hub, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str, parent: str | None, where: Path | None = None) -> str:
        """A commit in a repository, on no branch."""
        me = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        tree = self.git("hash-object", "-t", "tree", "-w", "/dev/null", where=where)
        parents = ["-p", parent] if parent else []
        return self.git(*me, "commit-tree", tree, *parents, "-m", message, where=where)

    def refs(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def write(self, *steps: Any) -> None:
        self.ledger.transact(lambda _tip: steps, POLICY, clock=lambda: NOW)

    def record(self):
        return self.ledger.read().book.tasks[42]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@dataclass
class Attempt:
    """A publish job that has made its commit and is about to push it."""

    world: World
    work: Publication
    head: str
    commit: str

    def push(self, verdict: Verdict = CHANGED):
        record = self.work.ledger.read().book.tasks[42]
        return self.transact(record, replace(verdict, commit=self.commit))

    def transact(self, record, verdict: Verdict):
        return publish._transact(self.work, record, verdict)


def an_attempt(world: World, head: str = "", git: type[Git] = Git) -> Attempt:
    """The claim of epoch 1 on a branch at `head` ("": there is none yet)."""
    world.write(to_claim(head=head))
    if head:
        world.git("update-ref", BRANCH, head)
    ledger = world.new_ledger(git)
    ledger.git.fetch("+refs/heads/main:refs/base", *([f"+{BRANCH}:refs/head"] if head else []))
    client: Any = SimpleNamespace(
        now=lambda: NOW + timedelta(minutes=5),
        address=SimpleNamespace(server="https://github.com"),
        repository="o/r",
    )
    work = Publication(
        client=client,
        pusher=client,
        ledger=ledger,
        git=ledger.git,
        config=Config(),
        job=Job(run_id=RUN, run_attempt=1),
        say=lambda _line: None,
    )
    commit = world.commit("work", head or world.base, ledger.git.directory)
    return Attempt(world, work, head, commit)


def test_atomic_branch_and_record_appear_together(world: World) -> None:
    attempt = an_attempt(world)
    reply = Reply(thread="T", item="thread:T:1", body="Done.")
    record, verdict = attempt.push(replace(CHANGED, replies=(reply,)))
    assert verdict.outcome is Outcome.CHANGES
    assert world.refs()[BRANCH] == attempt.commit
    assert world.record() == record
    assert record.claim is None
    assert record.published == (attempt.commit,)
    assert record.owed == (reply,)
    [ended] = record.attempts
    assert (ended.head, ended.run_id, ended.spent) == (attempt.commit, RUN, Spent(usd=1.5))
    assert world.git("log", "-1", "--format=%s", LEDGER) == "task 42: changes, epoch 1"


def test_atomic_an_existing_branch_moves_forward(world: World) -> None:
    attempt = an_attempt(world, head=world.commit("first", world.base))
    attempt.push()
    assert world.refs()[BRANCH] == attempt.commit
    assert world.git("rev-parse", f"{BRANCH}~") == attempt.head


def test_atomic_a_stale_ledger_lease_leaves_the_branch_unmoved(world: World) -> None:
    attempt = an_attempt(world)
    ledger = attempt.work.ledger
    tip = ledger.read()
    draft = ledger.draft(tip, tip.book, ["task 42: changes"], at=NOW)
    world.write(to_claim(7, epoch=2))
    before = world.refs()
    assert not ledger.push(draft, {BRANCH: ("", attempt.commit)})
    assert world.refs() == before


def test_atomic_others_who_write_the_ledger_do_not_stop_it(world: World) -> None:
    attempt = an_attempt(world)
    others = iter([to_claim(7, epoch=2), to_claim(8, epoch=3)])
    hurry(attempt, lambda: world.write(next(others)), times=2)
    _, verdict = attempt.push()
    assert verdict.outcome is Outcome.CHANGES
    assert world.refs()[BRANCH] == attempt.commit
    assert set(world.ledger.read().book.tasks) == {7, 8, 42}


def hurry(attempt: Attempt, meanwhile: Callable[[], object], times: int = 1) -> None:
    """Something happens between each of the next drafts and its push."""
    ledger = attempt.work.ledger
    turns: Iterator[int] = iter(range(times))

    class Hurried(Ledger):
        def draft(self, tip: Tip, *args: Any, at: datetime) -> Any:
            draft = super().draft(tip, *args, at=at)
            if next(turns, None) is not None:
                meanwhile()
            return draft

    hurried = Hurried(ledger.git, pause=lambda _: None, jitter=lambda: 0)
    attempt.work = replace(attempt.work, ledger=hurried)


MOVES = [
    pytest.param("deleted", "ao/42 was deleted while the agent worked", id="deleted"),
    pytest.param("rewound", "ao/42 was moved to", id="rewound"),
    pytest.param("advanced", "ao/42 was moved to", id="a human's commit on top"),
]


def move(world: World, how: str) -> None:
    head = world.refs()[BRANCH]
    match how:
        case "deleted":
            world.git("update-ref", "-d", BRANCH)
        case "rewound":
            world.git("update-ref", BRANCH, world.base)
        case "advanced":
            world.git("update-ref", BRANCH, world.commit("a human's", head))


@pytest.mark.parametrize(("how", "reason"), MOVES)
@pytest.mark.parametrize("when", ["before the job", "before the push"])
def test_atomic_a_branch_that_a_human_moved_stays_where_it_is(
    world: World, how: str, reason: str, when: str
) -> None:
    attempt = an_attempt(world, head=world.commit("first", world.base))
    if when == "before the push":
        hurry(attempt, lambda: move(world, how))
    else:
        move(world, how)
    moved = world.refs() if when == "before the job" else None
    record, verdict = attempt.push()
    after = world.refs()
    assert after.get(BRANCH) not in (attempt.commit, attempt.head)
    assert moved is None or after.get(BRANCH) == moved.get(BRANCH)
    assert verdict.outcome is Outcome.REFUSED
    assert record.published == ()
    assert record.stop is not None
    assert reason in record.stop.reason
    assert record.stop.url == "https://github.com/o/r/actions/runs/500"
    assert world.record() == record
    assert record.attempts[-1].spent == Spent(usd=1.5)


@pytest.mark.parametrize(("how", "_reason"), MOVES)
def test_atomic_a_stale_branch_lease_leaves_the_ledger_unmoved(
    world: World, how: str, _reason: str
) -> None:
    attempt = an_attempt(world, head=world.commit("first", world.base))
    ledger = attempt.work.ledger
    tip = ledger.read()
    draft = ledger.draft(tip, tip.book, ["task 42: changes"], at=NOW)
    move(world, how)
    before = world.refs()
    assert not ledger.push(draft, {BRANCH: (attempt.head, attempt.commit)})
    assert world.refs() == before


def test_atomic_a_branch_that_somebody_made_first_is_theirs(world: World) -> None:
    attempt = an_attempt(world)
    theirs = world.commit("theirs", world.base)
    world.git("update-ref", BRANCH, theirs)
    record, verdict = attempt.push()
    assert world.refs()[BRANCH] == theirs
    assert verdict.outcome is Outcome.REFUSED
    assert record.published == ()


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param((to_release(),), id="released"),
        pytest.param((to_release(), to_claim(epoch=2)), id="released and claimed anew"),
        pytest.param((to_finish(phase=Phase.WITHDRAWN),), id="finished"),
    ],
)
@pytest.mark.parametrize("when", ["before the job", "before the push"])
def test_atomic_an_overtaken_epoch_moves_nothing(world: World, meanwhile: Any, when: str) -> None:
    attempt = an_attempt(world)
    record = world.record()
    if when == "before the push":
        hurry(attempt, lambda: world.write(*meanwhile))
    else:
        world.write(*meanwhile)
    assert attempt.transact(record, replace(CHANGED, commit=attempt.commit)) is None
    assert BRANCH not in world.refs()
    assert attempt.commit not in world.refs().values()
    head = world.git("log", "-1", "--format=%s", LEDGER)
    assert "changes" not in head


def test_atomic_another_run_of_the_same_epoch_moves_nothing(world: World) -> None:
    attempt = an_attempt(world)
    record = world.record()
    noted = replace(record, claim=replace(record.claim, run_id=RUN - 1))
    tip = world.ledger.read()
    draft = world.ledger.draft(tip, tip.book.put(noted), ["task 42: noted"], at=NOW)
    assert world.ledger.push(draft)
    before = world.refs()
    assert attempt.push() is None
    assert world.refs() == before


def test_atomic_a_refused_branch_is_handed_to_a_human_and_not_tried_again(world: World) -> None:
    hook = world.hub / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        '#!/bin/sh\necho "$1" >> tried\ncase "$1" in\n'
        "refs/heads/*) echo 'GH006: Protected branch update failed' >&2; exit 1;; esac\n"
    )
    hook.chmod(0o755)
    attempt = an_attempt(world)
    record, verdict = attempt.push()
    assert verdict.outcome is Outcome.REFUSED
    assert record.stop is not None
    assert "GH006: Protected branch update failed" in record.stop.reason
    assert BRANCH not in world.refs()
    tried = (world.hub / "tried").read_text().split()
    assert tried.count(BRANCH) == 1
    assert world.record() == record


def test_atomic_a_refused_ledger_is_an_error_and_the_claim_stands(world: World) -> None:
    attempt = an_attempt(world)
    hook = world.hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = world.refs()
    with pytest.raises(GitError, match="the push was refused"):
        attempt.push()
    assert world.refs() == before
    assert world.record().claim is not None


def test_atomic_a_lost_answer_is_not_a_second_push(world: World) -> None:
    class DeafGit(Git):
        def push(self, moves: Any) -> Any:
            super().push(moves)
            return SimpleNamespace(code=1, text="", err="fatal: hung up", out=b"")

    attempt = an_attempt(world, git=DeafGit)
    _, verdict = attempt.push()
    assert verdict.outcome is Outcome.CHANGES
    assert world.refs()[BRANCH] == attempt.commit
    assert world.git("log", "--format=%s", LEDGER).splitlines() == [
        "task 42: changes, epoch 1",
        "task 42: claimed, epoch 1, queued",
    ]


def test_atomic_nothing_to_push_writes_the_ledger_alone(world: World) -> None:
    attempt = an_attempt(world)
    verdict = Verdict(outcome=Outcome.AGENT_ERROR, detail="it crashed")
    attempt.transact(world.record(), verdict)
    assert BRANCH not in world.refs()
    [ended] = world.record().attempts
    assert (ended.outcome, ended.spent) == (Outcome.AGENT_ERROR, Spent(usd=5.0))
