"""The plan: each action, why, and in which order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ao_actions.core import actions, transitions
from ao_actions.core.decide import decide
from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.model import CheckRerun, Fleet, Outcome, Phase, Reply, Spent
from ao_actions.core.observed import StatusComment, Touch
from ao_actions.core.policy import Budget, Policy
from ao_actions.core.projection import status_body
from ao_actions.core.tasks import verdicts
from tests.builders import (
    NOW,
    POLICY,
    READY,
    a_book,
    a_claim,
    a_comment,
    a_failed,
    a_failure,
    a_pause,
    a_published_record,
    a_pull,
    a_record,
    a_red_pull,
    a_review,
    a_run,
    a_snapshot,
    a_stop,
    a_thread,
    ago,
    an_attempt,
    an_issue,
    minutes,
    some_facts,
    to_claim,
    to_finish,
)
from tests.core import worlds

CLAIMED = a_record(claim=a_claim())
RED = a_red_pull()
NEW = an_issue(facts=some_facts())


def planned(kind, snapshot, policy=POLICY):
    return [action for action in decide(snapshot, policy) if isinstance(action, kind)]


# ---- a model's limit -----------------------------------------------------------------------

WAITS = a_record(attempts=(an_attempt(outcome=Outcome.LIMITED),))


def limited_fleet(records=(WAITS,), policy=POLICY, notices=None, **pause):
    fleet = Fleet(epoch=9, paused={"claude-code": a_pause(**pause)})
    issues = [an_issue(n, facts=some_facts()) for n in (50, 51)]
    book = a_book(*records, fleet=fleet)
    return planned(actions.Notice, a_snapshot(*issues, book=book, notices=notices or {}), policy)


def test_one_notice_for_all_that_wait() -> None:
    [notice] = limited_fleet()
    assert (notice.issue, notice.agent) == (42, "claude-code")
    assert notice.body.startswith(notice.mark)
    assert "@ann: claude-code has met its model's limit" in notice.body
    assert "paused until 2026-01-05 13:00 UTC. 3 tasks wait for it." in notice.body


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"notice": "7"}, id="it was noted"),
        pytest.param({"notices": {"claude-code": "7"}}, id="it is there"),
        pytest.param({"until": NOW}, id="the pause is over"),
        pytest.param({"issue": 7}, id="the task has ended"),
        pytest.param({"issue": None}, id="a pause of an older version"),
    ],
)
def test_no_notice(given) -> None:
    assert limited_fleet(**given) == []


def test_who_goes_on_with_another_agent_does_not_wait() -> None:
    [notice] = limited_fleet(policy=Policy(agents=("claude-code", "codex")))
    assert "0 tasks wait for it." in notice.body


@pytest.mark.parametrize(
    ("pause", "noted"),
    [
        pytest.param({}, {"claude-code": "7"}, id="new"),
        pytest.param({"notice": "7"}, {}, id="noted already"),
        pytest.param({"issue": 50}, {}, id="on another task"),
    ],
)
def test_the_notice_is_noted_when_the_ledger_is_written(pause, noted) -> None:
    fleet = Fleet(epoch=9, paused={"claude-code": a_pause(**pause)})
    book = a_book(WAITS, a_record(issue=7, claim=a_claim(expires_at=ago(1))), fleet=fleet)
    notices = {"claude-code": "7", "codex": "8"}
    notes = planned(actions.Note, a_snapshot(book=book, notices=notices))
    assert [note.notices for note in notes] == ([noted] if noted else [])
    quiet = a_snapshot(book=a_book(WAITS, fleet=fleet), notices=notices)
    assert planned(actions.Note, quiet) == []


def test_the_first_commit_that_was_delivered_names_the_pull_request() -> None:
    record = a_published_record(published=("w1", "c1", "c2"), wip=("w1",))
    [opening] = planned(actions.OpenPull, a_snapshot(records=[record], branches={"ao/42": "c2"}))
    assert opening.head == "c1"


def test_work_that_was_cut_short_goes_on_from_its_commit() -> None:
    record = a_record(attempts=WAITS.attempts, published=("w1",), wip=("w1",))
    snapshot = a_snapshot(records=[record], branches={"ao/42": "w1"})
    assert planned(actions.OpenPull, snapshot) == []
    [claim] = planned(actions.Claim, snapshot)
    assert (claim.head, claim.branch, claim.reason) == ("w1", "ao/42", Phase.QUEUED)


# ---- claims --------------------------------------------------------------------------------


def test_a_new_issue_is_claimed_and_its_run_started() -> None:
    plan = decide(a_snapshot(NEW, book=a_book(fleet=Fleet(epoch=16))), POLICY)
    claim, dispatch, label, report = plan
    assert claim == to_claim(epoch=17)
    assert dispatch == actions.Dispatch(issue=42, epoch=17, reason=Phase.QUEUED, because="claimed")
    assert isinstance(label, actions.Label)
    assert label.add == ("ao:working",)
    assert isinstance(report, actions.Report)
    assert "the run `ao #42.17 queued` works on it" in report.body


def test_a_slot_is_not_given_twice() -> None:
    issues = [an_issue(n, created_at=ago(100 - n), facts=some_facts()) for n in range(1, 6)]
    claims = planned(actions.Claim, a_snapshot(*issues))
    assert [(claim.issue, claim.epoch) for claim in claims] == [(1, 1), (2, 2), (3, 3)]


def test_no_free_slot_no_claim() -> None:
    snapshot = a_snapshot(NEW, records=[a_record(issue=7, claim=a_claim())])
    assert planned(actions.Claim, snapshot, Policy(max_parallel=1)) == []


def test_a_held_issue_leaves_the_slot_to_the_next() -> None:
    held = an_issue(1, created_at=ago(900), facts=some_facts(trusted=False))
    assert [claim.issue for claim in planned(actions.Claim, a_snapshot(held, NEW))] == [42]


def test_a_released_slot_is_given_away_in_the_same_plan() -> None:
    lost = a_record(issue=7, claim=a_claim(expires_at=ago(1)))
    snapshot = a_snapshot(NEW, records=[lost])
    plan = planned(actions.Transition, snapshot, Policy(max_parallel=1, budget=Budget(attempts=1)))
    assert [actions.describe(step) for step in plan] == [
        "task 7: released, epoch 1, lost",
        "task 42: claimed, epoch 2, queued",
        "task 7: has something to say (exhausted:1:0:0)",
    ]


def test_work_under_way_goes_on_before_new_work() -> None:
    lost = a_record(issue=7, claim=a_claim(expires_at=ago(1)))
    snapshot = a_snapshot(NEW, an_issue(7, created_at=ago(1)), records=[lost])
    claims = planned(actions.Claim, snapshot, Policy(max_parallel=1))
    assert [claim.issue for claim in claims] == [7]


def test_of_the_agents_the_first_that_is_not_paused_works() -> None:
    policy = Policy(agents=("claude-code", "codex"))
    paused = {"claude-code": a_pause(until=NOW + minutes(5))}
    snapshot = a_snapshot(NEW, book=a_book(fleet=Fleet(paused=paused)))
    assert [claim.agent for claim in planned(actions.Claim, snapshot, policy)] == ["codex"]
    over = replace(snapshot, now=NOW + minutes(5))
    assert [claim.agent for claim in planned(actions.Claim, over, policy)] == ["claude-code"]


@pytest.mark.parametrize("held", [True, False])
def test_a_task_whose_files_are_being_changed_waits_if_it_is_to(held) -> None:
    snapshot = a_snapshot(
        an_issue(43, facts=some_facts(paths=("code.py",))),
        records=[a_published_record()],
        pulls={42: a_pull()},
        files={42: ("src/code.py",)},
    )
    claims = planned(actions.Claim, snapshot, Policy(hold_overlaps=held))
    because = "nothing has started, although pull request #7 changes src/code.py too"
    assert [claim.because for claim in claims] == ([] if held else [because])


def test_all_agents_paused_no_claim() -> None:
    soon, later = a_pause(until=NOW + minutes(5)), a_pause(until=NOW + minutes(9))
    paused = {"claude-code": soon, "codex": later}
    snapshot = a_snapshot(NEW, book=a_book(fleet=Fleet(paused=paused)))
    policy = Policy(agents=("codex", "claude-code"))
    assert decide(snapshot, policy) == ()
    [(_, verdict)] = verdicts(snapshot, policy)
    assert verdict.phase is Phase.PAUSED
    assert "claude-code is paused until 2026-01-05 12:05 UTC" in verdict.because


@pytest.mark.parametrize(
    ("pull", "claim"),
    [
        pytest.param(
            RED,
            {
                "reason": Phase.CI_FAILED,
                "items": ("checks:c1",),
                "failures": (a_failure(),),
                "because": "failing: test: it failed, and was run once more on this commit",
            },
            id="red",
        ),
        pytest.param(
            a_pull(reviews=(a_review(),), base="next"),
            {
                "reason": Phase.CHANGES_REQUESTED,
                "items": ("review:9",),
                "base": "next",
                "because": "1 review item(s) wait for an answer",
            },
            id="changes requested",
        ),
        pytest.param(
            a_pull(mergeable="CONFLICTING"),
            {
                "reason": Phase.CONFLICTED,
                "items": ("conflict:c1",),
                "because": "the branch conflicts with main",
            },
            id="conflict",
        ),
    ],
)
def test_a_task_under_way_is_claimed_again(pull, claim) -> None:
    snapshot = a_snapshot(
        records=[a_published_record()], pulls={42: pull}, branches={"ao/42": "c1"}
    )
    assert planned(actions.Claim, snapshot) == [to_claim(epoch=2, head="c1", **claim)]


# ---- checks that are run once more ------------------------------------------------------------

RED_ONCE = a_red_pull(a_failed(attempt=1))


def asked(*before: CheckRerun, pull=RED_ONCE):
    """How often GitHub has been asked for the re-run, after this plan; and the plan's effect."""
    snapshot = a_snapshot(records=[a_published_record(reruns=before)], pulls={42: pull})
    plan = decide(snapshot, POLICY)
    steps = [action for action in plan if isinstance(action, actions.Transition)]
    book = transitions.apply_all(snapshot.book, steps, POLICY)
    runs = [action.run_id for action in plan if isinstance(action, actions.Rerun)]
    return [rerun.asked for rerun in book.tasks[42].reruns], runs


