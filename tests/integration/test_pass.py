"""Passes over a real repository: what they do, and that a second one has nothing left to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ao_actions.core import actions
from ao_actions.core.model import Book, Outcome, Phase
from ao_actions.forge import act
from ao_actions.forge.answers import Answer
from ao_actions.forge.client import Client
from tests.builders import NOW
from tests.integration.conftest import OWNER, Factory
from tests.integration.test_publish import FIX


def test_a_labelled_issue_is_claimed_dispatched_and_shown(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    record = factory.task(number)
    assert (record.epoch, record.owner, record.branch) == (1, OWNER, f"ao/{number}")
    assert [run.display_title for run in factory.work_runs()] == [f"ao #{number}.1 queued"]
    assert factory.labels(number) == {"ao:ready", "ao:working"}
    assert factory.repo.issues[number].assignees == [OWNER]
    assert len(factory.status_comments(number)) == 1


def test_a_second_pass_changes_nothing(factory: Factory) -> None:
    factory.issue()
    factory.issue()
    factory.reconcile()
    before = factory.tip().oid
    again = factory.reconcile()
    assert again.steps == ()
    assert factory.tip().oid == before
    assert len(factory.work_runs()) == 2


def test_a_dry_run_plans_what_the_real_one_does_and_changes_nothing(factory: Factory) -> None:
    number = factory.issue()
    planned = factory.reconcile(dry=True)
    assert factory.tip().oid == ""
    assert factory.labels(number) == {"ao:ready"}
    done = factory.reconcile()
    assert [type(s.action) for s in planned.steps] == [type(s.action) for s in done.steps]


def test_max_parallel_holds_and_the_oldest_goes_first(factory: Factory) -> None:
    numbers = [factory.issue() for _ in range(4)]
    factory.reconcile()
    assert sorted(factory.tip().book.tasks) == numbers[:2]


def test_a_stranger_s_label_starts_nothing(factory: Factory) -> None:
    world = factory.hub.world
    world.add_user("mallory")
    factory.repo.collaborators["mallory"] = "triage"
    token = world.add_token("mallory").value
    number = factory.issue(label=False)
    factory.client(token).request("POST", f"issues/{number}/labels", body={"labels": ["ao:ready"]})
    assert factory.reconcile().steps == ()
    assert factory.work_runs() == []


def test_a_lost_run_is_released_counted_and_claimed_again(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.end_run(factory.work_run(number))
    assert len(factory.reconcile_settled()) == 1  # it may have left a hand-off
    record = factory.task(number)
    assert [a.outcome for a in record.attempts] == [Outcome.LOST]
    assert record.attempts[0].spent.usd == factory.config.budget.usd_per_attempt
    assert (record.epoch, record.claim is not None) == (2, True)
    assert [run.display_title for run in factory.work_runs()] == [
        f"ao #{number}.1 queued",
        f"ao #{number}.2 queued",
    ]


def test_attempts_end_and_a_human_is_called(factory: Factory) -> None:
    number = factory.issue()
    for _ in range(3):
        factory.reconcile()
        factory.lose_run(factory.work_run(number))
    factory.reconcile()
    assert factory.task(number).claim is None
    assert "ao:needs-human" in factory.labels(number)
    assert f"@{OWNER}" in factory.status_comments(number)[0]
    assert len(factory.work_runs()) == 3


def test_the_label_put_on_again_starts_a_new_round(factory: Factory) -> None:
    number = factory.issue()
    for _ in range(3):
        factory.reconcile()
        factory.lose_run(factory.work_run(number))
    factory.reconcile()
    factory.pass_time(minutes=1)
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    factory.post(f"issues/{number}/labels", labels=["ao:ready"])
    factory.reconcile()
    record = factory.task(number)
    assert (record.round, record.epoch, record.claim is not None) == (2, 4, True)


def test_a_dispatch_that_got_lost_is_sent_again(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    run = factory.work_run(number)
    factory.end_run(run)
    factory.repo.runs.remove(run)  # GitHub never got it
    assert factory.reconcile().steps == ()
    factory.pass_time(minutes=6)
    factory.reconcile()
    assert [r.display_title for r in factory.work_runs()] == [f"ao #{number}.1 queued"]
    assert factory.task(number).attempts == ()


def test_a_removed_label_ends_the_task_and_its_run(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    factory.reconcile()
    assert number not in factory.tip().book.tasks
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.labels(number) == set()
    assert factory.hub.world.actions is not None
    assert factory.hub.world.actions.wait_idle(30)
    assert factory.work_run(number).conclusion == "cancelled"
    assert factory.reconcile().steps == ()


class Refusing(Client):
    """A connection on which writes to one place get this status."""

    def __init__(self, real: Client, place: str, status: int) -> None:
        super().__init__(real.repository, real.token, real.address, pause=real.pause)
        self.place, self.status = place, status

    def _send(self, verb: str, url: str, parameters: Any, body: Any, **more: Any) -> Answer:
        if verb != "GET" and url.endswith(self.place):
            return Answer(self.status, "{}")
        return super()._send(verb, url, parameters, body, **more)


@pytest.mark.parametrize(("status", "again"), [(502, 1), (0, 1), (410, 0)])
def test_a_task_ends_when_its_last_word_is_said(factory: Factory, status: int, again: int) -> None:
    """Nobody looks at a finished task again: so a word that could not be said is tried again in
    the next pass, unless GitHub will never have it. The other tasks go on."""
    number = factory.issue()
    factory.reconcile()
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    other = factory.issue()
    done = factory.reconcile(Refusing(factory.client(), "/labels/ao%3Aworking", status))
    assert done.failures
    assert sum(task == number for task in factory.tip().book.tasks) == again
    assert factory.task(other).claim is not None
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.labels(number) == (set() if again else {"ao:working"})


def test_a_deleted_status_comment_is_written_anew_once(factory: Factory) -> None:
    """Another pass may have done it, and its answer was lost."""
    number = factory.issue()
    factory.reconcile()
    [old] = factory.repo.issues[number].comments
    factory.call("DELETE", f"issues/comments/{old.id}")
    effect = actions.Report(
        issue=number, comment=str(old.id), body="<!-- ao:status -->\nnew", because="it is missing"
    )
    for _ in range(2):
        act.perform(factory.client(), effect, "main")
    assert factory.status_comments(number) == [effect.body]


def test_a_human_who_is_assigned_takes_over(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.hub.world.add_user("hana")
    factory.repo.collaborators["hana"] = "write"
    factory.post(f"issues/{number}/assignees", assignees=["hana"])
    factory.reconcile()
    record = factory.finished(number)
    assert record.finished is Phase.WITHDRAWN
    assert "hana" in factory.repo.issues[number].assignees


def test_a_returning_issue_gets_its_record_back_and_a_new_branch(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    factory.reconcile()
    factory.pass_time(minutes=1)
    factory.post(f"issues/{number}/labels", labels=["ao:ready"])
    factory.reconcile()
    record = factory.task(number)
    assert (record.branch, record.round, record.epoch) == (f"ao/{number}-2", 2, 2)
    assert [a.outcome for a in record.attempts] == [Outcome.WITHDRAWN]


def test_no_second_pull_request_beside_an_earlier_one_that_is_opened_again(
    factory: Factory,
) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files=FIX)
    [first] = factory.pulls()
    again(factory, number, first.number)
    factory.call("PATCH", f"pulls/{first.number}", state="open")
    factory.publish(number, files=FIX)
    record = factory.task(number)
    assert record.published == (factory.branch(f"ao/{number}-2"),), "the work is not lost"
    for _ in range(2):
        factory.pass_time(minutes=10)
        factory.reconcile()
        assert factory.pulls() == [first]
        assert "ao:needs-human" in factory.labels(number)
        [said] = factory.status_comments(number)
        assert f"pull request #{first.number} of an earlier round is open" in said
        assert f"@{OWNER}: Close it, and this task goes on by itself" in said
    assert factory.reconcile().steps == ()

    factory.call("PATCH", f"pulls/{first.number}", state="closed")
    factory.reconcile()
    _, second = factory.pulls()
    assert second.head_ref == f"ao/{number}-2"
    factory.reconcile()
    assert "ao:needs-human" not in factory.labels(number)


def again(factory: Factory, number: int, pull: int) -> None:
    """Its pull request is closed and the label put on again: the task begins anew."""
    factory.call("PATCH", f"pulls/{pull}", state="closed")
    factory.reconcile()
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    factory.pass_time(minutes=1)
    factory.post(f"issues/{number}/labels", labels=["ao:ready"])
    factory.reconcile()


def test_an_earlier_pull_request_that_is_kept_is_a_human_s(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files=FIX)
    [first] = factory.pulls()
    again(factory, number, first.number)
    factory.publish(number, outcome=Outcome.AGENT_ERROR)
    factory.call("PATCH", f"pulls/{first.number}", state="open")
    runs = len(factory.work_runs())
    factory.reconcile()
    assert len(factory.work_runs()) == runs, "no agent is sent beside it"
    assert "ao:needs-human" in factory.labels(number)
    factory.call("PUT", f"pulls/{first.number}/merge")
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.labels(number) == {"ao:ready"}


def test_labels_and_comment_are_repaired(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    factory.call("DELETE", f"issues/{number}/labels/ao:working")
    comment = next(c for c in factory.repo.issues[number].comments)
    factory.call("PATCH", f"issues/comments/{comment.id}", body="<!-- ao:status -->\nforged")
    factory.reconcile()
    assert "ao:working" in factory.labels(number)
    assert "forged" not in factory.status_comments(number)[0]
    assert len(factory.status_comments(number)) == 1


def test_an_idle_pass_costs_one_query_and_one_fetch(factory: Factory) -> None:
    for fetches in (2, 1):  # without a ledger it also looks whether there was one
        before = dict(factory.hub.world.requests)
        factory.reconcile()
        after = factory.hub.world.requests
        assert after["graphql"] - before.get("graphql", 0) == 1
        assert after["git"] - before.get("git", 0) == fetches
        assert after.get("rest", 0) == before.get("rest", 0)
        ledger = factory.ledger()
        assert ledger.push(ledger.draft(ledger.read(), Book(), ["begins"], at=NOW))


def test_an_idle_pass_keeps_to_its_points() -> None:
    """Design 13: at most 5, with 100 ready issues and 30 open pull requests."""
    bench = Path(__file__).parents[2] / "bench/idle_pass.py"
    printed = subprocess.run([sys.executable, bench], check=True, capture_output=True, text=True)
    [points] = re.findall(r"^GraphQL points +(\d+)$", printed.stdout, re.MULTILINE)
    assert int(points) <= 5
