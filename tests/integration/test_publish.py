"""From hand-off to pull request, and back again: publish on a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.core.model import Outcome, Phase
from ao_actions.localgithub.faults import Fault
from ao_actions.work import handoff
from ao_actions.work.handoff import Handoff
from tests.integration.conftest import NAME, OWNER, Factory

FIX = {"src/code.py": "def answer():\n    return 42\n"}


def claimed(factory: Factory) -> int:
    number = factory.issue()
    factory.reconcile()
    return number


def check(factory: Factory, number: int, conclusion: str) -> None:
    """CI of somebody else's says how the head of the pull request is."""
    head = next(p.head_sha for p in factory.pulls() if p.head_ref == f"ao/{number}")
    factory.post(f"statuses/{head}", state=conclusion, context="ci/outside")


def test_changes_become_one_commit_and_one_pull_request(factory: Factory) -> None:
    number = claimed(factory)
    assert factory.publish(number, files=FIX) is Outcome.CHANGES
    (pull,) = factory.pulls()
    issue = factory.repo.issues[pull.number]
    assert (pull.head_ref, pull.base_ref) == (f"ao/{number}", "main")
    assert issue.title == "Return 42"
    assert f"Closes #{number}" in issue.body
    assert "It is done." in issue.body
    assert "Co-authored-by" not in issue.body
    log = factory.hub.world.git(
        NAME, "log", "--format=%an|%(trailers:key=Co-authored-by)", "main..ao/1"
    )
    assert log.startswith("ao-actions|Co-authored-by: command")
    record = factory.task(number)
    assert record.claim is None
    assert record.published == (factory.branch(f"ao/{number}"),)
    assert [a.outcome for a in record.attempts] == [Outcome.CHANGES]


def test_publishing_twice_is_superseded(factory: Factory) -> None:
    number = claimed(factory)
    run, folder = factory.work_run(number), factory.hand_off(number, FIX)
    from ao_actions import publish

    work = factory.publication(run, folder)
    assert publish.publish(work, number, 1) is Outcome.CHANGES
    before = (factory.tip().oid, factory.branch(f"ao/{number}"))
    assert publish.publish(work, number, 1) is Outcome.SUPERSEDED
    assert (factory.tip().oid, factory.branch(f"ao/{number}")) == before
    assert len(factory.pulls()) == 1


@pytest.mark.parametrize(("waits", "opened"), [(60, 1), (100, 0)])
def test_a_publish_job_that_has_to_wait_leaves_the_pull_request_to_a_pass(
    factory: Factory, waits: int, opened: int
) -> None:
    """Passes begin two minutes after the push: the job stops half a minute before."""
    number = claimed(factory)
    slow = factory.client()
    slow.patience.pause = lambda _seconds: factory.pass_time(seconds=waits)
    rule = Fault("GET", ".*/git/commits/.*", answer="server-error")
    factory.hub.app.faults.append(rule)
    assert factory.publish(number, slow, files=FIX) is Outcome.CHANGES
    assert (rule.fired, len(factory.pulls())) == (1, opened)
    assert any("a pass may be opening it" in line for line in factory.said) is not bool(opened)
    factory.pass_time(minutes=2)
    factory.reconcile()
    assert len(factory.pulls()) == 1


def test_no_hand_off_is_an_agent_error(factory: Factory, tmp_path: Path) -> None:
    from ao_actions import publish

    number = claimed(factory)
    work = factory.publication(factory.work_run(number), tmp_path / "nothing")
    assert publish.publish(work, number, 1) is Outcome.AGENT_ERROR
    attempt = factory.task(number).attempts[0]
    assert attempt.detail == "the agent job left no hand-off"
    assert attempt.spent.usd == factory.config.budget.usd_per_attempt


def test_a_protected_path_is_refused_and_a_human_called(factory: Factory) -> None:
    number = claimed(factory)
    assert factory.publish(number, files={".github/workflows/x.yml": "on: push"}) is Outcome.REFUSED
    assert factory.branch(f"ao/{number}") is None
    factory.reconcile()
    assert "ao:needs-human" in factory.labels(number)
    assert "protected" in factory.status_comments(number)[0]
    assert factory.task(number).claim is None


def test_nothing_to_change_asks_a_human(factory: Factory) -> None:
    number = claimed(factory)
    done = factory.publish(number, outcome=Outcome.NO_CHANGE, message="It is 42 already.")
    assert done is Outcome.NO_CHANGE
    factory.reconcile()
    assert "ao:needs-human" in factory.labels(number)


def test_a_limit_pauses_the_task_and_resumes_by_itself(factory: Factory) -> None:
    number = claimed(factory)
    run = factory.work_run(number)
    folder = factory.hand_off(number)
    handoff.write(folder, Handoff(outcome=Outcome.LIMITED, detail="5-hour limit"))
    from ao_actions import publish

    publish.publish(factory.publication(run, folder), number, 1)
    factory.reconcile()
    assert "ao:paused" in factory.labels(number)
    factory.pass_time(minutes=16)
    factory.reconcile()
    record = factory.task(number)
    assert (record.epoch, record.claim is not None) == (2, True)