def once(**given):
    return CheckRerun(**{"head": "c1", "run_id": 900, "checks": ("test",), "at": ago(60), **given})


def test_failed_jobs_are_run_once_more_and_it_is_counted_first() -> None:
    assert asked() == ([1], [900])
    snapshot = a_snapshot(records=[a_published_record()], pulls={42: RED_ONCE})
    [count] = planned(actions.CountCheckRerun, snapshot)
    assert (count.head, count.checks) == ("c1", ("test",))
    assert planned(actions.Claim, snapshot) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(once(at=ago(4)), ([1], []), id="asked for lately: it may not show yet"),
        pytest.param(once(), ([2], [900]), id="GitHub never began it: asked once more"),
        pytest.param(once(asked=2, at=ago(4)), ([2], []), id="the second time, lately"),
        pytest.param(once(head="c0"), ([1], [900]), id="of another head: forgotten"),
        pytest.param(once(run_id=800), ([1], []), id="the check, in another run of this head"),
    ],
)
def test_a_re_run_whose_answer_was_lost_is_asked_for_once_more(before, after) -> None:
    assert asked(before) == after


@pytest.mark.parametrize(
    ("before", "pull"),
    [
        pytest.param(once(at=ago(1)), a_red_pull(), id="begun, and red again"),
        pytest.param(once(asked=2), RED_ONCE, id="asked for twice, and never begun"),
    ],
)
def test_after_its_re_run_a_failure_is_real(before, pull) -> None:
    snapshot = a_snapshot(records=[a_published_record(reruns=(before,))], pulls={42: pull})
    assert [claim.reason for claim in planned(actions.Claim, snapshot)] == [Phase.CI_FAILED]


