"""Commands in comments: who is obeyed, how it is acknowledged, and that it happens once."""

from dataclasses import replace

import pytest

from ao_actions.core import actions, orders
from ao_actions.core.commands import Command
from ao_actions.core.decide import decide
from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.lookup import unknowns
from ao_actions.core.model import Phase
from ao_actions.core.policy import Policy
from tests.builders import (
    NOW,
    POLICY,
    a_claim,
    a_published_record,
    a_pull,
    a_record,
    a_remark,
    a_review,
    a_run,
    a_snapshot,
    a_stop,
    a_task,
    a_word,
    ago,
    an_attempt,
    an_issue,
)
from tests.core import worlds


def seen(*said, record=None, pull=None, **given):
    """A snapshot of one live task with these comments."""
    pulls = {42: pull} if pull else {}
    record = record or a_record(attempts=())
    trusted = {"ann": True, "eve": False}
    return a_snapshot(
        records=[record], comments={42: said}, pulls=pulls, **{"trusted": trusted, **given}
    )


def obeyed(snapshot, policy=POLICY):
    done, after = orders.obeyed(snapshot, policy)
    return done, after.book.tasks[42]


# ---- what each command does ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ("/ao stop", {"ended": a_word(word="stop", at=NOW)}),
        ("/ao take-over", {"ended": a_word(word="take-over", at=NOW)}),
        ("/ao pause", {"held": a_word(at=NOW)}),
        ("/ao resume", {"held": None, "resumed": "c1"}),
        ("/ao retry", {"held": None, "resumed": "c1", "retried_at": NOW}),
        ("/ao budget +2", {"extra_attempts": 3}),
        ("/ao budget +$2.50", {"extra_usd": 2.5}),
        ("/ao agent claude-code", {"agent": "claude-code"}),
        ("/ao why", {}),
        ("/ao budget +1\n/ao pause", {"extra_attempts": 2, "held": a_word(at=NOW)}),
    ],
)
def test_obeyed(body, changes) -> None:
    record = a_published_record(extra_attempts=1)
    _, after = obeyed(seen(a_remark(body, number=42), record=record, pull=a_pull()))
    answers = after.owed
    assert replace(after, owed=()) == replace(record, handled=("command:200",), **changes)
    assert bool(answers) is ("why" in body)


def test_why_is_answered_for_the_task_as_the_comment_leaves_it() -> None:
    said = a_remark("/ao pause\n/ao why", number=42)
    _, record = obeyed(seen(said, record=a_record()))
    [reply] = record.owed
    assert (reply.item, reply.number, reply.thread) == ("command:200", 42, "")
    assert reply.body.startswith("**paused**: @ann said `/ao pause`")
    assert "`/ao resume`" in reply.body


@pytest.mark.parametrize("phase", Phase)
def test_why_knows_a_way_out_of_every_phase(phase) -> None:
    assert orders.why(orders.Verdict(phase, "so it is")).startswith(f"**{phase}**: so it is.\n\n")


def test_why_names_the_rule_s_own_way_out() -> None:
    own = orders.Verdict(Phase.NEEDS_HUMAN, "so it is", "Close it.")
    assert orders.why(own) == "**needs_human**: so it is.\n\nClose it."


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(a_record(created_at=ago(10)), NOW, id="no attempt yet"),
        pytest.param(a_record(created_at=ago(3)), None, id="before the task began"),
        pytest.param(a_record(attempts=(an_attempt(started_at=ago(9)),)), NOW, id="since it began"),
        pytest.param(a_record(attempts=(an_attempt(started_at=ago(3)),)), None, id="tried since"),
        pytest.param(a_record(epoch=1, claim=a_claim(claimed_at=ago(3))), None, id="being tried"),
    ],
)
def test_a_retry_asks_for_nothing_that_was_done_since(record, expected) -> None:
    """Said on a closed issue, say, which was reopened and tried before anybody obeyed."""
    _, after = obeyed(seen(a_remark("/ao retry", number=42, created_at=ago(5)), record=record))
    assert after.retried_at == expected
    assert "command:200" in after.handled


def test_a_review_s_text_may_have_a_command() -> None:
    review = a_review(body="/ao pause", state="COMMENTED")
    done, record = obeyed(seen(record=a_published_record(), pull=a_pull(reviews=(review,))))
    assert [step.key for step in done] == ["command:review-9"]
    assert record.held is not None


# ---- who is obeyed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "content", "helped"),
    [
        pytest.param(a_remark("/ao why"), "eyes", False, id="only a question"),
        pytest.param(a_remark("/ao retry"), "+1", False, id="done"),
        pytest.param(a_remark("/ao retry", author="eve"), "confused", True, id="may not write"),
        pytest.param(a_remark("/ao hello"), "confused", True, id="no such command"),
        pytest.param(a_remark("/ao agent nobody"), "confused", True, id="no such agent"),
        pytest.param(a_remark("/ao retry", author="x[bot]"), "confused", False, id="a bot"),
        pytest.param(a_remark("/ao retry", author="new"), None, False, id="not looked up yet"),
        pytest.param(a_remark("/ao retry", reacted=True), None, False, id="reacted to"),
        pytest.param(a_remark("/ao stop", created_at=ago(400)), None, False, id="before the label"),
        pytest.param(
            a_remark("/ao why", created_at=ago(400), edited_at=ago(1)), "eyes", False, id="edited"
        ),
        pytest.param(a_remark("How is it?"), None, False, id="no command"),
    ],
)
def test_acknowledged(said, content, helped) -> None:
    snapshot = seen(said, record=a_published_record(), pull=a_pull())
    plan = decide(snapshot, Policy(bots=("x[bot]",)))
    assert [a.content for a in plan if isinstance(a, actions.React)] == (
        [content] if content else []
    )
    tells = [a for a in plan if isinstance(a, actions.Tell)]
    assert [tell.reply.item for tell in tells] == ([orders.HELP] if helped else [])
    assert all("`/ao budget +N`" in tell.reply.body for tell in tells)