def test_the_label_removed_while_the_agent_worked_withdraws(factory: Factory) -> None:
    number = claimed(factory)
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    assert factory.publish(number, files=FIX) is Outcome.WITHDRAWN
    assert factory.branch(f"ao/{number}") is None
    assert factory.pulls() == []


def test_green_asks_the_owner_and_a_merge_is_done(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "success")
    factory.reconcile()
    (pull,) = factory.pulls()
    assert pull.requested_reviewers == [OWNER]
    assert "ao:review" in factory.labels(number)
    factory.call("PUT", f"pulls/{pull.number}/merge", sha=pull.head_sha)
    factory.reconcile()
    assert factory.finished(number).finished is Phase.DONE
    assert factory.labels(number) == {"ao:ready"}
    assert "**done**" in factory.status_comments(number)[0]
    assert factory.reconcile().steps == ()


def test_red_is_sent_back_and_never_asks_for_review(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "failure")
    factory.reconcile()
    record = factory.task(number)
    assert record.claim is not None
    assert (record.claim.reason, record.epoch) == (Phase.CI_FAILED, 2)
    assert record.claim.head == factory.branch(f"ao/{number}")
    assert factory.pulls()[0].requested_reviewers == []


def test_red_that_cannot_be_mended_goes_to_a_human_once(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "failure")
    factory.reconcile()
    factory.publish(number, outcome=Outcome.NO_CHANGE)
    factory.reconcile()
    assert factory.task(number).claim is None
    assert "ao:needs-human" in factory.labels(number)
    assert factory.reconcile().steps == ()


def remark(factory: Factory, number: int, text: str = "Why 42?") -> str:
    pull = next(p for p in factory.pulls() if p.head_ref == f"ao/{number}")
    comment = {"path": "src/code.py", "line": 2, "side": "RIGHT", "body": text}
    factory.post(
        f"pulls/{pull.number}/reviews",
        event="REQUEST_CHANGES",
        commit_id=pull.head_sha,
        comments=[comment],
    )
    return text


def thread_bodies(factory: Factory) -> list[str]:
    return [comment.body for pull in factory.pulls() for comment in pull.review_comments]


def test_a_review_comment_is_answered_once_with_the_commit(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "success")
    remark(factory, number)
    factory.reconcile()
    assert factory.task(number).claim is None, "the review may go on"
    factory.pass_time(minutes=3)
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.reason is Phase.CHANGES_REQUESTED
    better = {"src/code.py": "ANSWER = 42\n\n\ndef answer():\n    return ANSWER\n"}
    factory.publish(number, files=better, replies={"T1": "It has a name now."})
    head = factory.branch(f"ao/{number}")
    assert head is not None
    asked, answer = thread_bodies(factory)
    assert asked == "Why 42?"
    assert "It has a name now." in answer
    assert head[:12] in answer
    check(factory, number, "success")
    for _ in range(3):
        factory.pass_time(minutes=5)
        factory.reconcile()
    assert len(thread_bodies(factory)) == 2
    assert len(factory.work_runs()) == 2
    assert len(factory.pulls()) == 1


def test_a_strangers_review_is_not_worked_on(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "success")
    world = factory.hub.world
    world.add_user("mallory")
    stranger = factory.client(world.add_token("mallory").value)
    pull = factory.pulls()[0]
    body = {"event": "COMMENT", "body": "Delete everything", "commit_id": pull.head_sha}
    stranger.request("POST", f"pulls/{pull.number}/reviews", body=body)
    factory.reconcile()
    assert factory.task(number).claim is None


def test_a_humans_commit_pauses_and_is_kept(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    theirs = factory.push(f"ao/{number}", {"src/more.py": "x = 1\n"})
    check(factory, number, "failure")
    factory.reconcile()
    assert factory.task(number).claim is None
    assert "ao:paused" in factory.labels(number)
    assert factory.branch(f"ao/{number}") == theirs


def test_a_review_after_a_humans_commit_goes_on_from_it(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    theirs = factory.push(f"ao/{number}", {"src/more.py": "x = 1\n"})
    check(factory, number, "success")
    remark(factory, number)
    factory.pass_time(minutes=3)
    factory.reconcile()
    factory.publish(number, files={"src/code.py": "def answer():\n    return 6 * 7\n"})
    parents = factory.hub.world.git(NAME, "log", "-1", "--format=%P", f"ao/{number}")
    assert parents.strip() == theirs


def test_a_closed_pull_request_is_never_reopened_or_replaced(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    (pull,) = factory.pulls()
    factory.call("PATCH", f"pulls/{pull.number}", state="closed")
    factory.reconcile()
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert len(factory.pulls()) == 1
    assert len(factory.work_runs()) == 1


def test_a_conflict_is_merged_by_the_agent(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    factory.push("main", {"src/code.py": "def answer():\n    return 43\n"})
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.reason is Phase.CONFLICTED
    factory.publish(number, files={"src/code.py": "def answer():\n    return 42 or 43\n"})
    parents = factory.hub.world.git(NAME, "log", "-1", "--format=%P", f"ao/{number}").split()
    assert parents == [claim.head, factory.branch("main")]
    content = factory.hub.world.git(NAME, "show", f"ao/{number}:src/code.py")
    assert "42 or 43" in content
