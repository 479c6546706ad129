"""Each transition of the ledger, and each way in which it may not fit any more."""

import pytest

from ao_actions.core import actions, budget, transitions
from ao_actions.core.model import Book, Fleet, Limit, Outcome, Phase, Reply, Spent
from ao_actions.core.policy import Budget, Policy
from tests.builders import (
    NOW,
    POLICY,
    a_book,
    a_claim,
    a_failure,
    a_pause,
    a_published_record,
    a_record,
    a_stop,
    a_word,
    ago,
    an_attempt,
    minutes,
    to_claim,
    to_finish,
    to_release,
)

CLAIMED = a_record(claim=a_claim(run_id=500))


def after(book, *steps, policy=POLICY):
    return transitions.apply_all(book, steps, policy)


# ---- claim ---------------------------------------------------------------------------------


def test_a_new_task_is_claimed() -> None:
    book = after(a_book(fleet=Fleet(epoch=16)), to_claim(epoch=17, items=("review:9",), head="h"))
    record = book.tasks[42]
    assert book.fleet.epoch == 17
    assert (record.epoch, record.branch, record.owner, record.round) == (17, "ao/42", "ann", 1)
    assert record.created_at == NOW
    assert record.claim == a_claim(
        claimed_at=NOW,
        expires_at=NOW + minutes(90),
        head="h",
        items=("review:9",),
        reserved=Spent(usd=5.0),
    )


def test_a_claim_clears_what_held_the_task() -> None:
    record = a_published_record(stop=a_stop())
    claimed = after(a_book(record), to_claim(epoch=2, round=2, owner="bob")).tasks[42]
    assert claimed.stop is None
    assert (claimed.round, claimed.owner) == (2, "bob")
    assert claimed.attempts == record.attempts


def test_a_claim_after_the_reset_is_counted() -> None:
    fleet = Fleet(paused={"claude-code": a_pause(until=NOW)})
    claimed = after(a_book(fleet=fleet), to_claim()).fleet
    assert claimed.paused == {"claude-code": a_pause(until=NOW, resumed=1)}


def test_an_issue_that_came_back_keeps_its_past_and_gets_a_fresh_start() -> None:
    old = a_published_record(
        pull=7,
        wip=("c1",),
        handled=("review:9",),
        owed=(Reply(thread="T", item="i", body="b"),),
        stop=a_stop(),
        status_comment="c",
        finished=Phase.WITHDRAWN,
        finished_at=ago(5),
    )
    book = a_book(fleet=Fleet(epoch=9), finished={42: old})
    record = after(book, to_claim(epoch=10, round=2, branch="ao/42-2")).tasks[42]
    assert (record.branch, record.round, record.epoch) == ("ao/42-2", 2, 10)
    assert (record.attempts, record.handled, record.status_comment) == (
        old.attempts,
        old.handled,
        "c",
    )
    assert (record.pull, record.published, record.wip, record.owed) == (None, (), (), ())
    assert (record.stop, record.finished, record.finished_at) == (None, None, None)


@pytest.mark.parametrize(
    ("book", "claim", "policy", "reason"),
    [
        pytest.param(
            a_book(fleet=Fleet(epoch=3)),
            to_claim(epoch=3),
            POLICY,
            "epoch 3 was planned, the counter gives 4",
            id="somebody else drew this epoch",
        ),
        pytest.param(
            a_book(a_record(issue=7, claim=a_claim())),
            to_claim(epoch=2),
            Policy(max_parallel=1),
            "max_parallel 1 is reached",
            id="no free slot",
        ),
        pytest.param(
            a_book(CLAIMED), to_claim(epoch=2), POLICY, "task 42 is claimed already", id="claimed"
        ),
        pytest.param(
            a_book(fleet=Fleet(paused={"claude-code": a_pause(until=NOW, resumed=1)})),
            to_claim(),
            POLICY,
            "claude-code is paused",
            id="another task has gone on a moment ago",
        ),
        pytest.param(
            a_book(a_record(attempts=(an_attempt(outcome=Outcome.LOST),) * 4)),
            to_claim(epoch=2),
            POLICY,
            "task 42: all 4 attempts are used",
            id="no attempt is left",
        ),
        pytest.param(
            a_book(a_record(attempts=(an_attempt(spent=Spent(usd=16)),))),
            to_claim(epoch=2),
            POLICY,
            r"task 42: \$16.00 of \$20.00 are spent",
            id="no money is left",
        ),
        pytest.param(
            a_book(a_record(attempts=(an_attempt(failures=(a_failure(),)),) * 2)),
            to_claim(epoch=2, failures=(a_failure(),)),
            POLICY,
            "task 42: after 2 attempts: test",
            id="the same failure, once too often",
        ),
    ],
)
def test_a_claim_that_does_not_fit(book, claim, policy, reason) -> None:
    with pytest.raises(transitions.Misfit, match=reason):
        after(book, claim, policy=policy)


