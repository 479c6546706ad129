"""A model's limit on a real repository: the fleet pauses, the work so far stays, one notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ao_actions import publish
from ao_actions.config import parse
from ao_actions.core import actions
from ao_actions.core.model import Outcome, Phase
from ao_actions.forge import act
from ao_actions.forge.client import Client
from ao_actions.insight import status
from ao_actions.ledger import Ledger, PushRefusedError
from ao_actions.work import handoff
from tests.integration.conftest import NAME, OWNER, Factory
from tests.integration.test_publish import FIX, check, claimed

HALF = {"src/code.py": "def answer():\n    return 4\n"}
LATER = timedelta(hours=3)


def limited(factory: Factory, number: int, *, said: dict[str, Any] | None = None, **made: Any):
    """The attempt under way meets a limit, proven and with a reset time unless `said`."""
    run = factory.work_run(number)
    folder = factory.hand_off(number, outcome=Outcome.LIMITED, **made)
    given = handoff.read(folder)
    assert given is not None
    until = factory.client().now() + LATER
    more = {"until": until, "proven": True, "detail": "5-hour limit", "session": "s-1"}
    handoff.write(folder, replace(given, **{**more, **(said or {})}))
    work = factory.publication(run, folder)
    assert publish.publish(work, number, factory.task(number).epoch) is Outcome.LIMITED
    return until


def paused_until(factory: Factory) -> datetime:
    return factory.tip().book.fleet.paused["command"].until


def subjects(factory: Factory, branch: str) -> list[str]:
    log = factory.hub.world.git(NAME, "log", "--reverse", "--format=%s", f"main..{branch}")
    return log.splitlines()


def notices(factory: Factory, number: int) -> list[str]:
    comments = factory.repo.issues[number].comments
    return [c.body for c in comments if c.body.startswith("<!-- ao:limit ")]


# ---- the work so far -----------------------------------------------------------------------


def test_work_in_progress_is_pushed_and_finished_after_the_reset(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number, files=HALF)
    record = factory.task(number)
    wip = factory.branch(f"ao/{number}")
    assert record.published == record.wip == (wip,)
    assert record.attempts[0].session == "s-1"
    assert record.attempts[0].detail == "5-hour limit"
    assert record.attempts[0].head == wip
    for _ in range(2):
        factory.pass_time(minutes=10)
        factory.reconcile()
    assert factory.pulls() == []
    factory.pass_time(hours=3)
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert (claim.head, claim.reason) == (wip, Phase.QUEUED)
    assert factory.publish(number, files=FIX) is Outcome.CHANGES
    assert subjects(factory, f"ao/{number}") == [
        f"Work in progress on issue {number} (stopped by a model limit)",
        "Return 42",
    ]
    (pull,) = factory.pulls()
    shown = factory.repo.issues[pull.number]
    assert shown.title == "Return 42"
    assert f"Closes #{number}" in shown.body
    record = factory.task(number)
    assert record.delivered == (factory.branch(f"ao/{number}"),)
    assert factory.tip().book.fleet.paused == {}


def test_limits_in_a_row_build_on_each_other(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number, files=HALF)
    factory.pass_time(hours=4)
    factory.reconcile()
    limited(factory, number, files=FIX)
    record = factory.task(number)
    assert len(record.wip) == 2
    assert [attempt.head for attempt in record.attempts] == list(record.wip)
    assert factory.branch(f"ao/{number}") == record.wip[-1]
    assert factory.tip().book.fleet.paused["command"].in_a_row == 2
    assert factory.pulls() == []
    assert "0 of 3 attempts" in factory.status_comments(number)[0]


def test_the_pull_request_has_the_delivered_text_though_publish_died(factory: Factory) -> None:
    """A later pass opens it: its words are those of the first commit that was delivered."""
    number = claimed(factory)
    limited(factory, number, files=HALF)
    factory.pass_time(hours=4)
    factory.reconcile()

    class NoPulls(Client):
        def _exchange(self, method: str, url: str, parameters: Any, body: Any) -> tuple[int, str]:
            if method == "POST" and url.endswith("/pulls"):
                return 500, "oops"
            return super()._exchange(method, url, parameters, body)

    alive = factory.client()
    broken = NoPulls(alive.repository, alive.token, alive.address)
    assert factory.publish(number, broken, files=FIX) is Outcome.CHANGES
    assert factory.pulls() == []
    factory.pass_time(minutes=5)
    factory.reconcile()
    (pull,) = factory.pulls()
    assert factory.repo.issues[pull.number].title == "Return 42"


def test_work_in_progress_that_was_complete_is_delivered(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number, files=FIX)
    factory.pass_time(hours=4)
    factory.reconcile()
    assert factory.publish(number, outcome=Outcome.NO_CHANGE) is Outcome.CHANGES
    (pull,) = factory.pulls()
    assert factory.repo.issues[pull.number].title == "Return 42"
    content = factory.hub.world.git(NAME, "show", f"ao/{number}:src/code.py")
    assert content == FIX["src/code.py"]
    assert len(subjects(factory, f"ao/{number}")) == 2


def test_refused_work_in_progress_leaves_the_limit_a_limit(factory: Factory) -> None:
    number = claimed(factory)
    until = limited(factory, number, files={".github/workflows/x.yml": "on: push"})
    assert factory.branch(f"ao/{number}") is None
    record = factory.task(number)
    assert (record.stop, record.published) == (None, ())
    detail = record.attempts[0].detail
    assert detail.startswith("5-hour limit; the work so far is in the hand-off only: ")
    assert "protected" in detail
    assert paused_until(factory) == until
    factory.pass_time(hours=4)
    factory.reconcile()
    assert factory.task(number).claim is not None


def test_nothing_half_done_is_shown_on_a_pull_request(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "failure")
    factory.reconcile()
    delivered = factory.branch(f"ao/{number}")
    limited(factory, number, files=HALF)
    record = factory.task(number)
    assert factory.branch(f"ao/{number}") == delivered
    assert (record.published, record.wip) == ((delivered,), ())
    assert record.attempts[-1].outcome is Outcome.LIMITED


def test_a_pull_request_that_a_human_opened_for_it_is_not_shown_more(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number, files=HALF)
    wip = factory.branch(f"ao/{number}")
    factory.post("pulls", title="Mine", head=f"ao/{number}", base="main")
    factory.pass_time(hours=4)
    check(factory, number, "success")
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.head == wip
    limited(factory, number, files=FIX)
    assert factory.branch(f"ao/{number}") == wip
    assert "would show it half done" in factory.task(number).attempts[-1].detail


@pytest.mark.parametrize("deed", ["deleted", "moved"])
def test_work_in_progress_that_a_human_touched_is_theirs(factory: Factory, deed: str) -> None:
    number = claimed(factory)
    limited(factory, number, files=HALF)
    branch = f"ao/{number}"
    if deed == "deleted":
        factory.call("DELETE", f"git/refs/heads/{branch}")
    else:
        factory.push(branch, {"src/theirs.py": "x = 1\n"})
    theirs = factory.branch(branch)
    factory.pass_time(hours=4)
    for _ in range(2):
        factory.reconcile()
    assert factory.branch(branch) == theirs
    assert factory.task(number).claim is None
    assert "ao:needs-human" in factory.labels(number)


def test_a_branch_that_a_human_made_meanwhile_is_handed_over(factory: Factory) -> None:
    """The push is refused by its lease: the limit counts, the branch is theirs."""
    number = claimed(factory)
    main = factory.branch("main")
    assert main is not None
    theirs = factory.push(f"ao/{number}", {"src/theirs.py": "x = 1\n"}, start=main)
    until = limited(factory, number, files=HALF)
    assert factory.branch(f"ao/{number}") == theirs
    record = factory.task(number)
    assert record.stop is not None
    assert "while the agent worked" in record.stop.reason
    assert paused_until(factory) == until
    factory.pass_time(hours=4)
    factory.reconcile()
    assert factory.task(number).claim is None


def test_a_withdrawn_task_leaves_its_work_in_progress(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number, files=HALF)
    wip = factory.branch(f"ao/{number}")
    factory.call("DELETE", f"issues/{number}/labels/ao:ready")
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    assert factory.branch(f"ao/{number}") == wip


def test_a_push_that_a_rule_refuses_leaves_the_limit_a_limit(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = Ledger.push

    def refused(self: Ledger, draft: Any, extra: Any = None) -> bool:
        if extra:
            raise PushRefusedError("GH013: a rule of the repository")
        return push(self, draft, extra)

    number = claimed(factory)
    monkeypatch.setattr(Ledger, "push", refused)
    limited(factory, number, files=HALF)
    assert factory.branch(f"ao/{number}") is None
    assert "GH013" in factory.task(number).attempts[0].detail


# ---- the fleet -----------------------------------------------------------------------------


def test_a_proven_limit_pauses_the_fleet_and_all_go_on_in_turn(factory: Factory) -> None:
    first, second, third = (factory.issue() for _ in range(3))
    factory.reconcile()
    until = limited(factory, second)
    limited(factory, first, said={"until": None})
    factory.reconcile()
    assert paused_until(factory) == until
    assert [record.claim for record in factory.tip().book.tasks.values()] == [None, None]
    rows = {
        row["issue"]: row for row in status.rows(factory_view(factory), factory.config.policy())
    }
    assert f"first, at {until:%Y-%m-%d %H:%M} UTC" in rows[first]["because"]
    assert (
        f"as number 3, at {until + timedelta(minutes=10):%Y-%m-%d %H:%M}" in rows[third]["because"]
    )
    assert rows[second]["resumes_at"] == f"{until + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    assert "**paused**: the model's limit: command is paused" in factory.status_comments(first)[0]
    factory.pass_time(hours=3)
    for _ in range(2):
        factory.reconcile()
    assert claims(factory) == [first]
    factory.pass_time(minutes=5)
    factory.reconcile()
    assert claims(factory) == [first, second]
    assert len(notices(factory, first)) + len(notices(factory, second)) == 1


def factory_view(factory: Factory) -> Any:
    return factory.reconcile(dry=True).snapshot


def claims(factory: Factory) -> list[int]:
    return sorted(n for n, record in factory.tip().book.tasks.items() if record.claim)


def test_the_words_of_an_agent_pause_its_task_only(factory: Factory) -> None:
    first, second = factory.issue(), factory.issue()
    factory.reconcile()
    limited(factory, first, said={"proven": False, "until": None})
    assert factory.tip().book.fleet.paused == {}
    factory.publish(second, files=FIX)
    third = factory.issue()
    factory.reconcile()
    assert claims(factory) == [third]
    assert "command may try this task again at" in factory.status_comments(first)[0]
    assert notices(factory, first) == []


def test_the_next_agent_of_the_list_takes_over_at_once(factory: Factory) -> None:
    factory.config = parse("agents: [{name: command, command: 'true'}, {name: claude-code}]\n")
    number = claimed(factory)
    limited(factory, number, files=HALF)
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert (claim.agent, claim.head) == ("claude-code", factory.branch(f"ao/{number}"))


# ---- the notice ----------------------------------------------------------------------------


def test_one_notice_though_two_passes_post_it_and_an_answer_is_lost(factory: Factory) -> None:
    class Lossy(Client):
        """GitHub takes the first comment that begins so, and its answer gets lost."""

        def _exchange(self, method: str, url: str, parameters: Any, body: Any) -> tuple[int, str]:
            answer = super()._exchange(method, url, parameters, body)
            said = method == "POST" and "<!-- ao:limit" in str((body or {}).get("body"))
            return (500, "oops") if said else answer

    number = claimed(factory)
    limited(factory, number)
    alive = factory.client()
    plan = factory.reconcile(dry=True)
    lossy = Lossy(alive.repository, alive.token, alive.address)
    factory.reconcile(lossy)
    assert len(notices(factory, number)) == 1
    late = [step.action for step in plan.steps if isinstance(step.action, actions.Notice)]
    assert [act.perform(alive, notice, "main").what for notice in late] == ["unchanged"]
    assert factory.reconcile().steps == ()
    (body,) = notices(factory, number)
    assert f"@{OWNER}: command has met its model's limit and is paused until" in body
    assert "1 task waits for it" in body


def test_the_notice_s_id_rides_along_with_the_next_write(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number)
    factory.reconcile()
    assert factory.tip().book.fleet.paused["command"].notice is None
    factory.pass_time(hours=4)
    factory.reconcile()
    noted = factory.tip().book.fleet.paused["command"].notice
    (comment,) = [c for c in factory.repo.issues[number].comments if "ao:limit" in c.body]
    assert noted == str(comment.id)
    limited(factory, number, said={"until": None})
    factory.reconcile()
    pause = factory.tip().book.fleet.paused["command"]
    assert (pause.in_a_row, pause.notice) == (2, noted)
    assert len(notices(factory, number)) == 1


def test_a_forged_notice_silences_nobody(factory: Factory) -> None:
    number = claimed(factory)
    limited(factory, number)
    plan = factory.reconcile(dry=True)
    (mark,) = [s.action.mark for s in plan.steps if isinstance(s.action, actions.Notice)]
    factory.post(f"issues/{number}/comments", body=f"{mark}\nall is well")
    factory.reconcile()
    assert len(notices(factory, number)) == 2
