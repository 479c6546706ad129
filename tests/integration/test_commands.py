"""Commands in comments, on the local GitHub: what each does to the world, and that it does it
once, acknowledged by a reaction."""

from __future__ import annotations

import pytest

from ao_actions.core.model import Outcome, Phase
from ao_actions.forge.client import Client
from tests.integration.conftest import OWNER, Factory

FIX = {"src/code.py": "def answer():\n    return 42\n"}


def begun(factory: Factory) -> int:
    """An issue whose first run is at work."""
    number = factory.issue()
    factory.reconcile()
    return number


def published(factory: Factory) -> int:
    number = begun(factory)
    factory.publish(number, files=FIX)
    factory.reconcile()
    return number


def say(factory: Factory, number: int, body: str) -> int:
    comment: int = factory.post(f"issues/{number}/comments", body=body)["id"]
    return comment


def reactions(factory: Factory, comment: int) -> list[str]:
    found = factory.call("GET", f"issues/comments/{comment}/reactions")
    return [reaction["content"] for reaction in found]


def replies(factory: Factory, number: int) -> list[str]:
    comments = factory.repo.issues[number].comments
    return [c.body for c in comments if c.body.startswith("<!-- ao:reply ")]


def settle(factory: Factory) -> None:
    """The pass that obeys, and two that find nothing more to do about it."""
    factory.reconcile()
    before = [c.body for issue in factory.repo.issues.values() for c in issue.comments]
    factory.reconcile()
    assert factory.reconcile().steps == ()
    assert before == [c.body for issue in factory.repo.issues.values() for c in issue.comments]


def stranger(factory: Factory, name: str = "mallory") -> Client:
    factory.hub.world.add_user(name)
    return factory.client(factory.hub.world.add_token(name).value)


def test_stop_ends_the_task_and_its_run_and_keeps_the_branch(factory: Factory) -> None:
    number = published(factory)
    head = factory.branch(f"ao/{number}")
    comment = say(factory, number, "/ao stop")
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.labels(number) == set()
    assert factory.branch(f"ao/{number}") == head
    assert "said `/ao stop`" in factory.status_comments(number)[0]
    assert reactions(factory, comment) == ["+1"]
    settle(factory)
    factory.post(f"issues/{number}/labels", labels=["ao:ready"])
    factory.pass_time(minutes=1)
    factory.reconcile()
    assert number not in factory.tip().book.tasks or factory.task(number).ended is None


def test_stop_cancels_a_run_at_work(factory: Factory) -> None:
    number = begun(factory)
    run = factory.work_run(number)
    factory.until(lambda: run.status == "in_progress")
    say(factory, number, "Please hold on.\n\n/ao stop")
    factory.reconcile()
    factory.until(lambda: run.status == "completed")
    assert run.conclusion == "cancelled"
    assert number not in factory.tip().book.tasks


def test_take_over_assigns_and_ends(factory: Factory) -> None:
    number = published(factory)
    factory.hub.world.add_user("bob")
    factory.repo.collaborators["bob"] = "write"
    bob = factory.client(factory.hub.world.add_token("bob").value)
    bob.request("POST", f"issues/{number}/comments", body={"body": "/ao take-over"})
    factory.reconcile()
    assert set(factory.repo.issues[number].assignees) == {OWNER, "bob"}
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.repo.issues[factory.pulls()[0].number].state == "open"


def test_pause_starts_nothing_until_resume(factory: Factory) -> None:
    number = begun(factory)
    say(factory, number, "/ao pause")
    factory.publish(number, outcome=Outcome.AGENT_ERROR)
    settle(factory)
    assert factory.labels(number) == {"ao:ready", "ao:paused"}
    assert factory.task(number).claim is None
    say(factory, number, "/ao resume")
    factory.reconcile()
    assert factory.task(number).claim is not None


def test_resume_builds_on_a_humans_commit(factory: Factory) -> None:
    number = published(factory)
    theirs = factory.push(f"ao/{number}", {"src/more.py": "x = 1\n"})
    factory.reconcile()
    assert "ao:paused" in factory.labels(number)
    say(factory, factory.pulls()[0].number, "/ao resume")
    settle(factory)
    assert "ao:paused" not in factory.labels(number)
    assert factory.branch(f"ao/{number}") == theirs