def test_two_runs_are_run_once_more_together() -> None:
    pull = a_red_pull(a_failed(attempt=1), a_failed("lint", attempt=1, run_id=901))
    assert asked(pull=pull) == ([1, 1], [900, 901])


def test_a_branch_that_was_just_deleted_does_not_come_back() -> None:
    snapshot = a_snapshot(records=[a_published_record()], pulls={42: RED})
    assert [claim.head for claim in planned(actions.Claim, snapshot)] == ["c1"]


def test_after_a_failed_first_attempt_there_is_no_commit_to_build_on() -> None:
    record = a_record(attempts=(an_attempt(outcome=Outcome.AGENT_ERROR),))
    assert planned(actions.Claim, a_snapshot(records=[record])) == [to_claim(epoch=2)]


def test_set_going_again_by_a_human_it_gets_a_new_round_on_its_branch() -> None:
    record = a_published_record(stop=a_stop())
    issue = an_issue(marks=(Touch(ago(1), "ann"),), facts=some_facts(labelled_at=ago(1)))
    snapshot = a_snapshot(issue, records=[record], pulls={42: RED}, branches={"ao/42": "c1"})
    [claim] = planned(actions.Claim, snapshot)
    assert (claim.round, claim.branch, claim.head) == (2, "ao/42", "c1")


