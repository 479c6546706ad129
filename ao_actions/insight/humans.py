"""Prints docs/humans.md from the code: `python -m ao_actions.insight.humans > docs/humans.md`.

What people do is in `ACTS`; what comes of it is not written down but asked of the core, which
decides on each act in a small example world. tests/test_docs.py compares the page with this
output, tests/integration/test_humans.py has a test for each row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ao_actions.core import actions, orders
from ao_actions.core.decide import decide
from ao_actions.core.model import Attempt, Book, Claim, Fleet, Outcome, Phase, TaskRecord
from ao_actions.core.observed import Check, Comment, Commit, Issue, Pull, Review, Run, Snapshot
from ao_actions.core.policy import Policy
from ao_actions.core.runs import run_title
from ao_actions.core.tasks import verdicts

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
THEN = NOW - timedelta(hours=1)
POLICY = Policy()

INTRO = """\
<!-- Generated: python -m ao_actions.insight.humans > docs/humans.md -->
# Humans win

What a person does on GitHub overrules the factory, whatever order it comes in. The task is #42,
its owner @ann, its branch `ao/42`, its pull request #7, the branch's last commit is ours.
What a pass does then is asked of the code that decides; the sentence is what the task's status
comment says. *The run* is one that is at work when it happens.

| a person … | phase | sentence | the run |
|---|---|---|---|
"""

OUTRO = """
The branch and the pull request are left as they are in every row: nothing is pushed over,
deleted, reopened or closed, and no second pull request is opened. A run that goes on may publish
only if the branch still is where its claim found it, and if issue and pull request, read once
more directly before the push, say nothing against it. If the branch was moved or deleted
meanwhile the task asks a human, and the work is in the run's hand-off.

An earlier round's pull request that is opened again while the next round is at work: its run
pushes to the branch of its own, `ao/42-2`, and opens no second pull request. The task asks its
owner (`needs_human`) and goes on by itself when the earlier one is closed.