def test_a_new_round_has_a_fresh_budget() -> None:
    record = a_record(attempts=(an_attempt(outcome=Outcome.LOST),) * 4)
    assert after(a_book(record), to_claim(epoch=2, round=2)).tasks[42].claim


# ---- the end of a claim --------------------------------------------------------------------


def test_a_released_claim_is_an_attempt_that_cost_what_was_reserved() -> None:
    record = after(a_book(CLAIMED), to_release()).tasks[42]
    assert record.claim is None
    assert record.spent == Spent(usd=5.0)
    assert record.attempts == (
        an_attempt(
            outcome=Outcome.LOST,
            detail="its run never appeared",
            run_id=500,
            started_at=ago(10),
            ended_at=NOW,
            spent=Spent(usd=5.0),
        ),
    )


@pytest.mark.parametrize(
    ("book", "step", "reason"),
    [
        pytest.param(a_book(), to_release(), "task 42 is not live any more", id="finished"),
        pytest.param(
            a_book(a_record()), to_release(), "task 42 has no claim of epoch 1", id="no claim"
        ),
        pytest.param(
            a_book(a_record(epoch=2, claim=a_claim())),
            to_release(),
            "task 42 has no claim of epoch 1",
            id="claimed anew",
        ),
        pytest.param(
            a_book(a_record()),
            actions.CountRerun(issue=42, epoch=1, because=""),
            "task 42 has no claim of epoch 1",
            id="nothing to run again",
        ),
        pytest.param(
            a_book(CLAIMED),
            actions.CountCheckRerun(
                issue=42, head="c1", run_id=900, checks=("test",), at=NOW, because=""
            ),
            "task 42 is claimed: its head is about to move",
            id="checks of a head that is being mended",
        ),
        pytest.param(a_book(), to_finish(), "task 42 is not live any more", id="finished twice"),
        pytest.param(
            a_book(),
            actions.Escalate(issue=42, at=NOW, ask="", url="", because=""),
            "task 42 is not live any more",
            id="nobody to ask about",
        ),
        pytest.param(
            a_book(), actions.Note(issue=42, because=""), "task 42 is not live any more", id="noted"
        ),
    ],
)
def test_a_step_that_does_not_fit(book, step, reason) -> None:
    with pytest.raises(transitions.Misfit, match=reason):
        after(book, step)


@pytest.mark.parametrize(
    ("outcome", "fits"),
    [(Outcome.CHANGES, False), (Outcome.LOST, False), (Outcome.LIMITED, True)],
)
def test_what_a_limit_ends_is_no_attempt_at_a_failure(outcome, fits) -> None:
    attempts = (an_attempt(outcome=outcome, failures=(a_failure(),)),) * 2
    assert (budget.repeated(a_record(attempts=attempts), (a_failure(),), POLICY) is None) is fits


def test_an_attempt_more_is_one_more_at_the_same_failure() -> None:
    attempts = (an_attempt(failures=(a_failure(),)),) * 2
    record = a_record(attempts=attempts, extra_attempts=1)
    assert budget.repeated(record, (a_failure(),), POLICY) is None


def a_count(**given):
    return actions.CountCheckRerun(
        **{"issue": 42, "head": "c1", "run_id": 900, "checks": ("test",), "at": NOW, "because": ""}
        | given
    )


def test_a_rerun_of_checks_is_counted_by_head_and_run() -> None:
    again = after(a_book(a_record()), a_count(), a_count(at=NOW), a_count(run_id=901)).tasks[42]
    assert [(rerun.run_id, rerun.asked) for rerun in again.reruns] == [(900, 2), (901, 1)]
    moved = after(a_book(again), a_count(head="c2"))
    assert [(rerun.head, rerun.asked) for rerun in moved.tasks[42].reruns] == [("c2", 1)]