def test_retry_begins_a_new_round(factory: Factory) -> None:
    number = begun(factory)
    factory.publish(number, outcome=Outcome.NO_CHANGE)
    factory.reconcile()
    assert "ao:needs-human" in factory.labels(number)
    comment = say(factory, number, "/ao retry")
    factory.pass_time(minutes=1)
    factory.reconcile()
    record = factory.task(number)
    assert record.round == 2
    assert record.claim is not None
    assert reactions(factory, comment) == ["+1"]


def test_an_exhausted_budget_is_accounted_for_and_can_be_added_to(factory: Factory) -> None:
    number = begun(factory)
    for _ in range(3):
        factory.publish(number, outcome=Outcome.AGENT_ERROR)
        factory.reconcile()
    assert factory.task(number).claim is None
    settle(factory)
    [account] = replies(factory, number)
    assert f"@{OWNER}: all 3 attempts are used" in account
    assert account.count("| agent_error |") == 3
    say(factory, number, "/ao budget +1")
    factory.reconcile()
    assert factory.task(number).claim is not None
    factory.publish(number, outcome=Outcome.AGENT_ERROR)
    settle(factory)
    assert len(replies(factory, number)) == 2


def test_why_is_answered(factory: Factory) -> None:
    published(factory)
    pull = factory.pulls()[0].number
    comment = say(factory, pull, "/ao why")
    settle(factory)
    [reply] = replies(factory, pull)
    assert "**ready**: " in reply or "**ci_pending**: " in reply
    assert reactions(factory, comment) == ["eyes"]


def test_agent_takes_only_a_listed_one(factory: Factory) -> None:
    number = begun(factory)
    listed = say(factory, number, "/ao agent command")
    other = say(factory, number, "/ao agent codex")
    settle(factory)
    assert factory.task(number).agent == "command"
    assert reactions(factory, listed) == ["+1"]
    assert reactions(factory, other) == ["confused"]


def test_a_stranger_is_refused_politely_and_once(factory: Factory) -> None:
    number = begun(factory)
    them = stranger(factory)
    made = [
        them.request("POST", f"issues/{number}/comments", body={"body": "/ao stop"})[1]["id"]
        for _ in range(3)
    ]
    settle(factory)
    assert factory.task(number).claim is not None
    assert [reactions(factory, comment) for comment in made] == [["confused"]] * 3
    [reply] = replies(factory, number)
    assert "`/ao retry`" in reply
    factory.repo.collaborators["mallory"] = "write"
    factory.reconcile()
    assert factory.task(number).claim is not None, "what was refused stays refused"


def test_a_bot_is_not_obeyed(factory: Factory) -> None:
    number = begun(factory)
    factory.client().request("POST", f"issues/{number}/comments", body={"body": "/ao stop"})
    settle(factory)
    assert factory.task(number).claim is not None
    assert replies(factory, number) == []


@pytest.mark.parametrize(
    "body", ["> /ao stop", "```\n/ao stop\n```", "`/ao stop`", "<!--\n/ao stop\n-->"]
)
def test_talking_about_a_command_is_none(factory: Factory, body: str) -> None:
    number = begun(factory)
    comment = say(factory, number, body)
    settle(factory)
    assert factory.task(number).claim is not None
    assert reactions(factory, comment) == []


def test_an_edited_comment_is_new_until_it_is_handled(factory: Factory) -> None:
    number = begun(factory)
    comment = say(factory, number, "never mind")
    factory.reconcile()
    factory.call("PATCH", f"issues/comments/{comment}", body="/ao pause")
    settle(factory)
    assert factory.task(number).held is not None
    factory.call("PATCH", f"issues/comments/{comment}", body="/ao stop")
    settle(factory)
    assert number in factory.tip().book.tasks, "handled once, and never again"


def test_a_review_s_body_may_command(factory: Factory) -> None:
    number = published(factory)
    pull = factory.pulls()[0]
    factory.post(f"pulls/{pull.number}/reviews", event="COMMENT", body="/ao pause")
    settle(factory)
    assert factory.task(number).held is not None
    assert [r.content for review in pull.reviews for r in review.reactions] == ["+1"]