def test_who_gives_a_command_is_looked_up() -> None:
    snapshot = seen(a_remark("/ao stop", author="new"), a_remark("/ao stop", author="x[bot]", id=1))
    assert unknowns(snapshot, POLICY).logins == ("new",)


def test_the_refused_get_one_answer_per_task() -> None:
    said = [a_remark("/ao stop", id=n, author="eve") for n in (201, 202, 203)]
    done, record = obeyed(seen(*said))
    assert len(done) == len(record.owed) == 1


def test_our_own_words_give_no_commands() -> None:
    ours = a_remark(f"{REPLY_MARK.format(item='help')}\n/ao stop", ours=True)
    assert obeyed(seen(ours, record=a_record(handled=("help",))))[0] == ()


def test_what_was_refused_is_not_obeyed_when_its_author_may_write_later() -> None:
    snapshot = seen(a_remark("/ao stop", author="eve"))
    after = worlds.step(snapshot, decide(snapshot, POLICY), POLICY)
    after = replace(after, trusted={"ann": True, "eve": True})
    assert not [a for a in decide(after, POLICY) if isinstance(a, actions.Transition)]


# ---- once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["/ao retry", "/ao why", "/ao pause", "/ao budget +1", "/ao x"])
def test_once(body) -> None:
    snapshot = seen(a_remark(body, number=42), record=a_record(stop=a_stop()))
    after = snapshot
    kinds = (actions.Obey, actions.Tell, actions.React, actions.Answer)
    counts = []
    for _ in range(3):
        plan = decide(after, POLICY)
        counts.append(len([a for a in plan if isinstance(a, kinds)]))
        after = worlds.step(after, plan, POLICY)
    assert counts[0] >= 2
    assert counts[1:] == [0, 0]


def test_a_reaction_that_was_lost_is_made_up_for() -> None:
    snapshot = seen(a_remark("/ao retry"), record=a_record(handled=("command:200",)))
    assert [a.content for a in decide(snapshot, POLICY) if isinstance(a, actions.React)] == ["+1"]


def test_stop_ends_the_task_and_cancels_its_run() -> None:
    record = a_record(claim=a_claim())
    snapshot = seen(a_remark("/ao stop"), record=record, runs=(a_run(record),))
    plan = decide(snapshot, POLICY)
    words = [actions.describe(action) for action in plan]
    assert words[0] == "task 42: cancel run 500"
    assert "task 42: labels -ao:ready" in words
    assert [w for w in words if w.startswith("task 42: /ao stop")]
    assert "task 42: withdrawn" in words
    [report] = [a for a in plan if isinstance(a, actions.Report)]
    assert "**withdrawn**: @ann said `/ao stop`." in report.body
    after = worlds.step(snapshot, plan, POLICY)
    assert 42 not in after.book.tasks
    assert decide(after, POLICY) == ()


@pytest.mark.parametrize("word", ["stop", "take-over"])
def test_a_word_that_ends_a_task_outlives_a_pass_that_dies_before_the_push(word) -> None:
    record = a_record(claim=a_claim())
    snapshot = seen(a_remark(f"/ao {word}"), record=record, runs=(a_run(record),))
    plan = decide(snapshot, POLICY)
    push = next(n for n, action in enumerate(plan) if isinstance(action, actions.Transition))
    assert push > 0
    for done in range(push + 1):
        again = decide(worlds.step(snapshot, plan[:done], POLICY), POLICY)
        [finish] = [action for action in again if isinstance(action, actions.Finish)]
        assert finish.because == f"@ann said `/ao {word}`"
        [react] = [action for action in again if isinstance(action, actions.React)]
        assert again.index(react) > again.index(finish)


def test_whoever_takes_over_is_assigned() -> None:
    snapshot = seen(a_remark("/ao take-over", author="bob"), trusted={"bob": True})
    assigns = [a for a in decide(snapshot, POLICY) if isinstance(a, actions.Assign)]
    assert [(a.number, a.login) for a in assigns] == [(42, "bob")]
    mine = seen(a_remark("/ao take-over"))
    assert not [a for a in decide(mine, POLICY) if isinstance(a, actions.Assign)]


def test_a_task_without_a_record_has_no_orders() -> None:
    task = a_task(issue=an_issue(), comments=(a_remark("/ao stop"),))
    assert orders.pending(task) == ()


def test_commands_count_from_the_task_s_beginning_where_no_label_was_seen() -> None:
    task = a_task(issue=an_issue(labelled_at=None), record=a_record(created_at=ago(20)))
    late = replace(task, comments=(a_remark("/ao why", created_at=ago(10)),))
    early = replace(task, comments=(a_remark("/ao why", created_at=ago(30)),))
    assert [order.commands for order in orders.pending(late)] == [(Command("why"),)]
    assert orders.pending(early) == ()