def test_an_attempt_remembers_what_it_was_sent_for() -> None:
    book = a_book(a_record(claim=a_claim(failures=(a_failure(),))))
    assert after(book, to_release()).tasks[42].attempts[0].failures == (a_failure(),)


def test_a_rerun_is_counted() -> None:
    step = actions.CountRerun(issue=42, epoch=1, because="")
    claim = after(a_book(CLAIMED), step, step).tasks[42].claim
    assert claim is not None
    assert claim.reruns == 2


@pytest.mark.parametrize(
    ("record", "outcomes"),
    [
        pytest.param(CLAIMED, [Outcome.LOST], id="its claim ends"),
        pytest.param(a_record(), [], id="without a claim"),
    ],
)
def test_a_task_is_handed_to_a_human(record, outcomes) -> None:
    step = actions.Escalate(issue=42, at=NOW, ask="Look.", url="u", because="no runner")
    handed = after(a_book(record), step).tasks[42]
    assert handed.claim is None
    assert [attempt.outcome for attempt in handed.attempts] == outcomes
    assert handed.stop == a_stop(reason="no runner", ask="Look.", url="u", at=NOW)


@pytest.mark.parametrize(
    ("record", "outcomes"),
    [
        pytest.param(CLAIMED, [Outcome.WITHDRAWN], id="its claim ends"),
        pytest.param(a_published_record(), [Outcome.CHANGES], id="without a claim"),
    ],
)
def test_a_task_is_finished(record, outcomes) -> None:
    book = after(a_book(record, a_record(issue=7)), to_finish(phase=Phase.WITHDRAWN))
    assert set(book.tasks) == {7}
    finished = book.finished[42]
    assert (finished.finished, finished.finished_at) == (Phase.WITHDRAWN, NOW)
    assert finished.claim is None
    assert [attempt.outcome for attempt in finished.attempts] == outcomes


def test_what_is_noted() -> None:
    owed = (Reply(thread="T", item="a", body=""), Reply(thread="T", item="b", body=""))
    book = a_book(a_record(claim=a_claim(), owed=owed))
    note = actions.Note(issue=42, run_id=5, pull=7, status_comment="c", settled=("a",), because="")
    record = after(book, note).tasks[42]
    assert record.claim is not None
    assert record.claim.run_id == 5
    assert (record.pull, record.status_comment) == (7, "c")
    assert [reply.item for reply in record.owed] == ["b"]
    assert after(book, actions.Note(issue=42, because="")) == book


def test_a_run_is_noted_for_a_claim_only() -> None:
    book = a_book(a_record())
    assert after(book, actions.Note(issue=42, run_id=5, because="")) == book


def test_a_notice_is_noted() -> None:
    fleet = Fleet(paused={"claude-code": a_pause(), "codex": a_pause(notice="8")})
    book = a_book(a_record(), fleet=fleet)
    noted = after(book, actions.Note(issue=42, notices={"claude-code": "7"}, because=""))
    assert {name: p.notice for name, p in noted.fleet.paused.items()} == {
        "claude-code": "7",
        "codex": "8",
    }


def test_steps_are_all_there_are() -> None:
    with pytest.raises(AssertionError):
        transitions.apply(a_book(), object(), POLICY)  # type: ignore[arg-type]


# ---- publish -------------------------------------------------------------------------------

REPLY = Reply(thread="T", item="thread:T:100", body="Done.")


def publish(outcome: Outcome, **given):
    record = a_published_record(epoch=2, claim=a_claim(items=("thread:T:100",), run_id=500))
    options = {"detail": "d", "at": NOW, "spent": Spent(usd=2.5), "head": None, "replies": ()}
    return transitions.publish(record, outcome=outcome, **{**options, **given})


def test_changes_are_published() -> None:
    record = publish(Outcome.CHANGES, head="c2", replies=(REPLY,))
    assert record.claim is None
    assert record.published == ("c1", "c2")
    assert record.handled == ("thread:T:100",)
    assert record.owed == (REPLY,)
    assert record.spent == Spent(usd=2.5)
    assert record.attempts[-1].head == "c2"