A task that was `withdrawn` begins anew when somebody puts the label on again. A paused one goes
on when its cause is gone, with `/ao resume`, or with a review that asks for work. All commands:
[commands.md](commands.md).
"""


class Act(NamedTuple):
    """Something that a person does, and how it changes the example world."""

    name: str
    change: Callable[[Snapshot], Snapshot]


def _issue(**changes: object) -> Callable[[Snapshot], Snapshot]:
    def change(world: Snapshot) -> Snapshot:
        issue = replace(world.issues[42], **changes)  # type: ignore[arg-type]
        return replace(world, issues={42: issue})

    return change


def _pull(**changes: object) -> Callable[[Snapshot], Snapshot]:
    def change(world: Snapshot) -> Snapshot:
        pull = replace(world.pulls[42], **changes)  # type: ignore[arg-type]
        return replace(world, pulls={42: pull}, branches={"ao/42": pull.head})

    return change


def _branch_deleted(world: Snapshot) -> Snapshot:
    """GitHub closes a pull request with its branch."""
    return replace(_pull(state="CLOSED")(world), branches={})


def _applied(world: Snapshot) -> Snapshot:
    button = Commit(
        oid="beef123", headline="Apply suggestion from @ann", committer="noreply@github.com"
    )
    recent = (Commit(oid="c1", headline="Say hello"), button)
    return _pull(head="beef123", recent=recent)(world)


def _says(body: str) -> Callable[[Snapshot], Snapshot]:
    def change(world: Snapshot) -> Snapshot:
        said = Comment(id=9, node="", number=42, author="ann", body=body, created_at=NOW)
        return replace(world, comments={42: (said,)})

    return change


def _review(state: str) -> Review:
    return Review(id=8, author="ann", state=state, body="Rename it.", submitted_at=THEN)


MERGE = Commit(oid="beef123", headline="Merge main", parents=("c1", "b1"))
ACTS = (
    Act("removes the label", _issue(labels=frozenset())),
    Act("closes the issue", _issue(is_open=False)),
    Act("assigns somebody else", _issue(assignees=frozenset({"ann", "bob"}))),
    Act("closes the pull request", _pull(state="CLOSED")),
    Act("merges the pull request", _pull(state="MERGED")),
    Act("converts it to a draft", _pull(draft=True)),
    Act("pushes a commit to the branch", _pull(head="beef123", recent=())),
    Act("merges the base into the branch", _pull(head="beef123", recent=(MERGE,))),
    Act("applies a suggestion with GitHub's button", _applied),
    Act("deletes the branch", _branch_deleted),
    Act("changes the pull request's base", _pull(base="next")),
    Act("asks for changes", _pull(reviews=(_review("CHANGES_REQUESTED"),))),
    Act("dismisses that review", _pull(reviews=(_review("DISMISSED"),))),
    Act("says `/ao stop`", _says("/ao stop")),
    Act("says `/ao pause`", _says("/ao pause")),
    Act("says `/ao take-over`", _says("/ao take-over")),
)


def page() -> str:
    """The whole of docs/humans.md."""
    return "".join([INTRO, *(f"| {' | '.join(row)} |\n" for row in map(_row, ACTS)), OUTRO])


def _row(act: Act) -> tuple[str, ...]:
    """The act, the phase and sentence it leads to, and what becomes of a run at work."""
    phase, sentence = _said(act.change(_world(at_work=False)))
    plan = decide(act.change(_world(at_work=True)), POLICY)
    cancelled = any(isinstance(action, actions.Cancel) for action in plan)
    return act.name, f"`{phase}`", sentence, "is cancelled" if cancelled else "goes on"


def _said(world: Snapshot) -> tuple[Phase, str]:
    """The phase and its sentence once a pass has done what it was told."""
    _, after = orders.obeyed(world, POLICY)
    [(_, verdict)] = verdicts(after, POLICY, live=True)
    return verdict.phase, verdict.because


def _world(*, at_work: bool) -> Snapshot:
    """One green pull request that waits for its merge, or a run that answers a review on it."""
    attempt = Attempt(
        epoch=1,
        round=1,
        reason=Phase.QUEUED,
        agent="claude-code",
        outcome=Outcome.CHANGES,
        head="c1",
        started_at=THEN - timedelta(hours=1),
        ended_at=THEN,
    )
    claim = Claim(
        reason=Phase.CHANGES_REQUESTED,
        agent="claude-code",
        claimed_at=NOW - timedelta(minutes=5),
        expires_at=NOW + timedelta(hours=1),
        head="c1",
        base="main",
    )
    record = TaskRecord(
        issue=42,
        epoch=2,
        claim=claim if at_work else None,
        branch="ao/42",
        owner="ann",
        attempts=(attempt,),
        published=("c1",),
        created_at=THEN - timedelta(hours=2),
    )
    run = Run(
        id=500,
        title=run_title(42, 2, claim.reason),
        status="in_progress",
        conclusion=None,
        url="",
        created_at=claim.claimed_at,
    )
    issue = Issue(
        number=42,
        title="Say hello",
        url="",
        is_open=True,
        labels=frozenset({POLICY.labels.ready}),
        assignees=frozenset({"ann"}),
        created_at=record.created_at,
    )
    pull = Pull(
        number=7,
        url="",
        state="OPEN",
        author="github-actions[bot]",
        head="c1",
        head_at=THEN,
        base="main",
        checks=(Check(name="test", result="SUCCESS"),),
    )
    return Snapshot(
        now=NOW,
        default_branch="main",
        book=Book(fleet=Fleet(epoch=2), tasks={42: record}),
        issues={42: issue},
        pulls={42: pull},
        branches={"ao/42": "c1"},
        runs=(run,) if at_work else None,
        trusted={"ann": True},
    )


if __name__ == "__main__":
    sys.stdout.write(page())