def test_an_issue_that_came_back_gets_a_fresh_branch() -> None:
    old = a_published_record(finished=Phase.DONE, finished_at=ago(60))
    book = a_book(fleet=Fleet(epoch=9), finished={42: old})
    issue = an_issue(facts=some_facts(opened_at=ago(5)))
    [claim] = planned(actions.Claim, a_snapshot(issue, book=book))
    assert (claim.round, claim.branch, claim.head, claim.epoch) == (2, "ao/42-2", "", 10)


def test_an_issue_whose_pull_request_was_closed_does_not_come_back_by_itself() -> None:
    record = a_published_record()
    before = a_snapshot(records=[record], pulls={42: a_pull(state="CLOSED")})
    assert planned(actions.Transition, before) == [
        to_finish(
            phase=Phase.WITHDRAWN, pull=7, because="pull request #7 was closed without a merge"
        )
    ]
    old = replace(record, finished=Phase.WITHDRAWN, finished_at=NOW)
    after = a_snapshot(NEW, book=a_book(fleet=Fleet(epoch=1), finished={42: old}))
    assert decide(after, POLICY) == ()


def test_two_conflicts_with_one_base_are_resolved_one_after_the_other() -> None:
    pull = a_pull(mergeable="CONFLICTING")
    records = [
        a_published_record(),
        a_published_record(issue=43, branch="ao/43", epoch=2),
        a_published_record(issue=44, branch="ao/44", epoch=3),
    ]
    pulls = {42: pull, 43: replace(pull, number=8), 44: replace(pull, number=9, base="next")}
    claims = planned(actions.Claim, a_snapshot(records=records, pulls=pulls))
    assert [claim.issue for claim in claims] == [42, 44]


def test_an_attempt_reserves_no_more_than_the_task_has() -> None:
    policy = Policy(budget=Budget(usd_per_attempt=9, usd_per_task=4))
    [claim] = planned(actions.Claim, a_snapshot(NEW), policy)
    assert claim.usd == 4


# ---- runs ----------------------------------------------------------------------------------


