"""The transaction of design 3 under overtaking, human hands and death (`pytest -k atomic`)."""

from __future__ import annotations

from typing import Any

import pytest

from ao_actions import publish
from ao_actions.core.model import Outcome
from ao_actions.forge.client import Client
from tests.integration.conftest import Factory
from tests.integration.test_publish import FIX, check, claimed, remark, thread_bodies


def state(factory: Factory, number: int) -> tuple[str, str | None, int]:
    return factory.tip().oid, factory.branch(f"ao/{number}"), len(factory.pulls())


def test_atomic_an_overtaken_epoch_moves_nothing(factory: Factory) -> None:
    number = claimed(factory)
    old, folder = factory.work_run(number), factory.hand_off(number, FIX)
    factory.lose_run(old)
    factory.reconcile()
    before = state(factory, number)
    assert factory.task(number).epoch == 2
    done = publish.publish(factory.publication(old, folder), number, 1)
    assert done is Outcome.SUPERSEDED
    assert state(factory, number) == before


def test_atomic_a_released_claim_is_current_for_nobody(factory: Factory) -> None:
    """A run that is re-run by hand after its claim was released."""
    number = claimed(factory)
    old, folder = factory.work_run(number), factory.hand_off(number, FIX)
    factory.lose_run(old)
    for _ in range(3):
        factory.reconcile()
        factory.lose_run(factory.work_run(number))
    factory.reconcile()
    assert factory.task(number).claim is None
    before = state(factory, number)
    for epoch in (1, 3):
        done = publish.publish(factory.publication(old, folder), number, epoch)
        assert done is Outcome.SUPERSEDED
    assert state(factory, number) == before


def test_atomic_overtaken_between_the_check_and_the_push(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is released after publish has looked: the ledger's lease catches it."""
    number = claimed(factory)
    run, folder = factory.work_run(number), factory.hand_off(number, FIX)
    work = factory.publication(run, folder)
    look = publish._look_again

    def overtaken(*args: Any) -> Any:
        run.artifacts.clear()  # with its hand-off there the run's publish would be run again
        factory.lose_run(run)
        factory.reconcile()
        return look(*args)

    monkeypatch.setattr(publish, "_look_again", overtaken)
    assert publish.publish(work, number, 1) is Outcome.SUPERSEDED
    assert factory.branch(f"ao/{number}") is None
    assert factory.task(number).epoch == 2


def test_atomic_of_two_runs_with_one_name_the_lower_id_works(factory: Factory) -> None:
    number = claimed(factory)
    first = factory.work_run(number)
    inputs = {"task": str(number), "epoch": "1", "reason": "queued"}
    factory.post("actions/workflows/ao-work.yml/dispatches", ref="main", inputs=inputs)
    second = factory.work_run(number)
    assert second.id > first.id
    folder = factory.hand_off(number, FIX)
    done = publish.publish(factory.publication(second, folder), number, 1)
    assert done is Outcome.SUPERSEDED
    assert publish.publish(factory.publication(first, folder), number, 1) is Outcome.CHANGES


@pytest.mark.parametrize("deed", ["deleted", "rewound", "moved"])
def test_atomic_a_branch_that_a_human_touched_is_theirs(factory: Factory, deed: str) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "failure")
    factory.reconcile()
    folder = factory.hand_off(number, {"src/code.py": "def answer():\n    return 6 * 7\n"})
    branch = f"ao/{number}"
    if deed == "deleted":
        factory.call("DELETE", f"git/refs/heads/{branch}")
    elif deed == "rewound":
        main = factory.branch("main")
        factory.call("PATCH", f"git/refs/heads/{branch}", sha=main, force=True)
    else:
        factory.push(branch, {"src/theirs.py": "x = 1\n"})
    theirs = factory.branch(branch)
    run = factory.work_run(number)
    done = publish.publish(factory.publication(run, folder), number, 2)
    assert done in (Outcome.REFUSED, Outcome.WITHDRAWN)
    assert factory.branch(branch) == theirs
    assert factory.task(number).claim is None
    for _ in range(2):
        factory.pass_time(minutes=10)
        factory.reconcile()
    assert factory.branch(branch) == theirs
    assert len(factory.pulls()) == 1
    assert len(factory.work_runs()) == 2


class Dead(BaseException):
    """The process dies here."""