def test_no_change_is_an_answer_too() -> None:
    record = publish(Outcome.NO_CHANGE, replies=(REPLY,))
    assert record.handled == ("thread:T:100",)
    assert record.published == ("c1",)


def test_what_a_limit_cut_short_is_not_delivered() -> None:
    limit = Limit(until=NOW + minutes(5), proven=True)
    record = publish(Outcome.LIMITED, head="w1", limit=limit, session="s1")
    assert (record.published, record.wip, record.delivered) == (("c1", "w1"), ("w1",), ("c1",))
    assert (record.attempts[-1].limit, record.attempts[-1].session) == (limit, "s1")
    assert record.handled == ()


@pytest.mark.parametrize("outcome", [Outcome.AGENT_ERROR, Outcome.REFUSED, Outcome.LIMITED])
def test_a_failure_answers_nothing(outcome) -> None:
    record = publish(outcome, spent=None, stop=a_stop())
    assert record.handled == ()
    assert record.attempts[-1].outcome is outcome
    assert record.attempts[-1].spent == Spent(usd=5.0)
    assert record.stop == a_stop()


# ---- the fence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("book", "current"),
    [
        pytest.param(a_book(CLAIMED), True, id="its claim and its run"),
        pytest.param(a_book(a_record(claim=a_claim())), True, id="no run is noted yet"),
        pytest.param(a_book(a_record(claim=a_claim(run_id=499))), False, id="another run's claim"),
        pytest.param(a_book(a_record(epoch=2, claim=a_claim(run_id=500))), False, id="overtaken"),
        pytest.param(a_book(a_record()), False, id="released: current for nobody"),
        pytest.param(a_book(), False, id="finished"),
    ],
)
def test_is_current(book, current) -> None:
    assert transitions.is_current(book, 42, 1, 500) is current


@pytest.mark.parametrize(("round_", "name"), [(1, "ao/42"), (2, "ao/42-2")])
def test_branch_name(round_, name) -> None:
    assert transitions.branch_name("ao/", 42, round_) == name


@pytest.mark.parametrize(
    ("branch", "round_", "names"),
    [
        pytest.param("ao/42", 1, (), id="the first round"),
        pytest.param("ao/42", 2, (), id="a second one on the first one's branch"),
        pytest.param("ao/42-3", 3, ("ao/42", "ao/42-2"), id="it has come back twice"),
    ],
)
def test_the_branches_of_earlier_rounds(branch, round_, names) -> None:
    record = a_record(branch=branch, round=round_)
    assert transitions.earlier_branches(record, "ao/") == names


def test_no_claim_beyond_the_day_s_money() -> None:
    policy = Policy(budget=Budget(usd_per_day=9.0))
    book = after(a_book(), to_claim(1), policy=policy)
    assert (book.fleet.day, book.fleet.usd_today) == ("2026-01-05", 5.0)
    with pytest.raises(transitions.Misfit, match="the day's money is spent"):
        after(book, to_claim(2, 2), policy=policy)


def test_what_was_said_is_not_said_again() -> None:
    reply = Reply(thread="", item="help", number=42, body="No.")
    tell = actions.Tell(issue=42, reply=reply, because="")
    book = after(a_book(a_record()), tell)
    assert book.tasks[42].owed == (reply,)
    with pytest.raises(transitions.Misfit, match="help was said already"):
        after(book, tell)


def test_what_an_attempt_did_not_look_at_is_not_handled() -> None:
    record = a_record(claim=a_claim(items=("review:9", "review:8")))
    done = transitions.publish(
        record,
        outcome=Outcome.CHANGES,
        detail="",
        at=NOW,
        spent=None,
        head="c1",
        replies=(),
        skipped=("review:8",),
    )
    assert done.handled == ("review:9",)


def test_a_returning_task_forgets_who_ended_it() -> None:
    old = a_record(finished=Phase.WITHDRAWN, finished_at=ago(9), ended=a_word(), held=a_word())
    book = Book(fleet=Fleet(epoch=1), finished={42: old})
    record = after(book, to_claim(epoch=2, round=2)).tasks[42]
    assert (record.ended, record.held, record.finished) == (None, None, None)