def test_a_run_that_does_not_appear_is_dispatched_again() -> None:
    young = a_snapshot(records=[a_record(claim=a_claim(claimed_at=ago(5)))])
    old = a_snapshot(records=[a_record(claim=a_claim(claimed_at=ago(6)))])
    assert planned(actions.Dispatch, young) == []
    assert [effect.because for effect in planned(actions.Dispatch, old)] == [
        "its run has not appeared"
    ]


@pytest.mark.parametrize(
    "runs", [pytest.param(None, id="not looked up"), pytest.param((a_run(),), id="it runs")]
)
def test_a_run_that_may_exist_is_not_dispatched_again(runs) -> None:
    assert planned(actions.Dispatch, a_snapshot(records=[CLAIMED], runs=runs)) == []


def test_a_run_that_was_seen_and_deleted_is_not_dispatched_again() -> None:
    """It may have spent what its claim reserves; when its time is over the claim is released."""
    claim = a_claim(claimed_at=ago(30), run_id=500)
    deleted = a_snapshot(records=[a_record(claim=claim)])
    assert planned(actions.Dispatch, deleted) == []
    late = a_snapshot(records=[a_record(claim=replace(claim, expires_at=NOW))])
    assert [release.epoch for release in planned(actions.Release, late)] == [1]


def test_a_lost_run_is_released() -> None:
    dead = a_run(status="completed", conclusion="failure", handoff=False)
    [release, claim] = planned(actions.Transition, a_snapshot(records=[CLAIMED], runs=(dead,)))
    assert release == actions.Release(
        issue=42,
        epoch=1,
        outcome=Outcome.LOST,
        at=NOW,
        because="run 500 ended (failure) without publishing",
    )
    assert claim.epoch == 2


def test_a_hand_off_that_was_not_published_is_published_again() -> None:
    dead = a_run(status="completed", conclusion="failure", handoff=True)
    snapshot = a_snapshot(records=[CLAIMED], runs=(dead,))
    counted, note = planned(actions.Transition, snapshot)
    assert counted == actions.CountRerun(
        issue=42, epoch=1, because="run 500 packed a hand-off that was not published"
    )
    assert note.run_id == 500
    assert planned(actions.Rerun, snapshot) == [
        actions.Rerun(issue=42, run_id=500, because="publish once more (1 of 2)")
    ]


def test_after_two_reruns_a_human_is_asked() -> None:
    dead = a_run(status="completed", conclusion="failure", handoff=True)
    record = a_record(claim=a_claim(reruns=2))
    snapshot = a_snapshot(records=[record], runs=(dead,))
    assert planned(actions.Transition, snapshot) == [
        actions.Escalate(
            issue=42,
            at=NOW,
            ask="The agent's work is in the run's artifact.",
            url=dead.url,
            because="the hand-off of run 500 could not be published",
        )
    ]
    assert planned(actions.Rerun, snapshot) == []
    assert planned(actions.Cancel, snapshot) == []


def test_a_run_that_no_runner_takes_is_cancelled_and_a_human_asked() -> None:
    idle = a_run(status="queued", created_at=NOW - timedelta(hours=7))
    snapshot = a_snapshot(records=[CLAIMED], runs=(idle,))
    [escalate] = planned(actions.Transition, snapshot)
    assert isinstance(escalate, actions.Escalate)
    assert escalate.ask == "Look at the run: cancel it or give it a runner."
    [cancel] = planned(actions.Cancel, snapshot)
    assert cancel.run_id == 500
    [label] = planned(actions.Label, snapshot)
    assert label.add == ("ao:needs-human",)