class Mortal(Client):
    """A client whose process dies before, or just after, its n-th write to GitHub."""

    def __init__(self, alive: Client, at: int, *, after: bool) -> None:
        super().__init__(alive.repository, alive.token, alive.address)
        self.at, self.after, self.writes = at, after, 0

    def _exchange(self, method: str, url: str, parameters: Any, body: Any) -> tuple[int, str]:
        reads = method == "GET" or "query" in str((body or {}).get("query", ""))[:12]
        if reads:
            return super()._exchange(method, url, parameters, body)
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise Dead
        answer = super()._exchange(method, url, parameters, body)
        if self.writes == self.at:
            raise Dead
        return answer


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2])
def test_atomic_publish_killed_at_a_write_is_completed_by_a_pass(
    factory: Factory,
    at: int,
    after: bool,  # noqa: FBT001
) -> None:
    """Write 1 is opening the pull request, or (in the second attempt) the first reply."""
    number = claimed(factory)
    killed(factory, number, at=1, after=after, files=FIX)
    passes(factory)
    (pull,) = factory.pulls()
    assert pull.head_sha == factory.branch(f"ao/{number}")
    check(factory, number, "success")
    remark(factory, number, "One?")
    remark(factory, number, "Two?")
    factory.pass_time(minutes=3)  # reviews settle
    factory.reconcile()
    files = {"src/code.py": "def answer():\n    return 6 * 7\n"}
    killed(factory, number, at=at, after=after, files=files)
    passes(factory)
    record = factory.task(number)
    assert [a.outcome for a in record.attempts] == [Outcome.CHANGES, Outcome.CHANGES]
    assert len(factory.pulls()) == 1
    bodies = thread_bodies(factory)
    assert len(bodies) == 4
    assert sum("Done in" in body for body in bodies) == 2


def killed(factory: Factory, number: int, *, at: int, after: bool, **made: Any) -> None:
    mortal = Mortal(factory.client(), at, after=after)
    with pytest.raises(Dead):
        factory.publish(number, mortal, **made)


def passes(factory: Factory) -> None:
    for _ in range(3):
        factory.pass_time(minutes=3)
        factory.reconcile()


def test_atomic_publish_killed_before_its_push_leaves_the_claim(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = claimed(factory)
    run, folder = factory.work_run(number), factory.hand_off(number, FIX)

    def die(*_args: Any) -> Any:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(publish, "_transact", die)
        with pytest.raises(Dead):
            publish.publish(factory.publication(run, folder), number, 1)
    assert factory.task(number).claim is not None
    assert publish.publish(factory.publication(run, folder), number, 1) is Outcome.CHANGES


def test_atomic_a_push_whose_answer_is_lost_is_recognised(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from ao_actions.git import Git

    number = claimed(factory)
    run, folder = factory.work_run(number), factory.hand_off(number, FIX)
    push = Git.push

    def lost(self: Git, moves: Any) -> Any:
        return replace(push(self, moves), code=128, err="fatal: the remote end hung up")

    with monkeypatch.context() as patch:
        patch.setattr(Git, "push", lost)
        done = publish.publish(factory.publication(run, folder), number, 1)
    assert done is Outcome.CHANGES
    assert len(factory.task(number).attempts) == 1
    assert factory.task(number).published == (factory.branch(f"ao/{number}"),)


def test_atomic_a_pull_request_that_github_made_but_answered_500(factory: Factory) -> None:
    class Flaky(Client):
        def _exchange(self, method: str, url: str, parameters: Any, body: Any) -> tuple[int, str]:
            answer = super()._exchange(method, url, parameters, body)
            return (500, "oops") if method == "POST" and url.endswith("/pulls") else answer

    number = claimed(factory)
    alive = factory.client()
    flaky = Flaky(alive.repository, alive.token, alive.address)
    assert factory.publish(number, flaky, files=FIX) is Outcome.CHANGES
    passes(factory)
    assert len(factory.pulls()) == 1
    assert (
        factory.task(number).pull is None or factory.task(number).pull == factory.pulls()[0].number
    )


def test_atomic_a_pass_killed_anywhere_is_completed_by_the_next(factory: Factory) -> None:
    number = factory.issue()
    for at in range(1, 5):
        mortal = Mortal(factory.client(), at, after=at % 2 == 0)
        try:
            factory.reconcile(mortal)
        except Dead:
            factory.pass_time(minutes=6)
    factory.reconcile()
    record = factory.task(number)
    assert record.claim is not None
    assert record.epoch == 1
    assert len(factory.status_comments(number)) == 1
    assert record.attempts == ()
    titles = {run.display_title for run in factory.work_runs()}
    assert titles == {f"ao #{number}.1 queued"}
    assert factory.reconcile().steps == ()