# ---- the end of a task ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "cancelled"),
    [
        pytest.param(a_run(), True, id="its live run is cancelled"),
        pytest.param(a_run(status="completed"), False, id="its run is over"),
        pytest.param(None, False, id="no run is known"),
    ],
)
def test_a_withdrawn_task_says_farewell_before_it_is_finished(run, cancelled) -> None:
    issue = an_issue(labels=frozenset({"ao:working"}))
    snapshot = a_snapshot(issue, records=[CLAIMED], runs=(run,) if run else ())
    plan = decide(snapshot, POLICY)
    kinds = [type(action) for action in plan]
    cancel = [actions.Cancel] if cancelled else []
    assert kinds == [*cancel, actions.Label, actions.Report, actions.Finish]
    assert plan[-1] == to_finish(phase=Phase.WITHDRAWN, because="the label ao:ready was removed")


def test_a_merged_task_is_done() -> None:
    issue = an_issue(is_open=False, labels=frozenset({READY, "ao:review"}))
    snapshot = a_snapshot(issue, records=[a_published_record()], pulls={42: a_pull(state="MERGED")})
    label, report, finish = decide(snapshot, POLICY)
    assert isinstance(label, actions.Label)
    assert (label.add, label.remove) == ((), ("ao:review",))
    assert isinstance(report, actions.Report)
    assert finish == to_finish(pull=7, because="pull request #7 is merged")


def test_an_issue_that_was_never_a_task_is_not_spoken_to() -> None:
    assert decide(a_snapshot(an_issue(is_open=False)), POLICY) == ()


def test_the_order_of_a_plan() -> None:
    ended = an_issue(7, is_open=False)
    snapshot = a_snapshot(ended, NEW, records=[a_record(issue=7, claim=a_claim())], runs=(a_run(),))
    plan = decide(snapshot, POLICY)
    kinds = ["t" if isinstance(a, actions.Transition) else "e" for a in plan]
    assert "".join(kinds) == "e" * 1 + "t" * 2 + "e" * 3
    assert [action.issue for action in plan] == [7, 7, 42, 42, 42, 42]


# ---- what publish may have left undone -----------------------------------------------------

OWED = Reply(thread="T", item="thread:T:100", body="Done in c1.")
ANSWERED = a_comment(id=101, ours=True, body=REPLY_MARK.format(item=OWED.item) + "\nDone in c1.")


def published(*, ended: float = 60, **given):
    return a_published_record(attempts=(an_attempt(head="c1", ended_at=ago(ended)),), **given)


@pytest.mark.parametrize(
    ("ended", "opened"),
    [
        pytest.param(1, False, id="the publish job has a head start"),
        pytest.param(2, True, id="then a pass completes it"),
    ],
)
def test_the_pull_request_is_opened(ended, opened) -> None:
    snapshot = a_snapshot(records=[published(ended=ended)], branches={"ao/42": "c1"})
    opening = actions.OpenPull(
        issue=42,
        branch="ao/42",
        base="main",
        head="c1",
        earlier=(),
        because="ao/42 is pushed and has no pull request yet",
    )
    assert planned(actions.OpenPull, snapshot) == ([opening] if opened else [])


def test_no_pull_request_is_opened_beside_one_of_an_earlier_round() -> None:
    record = published(ended=5, branch="ao/42-2", round=2)
    snapshot = a_snapshot(records=[record], branches={"ao/42-2": "c1"}, earlier_pulls={42: 5})
    assert planned(actions.OpenPull, snapshot) == []
    closed = replace(snapshot, earlier_pulls={})
    [opening] = planned(actions.OpenPull, closed)
    assert (opening.branch, opening.earlier) == ("ao/42-2", ("ao/42",))


def test_no_agent_is_sent_beside_an_open_pull_request_of_an_earlier_round() -> None:
    record = a_record(branch="ao/42-2", round=2)
    assert planned(actions.Claim, a_snapshot(records=[record], earlier_pulls={42: 5})) == []
    assert len(planned(actions.Claim, a_snapshot(records=[record]))) == 1


@pytest.mark.parametrize(
    ("threads", "answers"),
    [
        pytest.param((a_thread(),), 1, id="owed"),
        pytest.param((a_thread(a_comment(), ANSWERED),), 0, id="posted already"),
        pytest.param((a_thread(id="other"),), 0, id="the thread is gone"),
        pytest.param(None, 0, id="threads not looked up"),
    ],
)
def test_replies_are_posted(threads, answers) -> None:
    record = published(owed=(OWED,), handled=(OWED.item,))
    snapshot = a_snapshot(
        records=[record], pulls={42: a_pull(threads=threads)}, branches={"ao/42": "c1"}
    )
    found = planned(actions.Answer, snapshot)
    assert [(a.number, a.reply) for a in found] == [(7, OWED)] * answers


def test_what_was_seen_is_noted_when_the_ledger_is_written_anyway() -> None:
    record = published(owed=(OWED,), handled=(OWED.item,))
    seen = {
        "records": [record],
        "pulls": {42: a_pull(threads=(a_thread(a_comment(), ANSWERED),))},
        "branches": {"ao/42": "c1"},
        "status_comments": {42: StatusComment(id="c", body="old")},
    }
    assert planned(actions.Transition, a_snapshot(**seen)) == []
    new = an_issue(7, facts=some_facts())
    claim, note = planned(actions.Transition, a_snapshot(new, **seen))
    assert isinstance(claim, actions.Claim)
    assert note == actions.Note(
        issue=42,
        pull=7,
        status_comment="c",
        settled=(OWED.item,),
        because="the ledger is being written anyway",
    )


def test_what_is_known_is_not_noted_again() -> None:
    record = replace(published(), pull=7, status_comment="c", epoch=1, claim=a_claim(run_id=500))
    snapshot = a_snapshot(
        an_issue(7, facts=some_facts()),
        records=[record],
        pulls={42: a_pull()},
        runs=(a_run(record),),
        status_comments={42: StatusComment(id="c", body="old")},
    )
    assert planned(actions.Note, snapshot) == []


# ---- nothing to do -------------------------------------------------------------------------


def test_a_task_that_waits_for_its_review_needs_nothing() -> None:
    record = a_published_record(pull=7)
    pull = a_pull(review_decision="REVIEW_REQUIRED", requested=frozenset({"ann"}))
    snapshot = a_snapshot(
        an_issue(labels=frozenset({READY, "ao:review"})),
        records=[record],
        pulls={42: pull},
        branches={"ao/42": "c1"},
    )
    [(task, verdict)] = verdicts(snapshot, POLICY)
    body = status_body(task, record, verdict, POLICY)
    seen = replace(snapshot, status_comments={42: StatusComment(id="c", body=body)})
    assert decide(seen, POLICY) == ()


def test_a_budget_that_is_used_up_ends_in_a_call_not_in_a_claim() -> None:
    record = a_published_record(attempts=(an_attempt(head="c1", spent=Spent(usd=18)),))
    snapshot = a_snapshot(records=[record], pulls={42: RED}, branches={"ao/42": "c1"})
    steps = planned(actions.Transition, snapshot)
    assert [type(step) for step in steps] == [actions.Tell, actions.Note]
    [report] = planned(actions.Report, snapshot)
    assert "**needs_human**: $18.00 of $20.00 are spent." in report.body


def test_a_spent_budget_is_accounted_for_once() -> None:
    record = a_published_record(attempts=(an_attempt(head="c1", spent=Spent(usd=18)),))
    snapshot = a_snapshot(records=[record], pulls={42: RED}, branches={"ao/42": "c1"})
    plan = decide(snapshot, POLICY)
    [said] = [action for action in plan if isinstance(action, actions.Answer)]
    assert said.number == 7
    for words in (
        "@ann: $18.00 of $20.00",
        "| 1 | queued | claude-code | changes | $18.00 |",
        "`/ao budget +1`",
        "`/ao retry`",
        "`/ao take-over`",
    ):
        assert words in said.reply.body
    after = worlds.step(snapshot, plan, POLICY)
    assert not [a for a in decide(after, POLICY) if isinstance(a, actions.Tell | actions.Answer)]


def test_every_action_says_what_it_does() -> None:
    label = actions.Label(issue=42, add=("a",), remove=("b", "c"), because="")
    assert actions.describe(label) == "task 42: labels +a -b -c"
    assert actions.describe(to_claim(epoch=17)) == "task 42: claimed, epoch 17, queued"


def test_a_second_labeller_sets_it_going_and_the_first_stays_its_owner() -> None:
    """Bob labels Ann's task again: we had assigned Ann ourselves, and she still answers for it."""
    old = a_record(attempts=(an_attempt(ended_at=ago(30)),), owner="ann")
    facts = some_facts(labelled_by="bob", labelled_at=ago(1))
    marks = (Touch(ago(1), "bob"),)
    issue = an_issue(assignees=frozenset({"ann"}), marks=marks, facts=facts)
    plan = decide(a_snapshot(issue, records=[old], trusted={"bob": True}), POLICY)
    (claim,) = (step for step in plan if isinstance(step, actions.Claim))
    assert (claim.owner, claim.round) == ("ann", old.round + 1)


def test_who_took_over_and_labels_again_waits_until_one_is_assigned() -> None:
    """We had assigned Ann ourselves. A claim of hers would be Bob's to take over at once."""
    old = a_record(owner="ann", finished=Phase.WITHDRAWN, finished_at=ago(30))
    facts = some_facts(labelled_by="bob", labelled_at=ago(1))
    for assigned, claims in (({"ann", "bob"}, []), ({"bob"}, ["bob"]), ({"ann"}, ["ann"])):
        issue = an_issue(assignees=frozenset(assigned), facts=facts)
        snapshot = a_snapshot(issue, book=a_book(finished={42: old}), trusted={"bob": True})
        assert [claim.owner for claim in planned(actions.Claim, snapshot)] == claims


def test_the_second_labeller_owns_what_the_first_was_taken_off() -> None:
    old = a_record(attempts=(an_attempt(ended_at=ago(30)),), owner="ann")
    facts = some_facts(labelled_by="bob", labelled_at=ago(1))
    issue = an_issue(assignees=frozenset(), marks=(Touch(ago(1), "bob"),), facts=facts)
    plan = decide(a_snapshot(issue, records=[old], trusted={"bob": True}), POLICY)
    (claim,) = (step for step in plan if isinstance(step, actions.Claim))
    assert claim.owner == "bob"


def test_a_stranger_s_label_sets_nothing_going_and_owns_nothing() -> None:
    old = a_record(attempts=(an_attempt(ended_at=ago(30)),), owner="ann", stop=a_stop())
    facts = some_facts(labelled_by="eve", labelled_at=ago(1), trusted=False)
    marks = (Touch(ago(1), "eve"),)
    issue = an_issue(assignees=frozenset(), marks=marks, facts=facts)
    snapshot = a_snapshot(issue, records=[old], trusted={"ann": True, "eve": False})
    assert not planned(actions.Claim, snapshot)
    retried = replace(snapshot, book=a_book(replace(old, retried_at=ago(1))))
    [claim] = planned(actions.Claim, retried)
    assert (claim.owner, claim.round) == ("ann", old.round + 1)


def test_the_day_s_money_bounds_the_claims_of_one_plan() -> None:
    snapshot = a_snapshot(NEW, an_issue(43, facts=some_facts(), assignees=frozenset()))
    policy = Policy(budget=Budget(usd_per_day=9.0))
    assert [claim.issue for claim in planned(actions.Claim, snapshot, policy)] == [42]


def test_a_reply_waits_until_its_thread_is_known() -> None:
    record = published(owed=(OWED,), handled=(OWED.item,))
    assert planned(actions.Answer, a_snapshot(records=[record])) == []
