"""Every rule of the phase table: a task that it matches, and one that it just misses."""

from dataclasses import replace

import pytest

from ao_actions.core import feedback
from ao_actions.core.model import Outcome, Phase, Spent
from ao_actions.core.observed import Run, Task, Touch
from ao_actions.core.phase import RULES, Rule, phase_of, restarted
from ao_actions.core.policy import Budget, Policy
from ao_actions.core.runs import run_of
from ao_actions.core.triage import Source
from tests.builders import (
    NOW,
    POLICY,
    a_check,
    a_claim,
    a_comment,
    a_commit,
    a_failed,
    a_failure,
    a_published_record,
    a_pull,
    a_record,
    a_red_pull,
    a_review,
    a_run,
    a_stop,
    a_task,
    a_thread,
    a_turn,
    a_word,
    ago,
    an_attempt,
    an_issue,
    minutes,
)

CLAIMED = a_record(claim=a_claim())
PUBLISHED = a_published_record()
NO_CHANGE = a_record(attempts=(an_attempt(outcome=Outcome.NO_CHANGE, detail="all is well"),))
FAILED = a_failure()
FAILURES = tuple(
    an_attempt(epoch=n, outcome=Outcome.AGENT_ERROR, ended_at=ago(60 - n)) for n in range(1, 5)
)
STOPPED = a_published_record(stop=a_stop())
HALF_DONE = a_record(
    attempts=(an_attempt(outcome=Outcome.LIMITED, head="w1"),), published=("w1",), wip=("w1",)
)
RED = a_red_pull()
TWICE = a_published_record(
    attempts=(
        an_attempt(head="c1", failures=(FAILED,)),
        an_attempt(epoch=2, head="c2", failures=(FAILED,)),
    )
)
AGAIN = an_issue(marks=(Touch(ago(1), "ann"),))
CHANGED = an_issue(marks=(Touch(ago(300), "ann"),), edits=(Touch(ago(5), "eve"),))


ANSWERED = a_published_record(
    attempts=tuple(
        an_attempt(epoch=n, reason=Phase.CHANGES_REQUESTED, spent=Spent()) for n in range(5)
    ),
)
GITHUB = "noreply@github.com"
BUTTON = a_commit("h1", "Apply suggestions from code review", committer=GITHUB)
UPDATE = a_commit("h2", "Merge branch 'main' into ao/42", committer=GITHUB)


def waiting(hours: float, status: str = "queued") -> Task:
    run = a_run(status=status, created_at=NOW - minutes(hours * 60))
    return a_task(record=CLAIMED, run=run, runs_known=True)


def an_ended_run(seconds: float) -> Run:
    """It failed so long ago, and no hand-off is listed."""
    at = NOW - minutes(seconds / 60)
    return a_run(status="completed", conclusion="failure", ended_at=at, handoff=False)


MATCHES = [
    pytest.param(
        "_merged",
        a_task(record=PUBLISHED, pull=a_pull(state="MERGED"), issue=an_issue(is_open=False)),
        "pull request #7 is merged",
        id="merged, and the issue is closed by it: done",
    ),
    pytest.param(
        "_issue_closed",
        a_task(issue=an_issue(is_open=False, labels=frozenset())),
        "the issue is closed",
        id="issue closed",
    ),
    pytest.param(
        "_unlabelled",
        a_task(record=CLAIMED, issue=an_issue(labels=frozenset({"bug"}))),
        "the label ao:ready was removed",
        id="label removed while a run works",
    ),
    pytest.param(
        "_pull_closed",
        a_task(record=PUBLISHED, pull=a_pull(state="CLOSED")),
        "pull request #7 was closed without a merge",
        id="pull request closed",
    ),
    pytest.param(
        "_taken_over",
        a_task(record=CLAIMED, issue=an_issue(assignees=frozenset({"ann", "cy", "bob"}))),
        "@bob was assigned and takes over",
        id="somebody else assigned: the first by name",
    ),
    pytest.param(
        "alive",
        a_task(record=CLAIMED, run=a_run(), runs_known=True),
        "the run `ao #42.1 queued` works on it",
        id="its run works",
    ),
    pytest.param(
        "alive",
        a_task(record=CLAIMED, runs_known=True),
        "the run `ao #42.1 queued` works on it",
        id="its run has not appeared yet",
    ),
    pytest.param(
        "alive",
        a_task(record=a_record(claim=a_claim(expires_at=ago(1)))),
        "the run `ao #42.1 queued` works on it",
        id="expired, but the look-up was not answered: still alive",
    ),
    pytest.param(
        "alive",
        waiting(5.9),
        "the run `ao #42.1 queued` works on it",
        id="waits for a runner, not for long",
    ),
    pytest.param(
        "waits_too_long",
        waiting(6.1, "waiting"),
        "run 500 has been waiting since 2026-01-05 05:54 UTC: no runner takes it",
        id="no runner for more than six hours",
    ),
    pytest.param(
        "just_ended",
        a_task(record=CLAIMED, run=an_ended_run(29), runs_known=True),
        "its run has just ended; a hand-off may show until 12:00:01 UTC",
        id="the list of what it kept may be some seconds old",
    ),
    pytest.param(
        "dead",
        a_task(record=CLAIMED, run=an_ended_run(30), runs_known=True),
        "run 500 ended (failure) without publishing",
        id="it left nothing, and that is certain",
    ),
    pytest.param(
        "dead",
        a_task(
            record=CLAIMED, run=a_run(status="completed", conclusion="failure"), runs_known=True
        ),
        "run 500 ended (failure) without publishing",
        id="its run is over and the claim stands",
    ),
    pytest.param(
        "dead",
        a_task(record=a_record(claim=a_claim(expires_at=NOW)), runs_known=True),
        "its run never appeared",
        id="expired, and GitHub knows of no run",
    ),
    pytest.param(
        "_unread",
        a_task(record=PUBLISHED, pull=RED, issue=CHANGED, turn=a_turn()),
        "@eve changed the issue's text: read it, for nobody has",
        id="the agent would be told what nobody has read",
    ),
    pytest.param(
        "_agent_paused",
        a_task(turn=a_turn()),
        "the model's limit: claude-code is paused until 2026-01-05 12:30 UTC; "
        "this task goes on first, at 2026-01-05 12:30 UTC",
        id="every agent is paused: a new task waits",
    ),
    pytest.param(
        "_agent_paused",
        a_task(record=a_record(), turn=a_turn(at=NOW + minutes(40), place=3)),
        "the model's limit: claude-code is paused until 2026-01-05 12:30 UTC; "
        "this task goes on as number 3, at 2026-01-05 12:40 UTC",
        id="others go on before it",
    ),
    pytest.param(
        "_agent_paused",
        a_task(record=a_record(), turn=a_turn(until=None, place=0)),
        "the model's limit: claude-code may try this task again at 2026-01-05 12:30 UTC",
        id="the task's own pause",
    ),
    pytest.param(
        "_agent_paused",
        a_task(record=HALF_DONE, pull=a_pull(head="w1"), turn=a_turn()),
        "the model's limit: claude-code is paused until 2026-01-05 12:30 UTC; "
        "this task goes on first, at 2026-01-05 12:30 UTC",
        id="half done, though a human opened a pull request for it",
    ),
    pytest.param(
        "_agent_paused",
        a_task(record=PUBLISHED, pull=RED, turn=a_turn()),
        "the model's limit: claude-code is paused until 2026-01-05 12:30 UTC; "
        "this task goes on first, at 2026-01-05 12:30 UTC",
        id="red, but every agent is paused",
    ),
    pytest.param(
        "_ended",
        a_task(record=a_record(claim=a_claim(), ended=a_word(word="stop"))),
        "@ann said `/ao stop`",
        id="told to stop while a run works",
    ),
    pytest.param(
        "_held",
        a_task(record=a_published_record(held=a_word()), pull=a_pull(draft=True)),
        "@ann said `/ao pause`; `/ao resume` lets it go on",
        id="told to pause",
    ),
    pytest.param(
        "_day_spent",
        a_task(record=PUBLISHED, pull=RED, day_opens=NOW + minutes(720)),
        "the day's budget: $9.00 are spent; on at 2026-01-06 00:00 UTC",
        id="the day's money is spent",
    ),
    pytest.param(
        "_day_spent",
        a_task(day_opens=NOW + minutes(720)),
        "the day's budget: $9.00 are spent; on at 2026-01-06 00:00 UTC",
        id="new tasks wait for the day's money, too",
    ),
    pytest.param(
        "_exhausted",
        a_task(record=ANSWERED, pull=a_pull(reviews=(a_review(),))),
        "all 5 rounds of review are used",
        id="reviews were answered as often as they may be",
    ),
    pytest.param(
        "_settling",
        a_task(record=PUBLISHED, pull=a_pull(reviews=(a_review(submitted_at=ago(1)),))),
        "the review may go on: it is answered if nobody adds to it by 12:01:00 UTC",
        id="a review of just now",
    ),
    pytest.param(
        "human_commit",
        a_task(
            record=PUBLISHED,
            pull=a_pull(head="h1", recent=(a_commit("c1"), a_commit("h0"), BUTTON)),
        ),
        "h1 on the branch is not ours: somebody else works on it",
        id="a suggestion that was applied on top of a human's commit",
    ),
    pytest.param(
        "human_commit",
        a_task(record=PUBLISHED, pull=a_pull(head="h1", recent=(BUTTON,))),
        "h1 on the branch is not ours: somebody else works on it",
        id="our commit is too far down to be seen",
    ),
    pytest.param(
        "_draft",
        a_task(record=PUBLISHED, pull=a_red_pull(draft=True)),
        "pull request #7 is a draft",
        id="a human made it a draft",
    ),
    pytest.param(
        "human_commit",
        a_task(record=PUBLISHED, pull=a_pull(head="f00ba12345")),
        "f00ba12 on the branch is not ours: somebody else works on it",
        id="somebody else's commit heads the branch",
    ),
    pytest.param(
        "human_commit",
        a_task(
            record=PUBLISHED, pull=a_pull(head="m", recent=(a_commit("m", parents=("x", "y")),))
        ),
        "m on the branch is not ours: somebody else works on it",
        id="a merge that is not on top of ours",
    ),
    pytest.param(
        "_stopped",
        a_task(record=STOPPED, pull=RED),
        "it was refused",
        id="stopped, with the stop's own reason",
    ),
    pytest.param(
        "_branch_gone",
        a_task(record=HALF_DONE),
        "the branch ao/42 was deleted",
        id="a human deleted work that was half done",
    ),
    pytest.param(
        "_fruitless",
        a_task(record=replace(HALF_DONE, attempts=NO_CHANGE.attempts), branch_head="w1"),
        "the agent found nothing to change: all is well",
        id="nothing to add to what is half done",
    ),
    pytest.param(
        "_branch_gone",
        a_task(record=PUBLISHED),
        "the branch ao/42 was deleted",
        id="published, and the branch was deleted",
    ),
    pytest.param(
        "_branch_gone",
        a_task(record=PUBLISHED, branch_head="f00ba12345"),
        "the branch ao/42 was moved to f00ba12",
        id="published, and the branch was moved",
    ),
    pytest.param(
        "_earlier_pull",
        a_task(record=PUBLISHED, branch_head="c1", earlier_pull=5),
        "pull request #5 of an earlier round is open",
        id="published, and an earlier pull request was opened again",
    ),
    pytest.param(
        "_earlier_pull",
        a_task(record=a_record(), earlier_pull=5, issue=AGAIN),
        "pull request #5 of an earlier round is open",
        id="no agent is sent beside it, whoever asks for one",
    ),
    pytest.param(
        "_unanswerable",
        a_task(record=a_published_record(handled=("checks:c1",)), pull=RED),
        "an attempt changed nothing about the failing checks of c1",
        id="the same checks of the same head were tried already",
    ),
    pytest.param(
        "_unanswerable",
        a_task(
            record=a_published_record(handled=("conflict:c1",)),
            pull=a_pull(mergeable="CONFLICTING"),
        ),
        "an attempt changed nothing about the conflict of c1 with main",
        id="the same conflict of the same head was tried already",
    ),
    pytest.param(
        "_fruitless",
        a_task(record=NO_CHANGE),
        "the agent found nothing to change: all is well",
        id="the agent found nothing to change",
    ),
    pytest.param(
        "_exhausted",
        a_task(record=a_record(attempts=FAILURES)),
        "all 4 attempts are used",
        id="attempts used up",
    ),
    pytest.param(
        "_exhausted",
        a_task(
            record=a_published_record(attempts=(an_attempt(head="c1", spent=Spent(usd=15.5)),)),
            pull=RED,
        ),
        "$15.50 of $20.00 are spent",
        id="red, and the money does not last for another attempt",
    ),
    pytest.param(
        "_same_failure",
        a_task(record=TWICE, pull=RED),
        "the same failure came back after 2 attempts: test",
        id="two attempts on two commits, and the same failure",
    ),
    pytest.param(
        "_published",
        a_task(record=PUBLISHED, branch_head="c1"),
        "ao/42 is pushed and has no pull request yet",
        id="pushed, no pull request yet",
    ),
    pytest.param(
        "_conflicted",
        a_task(record=PUBLISHED, pull=a_red_pull(mergeable="CONFLICTING")),
        "the branch conflicts with main",
        id="a conflict goes before red checks",
    ),
    pytest.param(
        "_ci_failed",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(
                a_failed("a"), a_failed("c", source=Source.STATUS, run_id=None, attempt=1)
            ),
        ),
        "failing: a: it failed, and was run once more on this commit; "
        "c: it failed; it is not ours to run again",
        id="red, and all of it is known",
    ),
    pytest.param(
        "_ci_failed",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(*(a_failed(f"t{n}", source=Source.APP, run_id=None) for n in range(7))),
        ),
        "failing: "
        + "".join(f"t{n}: it failed; it is not ours to run again; " for n in range(5))
        + "2 more",
        id="many failing checks are counted",
    ),
    pytest.param(
        "_unjudged",
        a_task(record=PUBLISHED, pull=a_red_pull(red=None)),
        "why these are red is not looked up yet: test",
        id="red, and nobody has looked why",
    ),
    pytest.param(
        "_check_blocked",
        a_task(record=PUBLISHED, pull=a_red_pull(a_failed(conclusion="ACTION_REQUIRED"))),
        "a human must let the checks go on: test: it waits for a human; open the check and "
        "approve the run, or do what its app asks for (https://github.com/o/r/pull/7/checks)",
        id="a check waits for approval",
    ),
    pytest.param(
        "_check_refused",
        a_task(record=PUBLISHED, pull=a_red_pull(a_failed(conclusion="STARTUP_FAILURE"))),
        "no agent can mend this: test: GitHub could not start its workflow; open the run: its "
        "file is invalid, or asks for what it may not have (https://github.com/o/r/pull/7/checks)",
        id="a workflow that is invalid",
    ),
    pytest.param(
        "_red_too_long",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(a_failed(conclusion="CANCELLED"), head_at=ago(361)),
        ),
        "the checks stay red: test: it was cancelled; run it again, or push "
        "(https://github.com/o/r/pull/7/checks)",
        id="cancelled, and nobody has run it again",
    ),
    pytest.param(
        "_red_for_now",
        a_task(record=PUBLISHED, pull=a_red_pull(base={"test": "FAILURE"})),
        "red for now: test: it fails on the base branch too",
        id="the base is red too",
    ),
    pytest.param(
        "_red_for_now",
        a_task(record=PUBLISHED, pull=a_red_pull(a_failed(attempt=1), head_at=ago(999))),
        "red for now: test: it failed once, perhaps by chance; the failed jobs are run once more",
        id="run once more, however old the head is",
    ),
    pytest.param(
        "_ci_failed",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(
                checks=(a_check(result="FAILURE"), a_check("e2e", None)), head_at=ago(361)
            ),
        ),
        "failing: test: it failed, and was run once more on this commit",
        id="another check will not report any more",
    ),
    pytest.param(
        "_ci_blocked",
        a_task(record=PUBLISHED, pull=a_pull(checks=(), suites_waiting=1, suites_open=1)),
        "a human must approve the workflows of https://github.com/o/r/pull/7",
        id="workflows wait for approval",
    ),
    pytest.param(
        "_ci_late",
        a_task(record=PUBLISHED, pull=a_pull(checks=(a_check("e2e", None),), head_at=ago(361))),
        "no result in time from: e2e",
        id="a check has no result after six hours",
    ),
    pytest.param(
        "_ci_pending",
        a_task(record=PUBLISHED, pull=a_pull(checks=(a_check("e2e", None), a_check()))),
        "waiting for e2e",
        id="a check is not finished",
    ),
    pytest.param(
        "_ci_pending",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(checks=(a_check("e2e", None), a_check(result="FAILURE"))),
        ),
        "waiting for e2e",
        id="red, but another check may be red too",
    ),
    pytest.param(
        "_ci_pending",
        a_task(record=PUBLISHED, pull=a_pull(suites_open=1)),
        "waiting for check suites",
        id="a suite is not finished",
    ),
    pytest.param(
        "_ci_pending",
        a_task(record=PUBLISHED, pull=a_pull(checks=(), head_at=ago(9))),
        "waiting for the first check",
        id="no check yet, and the head is young",
    ),
    pytest.param(
        "_unknown_merge",
        a_task(record=PUBLISHED, pull=a_pull(mergeable="UNKNOWN")),
        "GitHub is still computing whether it can be merged",
        id="mergeability unknown",
    ),
    pytest.param(
        "_changes_requested",
        a_task(record=PUBLISHED, pull=a_pull(reviews=(a_review(),), review_decision="APPROVED")),
        "1 review item(s) wait for an answer",
        id="a reviewer asks for changes, although another approved",
    ),
    pytest.param(
        "_ready",
        a_task(record=PUBLISHED, pull=a_pull(review_decision="APPROVED")),
        "the checks pass, and nothing stands in the way of a merge",
        id="green and approved",
    ),
    pytest.param(
        "_ready",
        a_task(record=PUBLISHED, pull=a_pull(checks=(), head_at=ago(11))),
        "the repository has no CI, and nothing stands in the way of a merge",
        id="no CI, no review wanted",
    ),
    pytest.param(
        "_ready",
        a_task(record=PUBLISHED, pull=a_red_pull(a_failed(required=False))),
        "the checks that the branch requires pass, and nothing stands in the way of a merge",
        id="what is red is not required",
    ),
    pytest.param(
        "_has_pull",
        a_task(record=PUBLISHED, pull=a_pull(review_decision="REVIEW_REQUIRED")),
        "#7 waits for its review",
        id="green, the review is missing",
    ),
    pytest.param(
        "_has_pull",
        a_task(record=PUBLISHED, pull=a_pull(open_threads=1)),
        "#7 waits for its review",
        id="green, a thread is open",
    ),
    pytest.param("_always", a_task(), "nothing has started", id="nothing has started"),
    pytest.param(
        "_always",
        a_task(record=a_record(attempts=FAILURES[:1])),
        "nothing has started",
        id="the first attempt failed: queued again",
    ),
]

MISSES = [
    pytest.param(
        "just_ended",
        a_task(record=CLAIMED, run=replace(an_ended_run(1), handoff=True), runs_known=True),
        id="its hand-off is listed",
    ),
    pytest.param(
        "just_ended",
        a_task(record=CLAIMED, run=a_run(status="completed", handoff=False), runs_known=True),
        id="when it ended is not known",
    ),
    pytest.param("_merged", a_task(record=PUBLISHED, pull=a_pull()), id="pull request open"),
    pytest.param("_merged", a_task(), id="no pull request"),
    pytest.param("_issue_closed", a_task(), id="issue open"),
    pytest.param("_unlabelled", a_task(), id="label there"),
    pytest.param("_pull_closed", a_task(record=PUBLISHED, pull=a_pull()), id="not closed"),
    pytest.param("_taken_over", a_task(record=CLAIMED), id="only the owner is assigned"),
    pytest.param(
        "_taken_over",
        a_task(issue=an_issue(assignees=frozenset({"bob"}))),
        id="assigned, but it is no task yet: `selection` holds it",
    ),
    pytest.param("alive", a_task(record=a_record()), id="no claim"),
    pytest.param("alive", waiting(6.1), id="waited too long"),
    pytest.param(
        "alive", a_task(record=CLAIMED, run=a_run(status="completed")), id="its run is over"
    ),
    pytest.param(
        "alive",
        a_task(record=a_record(claim=a_claim(expires_at=NOW)), runs_known=True),
        id="expired at this very moment",
    ),
    pytest.param("waits_too_long", waiting(6), id="exactly six hours are not too long"),
    pytest.param("waits_too_long", waiting(7, "in_progress"), id="a working run does not wait"),
    pytest.param("waits_too_long", a_task(), id="no claim to wait"),
    pytest.param("dead", a_task(record=a_record()), id="no claim, nothing lost"),
    pytest.param("dead", waiting(7), id="waited too long, but is not dead"),
    pytest.param(
        "_unread",
        a_task(record=PUBLISHED, pull=a_pull(), issue=CHANGED),
        id="changed, but no agent is wanted",
    ),
    pytest.param(
        "_unread",
        a_task(record=PUBLISHED, pull=RED, issue=CHANGED, trusted={"eve": True}),
        id="changed by somebody who may",
    ),
    pytest.param("_agent_paused", a_task(), id="an agent may take it"),
    pytest.param(
        "_agent_paused",
        a_task(record=PUBLISHED, pull=a_pull(), turn=a_turn()),
        id="paused, but no agent is wanted",
    ),
    pytest.param(
        "_agent_paused",
        a_task(record=CLAIMED, turn=a_turn()),
        id="paused, but it has an agent already",
    ),
    pytest.param("_ended", a_task(record=PUBLISHED), id="nobody ended it"),
    pytest.param("_ended", a_task(), id="no record, nobody ended it"),
    pytest.param("_held", a_task(record=PUBLISHED), id="nobody paused it"),
    pytest.param("_held", a_task(), id="no record, nobody paused it"),
    pytest.param("_day_spent", a_task(record=PUBLISHED, pull=RED), id="money for today"),
    pytest.param(
        "_day_spent", a_task(record=PUBLISHED, pull=a_pull(), day_opens=NOW), id="needs no money"
    ),
    pytest.param("_exhausted", a_task(record=ANSWERED, pull=a_pull()), id="nothing was said"),
    pytest.param(
        "_exhausted",
        a_task(record=replace(ANSWERED, retried_at=ago(1)), pull=a_pull(reviews=(a_review(),))),
        id="somebody said retry",
    ),
    pytest.param(
        "_settling", a_task(record=PUBLISHED, pull=a_pull(reviews=(a_review(),))), id="long ago"
    ),
    pytest.param(
        "human_commit",
        a_task(record=a_published_record(resumed="h1"), pull=a_pull(head="h1")),
        id="somebody said resume",
    ),
    pytest.param(
        "human_commit",
        a_task(
            record=PUBLISHED,
            pull=a_pull(head="h2", recent=(a_commit("c1"), BUTTON, UPDATE)),
        ),
        id="a suggestion was applied and the base merged, with GitHub's buttons",
    ),
    pytest.param("_draft", a_task(record=PUBLISHED, pull=a_pull()), id="no draft"),
    pytest.param("human_commit", a_task(record=PUBLISHED, pull=a_pull()), id="our commit"),
    pytest.param(
        "human_commit",
        a_task(
            record=PUBLISHED, pull=a_pull(head="m", recent=(a_commit("m", parents=("c1", "b1")),))
        ),
        id="the base was merged into our branch",
    ),
    pytest.param(
        "human_commit",
        a_task(record=PUBLISHED, pull=a_pull(head="h", reviews=(a_review(),))),
        id="a human's commit, but a review asks us to go on",
    ),
    pytest.param("human_commit", a_task(pull=a_pull(head="h")), id="not our task"),
    pytest.param("_stopped", a_task(record=PUBLISHED), id="no stop"),
    pytest.param(
        "_stopped", a_task(record=STOPPED, issue=AGAIN), id="stopped, and then labelled again"
    ),
    pytest.param(
        "_branch_gone",
        a_task(record=PUBLISHED, branch_head="c1"),
        id="the branch is where we left it",
    ),
    pytest.param("_branch_gone", a_task(record=a_record()), id="no branch, but none was published"),
    pytest.param(
        "_earlier_pull",
        a_task(record=PUBLISHED, branch_head="c1", pull=a_pull(), earlier_pull=5),
        id="both are open: a human has opened one of them",
    ),
    pytest.param(
        "_branch_gone",
        a_task(record=PUBLISHED, pull=a_pull()),
        id="with a pull request, GitHub closes it when the branch goes",
    ),
    pytest.param(
        "_unanswerable",
        a_task(record=a_published_record(handled=("checks:c0",)), pull=RED),
        id="red, but another head was tried",
    ),
    pytest.param(
        "_unanswerable",
        a_task(record=a_published_record(handled=("checks:c1",)), pull=RED, issue=AGAIN),
        id="tried, but labelled again since",
    ),
    pytest.param("_unanswerable", a_task(record=PUBLISHED), id="no pull request to answer for"),
    pytest.param(
        "_fruitless",
        a_task(record=a_record(attempts=(*NO_CHANGE.attempts, an_attempt(outcome=Outcome.LOST)))),
        id="nothing to change once, but not at last",
    ),
    pytest.param("_fruitless", a_task(record=NO_CHANGE, issue=AGAIN), id="labelled again since"),
    pytest.param(
        "_fruitless",
        a_task(record=a_record(attempts=NO_CHANGE.attempts, round=2)),
        id="a new round has no attempt yet",
    ),
    pytest.param(
        "_exhausted",
        a_task(record=a_record(attempts=FAILURES[:3])),
        id="one attempt is left",
    ),
    pytest.param(
        "_exhausted",
        a_task(record=a_record(attempts=FAILURES), issue=AGAIN),
        id="used up, but labelled again since",
    ),
    pytest.param(
        "_exhausted",
        a_task(record=a_published_record(attempts=FAILURES), pull=a_pull()),
        id="used up, but nothing is left to do",
    ),
    pytest.param("_exhausted", a_task(), id="nothing spent yet"),
    pytest.param(
        "_exhausted",
        a_task(
            record=a_published_record(attempts=FAILURES), pull=a_red_pull(a_failed(required=False))
        ),
        id="used up, but what is red is not required",
    ),
    pytest.param(
        "_same_failure",
        a_task(record=TWICE, pull=RED, issue=AGAIN),
        id="labelled again since",
    ),
    pytest.param(
        "_same_failure",
        a_task(record=TWICE, pull=a_red_pull(a_failed(text="another error"))),
        id="another failure of the same check",
    ),
    pytest.param("_same_failure", a_task(record=TWICE), id="no pull request to fail"),
    pytest.param("_published", a_task(record=a_record()), id="nothing pushed"),
    pytest.param(
        "_published",
        a_task(record=HALF_DONE, branch_head="w1"),
        id="a limit cut the work short: that is not shown",
    ),
    pytest.param(
        "_ready", a_task(record=HALF_DONE, pull=a_pull(head="w1")), id="a half-done pull request"
    ),
    pytest.param(
        "_has_pull", a_task(record=HALF_DONE, pull=a_pull(head="w1")), id="half done: no review"
    ),
    pytest.param("_published", a_task(record=PUBLISHED, pull=a_pull()), id="it has a pull request"),
    pytest.param(
        "_conflicted", a_task(record=PUBLISHED, pull=a_pull(mergeable="UNKNOWN")), id="unknown"
    ),
    pytest.param(
        "_ci_failed",
        a_task(
            record=PUBLISHED, pull=a_pull(checks=(a_check(result="SKIPPED"), a_check(result=None)))
        ),
        id="skipped and pending are not red",
    ),
    pytest.param("_ci_blocked", a_task(record=PUBLISHED, pull=a_pull(suites_open=1)), id="open"),
    pytest.param("_unjudged", a_task(record=PUBLISHED, pull=RED), id="looked up"),
    pytest.param(
        "_unjudged",
        a_task(record=PUBLISHED, pull=a_red_pull(red=None, suites_open=1)),
        id="more checks may turn red",
    ),
    pytest.param("_ci_failed", a_task(record=PUBLISHED, pull=a_red_pull(red=None)), id="not known"),
    pytest.param("_check_blocked", a_task(record=PUBLISHED, pull=RED), id="nothing is asked"),
    pytest.param("_check_refused", a_task(record=PUBLISHED, pull=RED), id="an agent can mend it"),
    pytest.param(
        "_check_refused",
        a_task(record=PUBLISHED, pull=a_red_pull(a_failed(conclusion="ACTION_REQUIRED"))),
        id="a click is no refusal",
    ),
    pytest.param(
        "_check_blocked",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(
                a_failed(conclusion="ACTION_REQUIRED"), a_failed("b", conclusion="STARTUP_FAILURE")
            ),
        ),
        id="a click is not all",
    ),
    pytest.param(
        "_red_too_long",
        a_task(
            record=PUBLISHED,
            pull=a_red_pull(a_failed(conclusion="CANCELLED"), head_at=ago(360)),
        ),
        id="exactly six hours are in time",
    ),
    pytest.param("_red_too_long", a_task(record=PUBLISHED, pull=RED), id="not waited for"),
    pytest.param("_red_for_now", a_task(record=PUBLISHED, pull=RED), id="red for good"),
    pytest.param(
        "_ci_late",
        a_task(record=PUBLISHED, pull=a_pull(checks=(a_check(result=None),), head_at=ago(360))),
        id="exactly six hours are in time",
    ),
    pytest.param(
        "_ci_late", a_task(record=PUBLISHED, pull=a_pull(head_at=ago(999))), id="old, but finished"
    ),
    pytest.param("_ci_late", a_task(), id="no pull request to be late"),
    pytest.param("_ci_pending", a_task(record=PUBLISHED, pull=a_pull()), id="all finished"),
    pytest.param(
        "_ci_pending",
        a_task(record=PUBLISHED, pull=a_pull(checks=(), head_at=ago(10))),
        id="ten minutes without a check: there is no CI",
    ),
    pytest.param("_ci_pending", a_task(), id="no pull request to wait for"),
    pytest.param("_unknown_merge", a_task(record=PUBLISHED, pull=a_pull()), id="known"),
    pytest.param(
        "_changes_requested",
        a_task(
            record=a_published_record(handled=("review:9",)), pull=a_pull(reviews=(a_review(),))
        ),
        id="the review was answered",
    ),
    pytest.param("_ready", a_task(record=PUBLISHED, pull=a_pull(open_threads=1)), id="open thread"),
    pytest.param(
        "_ready",
        a_task(record=PUBLISHED, pull=a_pull(review_decision="CHANGES_REQUESTED")),
        id="not approved",
    ),
    pytest.param("_ready", a_task(), id="no pull request to be ready"),
    pytest.param("_has_pull", a_task(record=a_record()), id="no pull request"),
]


DAILY = Policy(budget=Budget(usd_per_day=9.0))


def rule_of(task: Task) -> Rule:
    return next(rule for rule in RULES if rule.test(task, DAILY) is not None)


@pytest.mark.parametrize(("rule", "task", "because"), MATCHES)
def test_match(rule: str, task: Task, because: str) -> None:
    assert rule_of(task).test.__name__ == rule
    assert phase_of(task, DAILY)[:2] == (rule_of(task).phase, because)


@pytest.mark.parametrize(("rule", "task"), MISSES)
def test_near_miss(rule: str, task: Task) -> None:
    [row] = [row for row in RULES if row.test.__name__ == rule]
    assert row.test(task, POLICY) is None


def test_every_rule_is_matched_and_missed() -> None:
    rules = {rule.test.__name__ for rule in RULES}
    assert {case.values[0] for case in MATCHES} == rules
    assert {case.values[0] for case in MISSES} == rules - {"_always"}
    assert {rule.phase for rule in RULES} == set(Phase)


def test_an_outside_name_cannot_speak_in_our_sentences() -> None:
    name = "e2e @octocat\n<!-- ao:status --> fixes #1"
    task = a_task(record=PUBLISHED, pull=a_red_pull(a_failed(name)))
    because = phase_of(task, POLICY).because
    assert "@octocat" not in because
    assert "<!--" not in because
    assert "#1" not in because
    assert "\n" not in because


# ---- what several rules ask ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "mark", "expected"),
    [
        pytest.param(None, Touch(ago(1), "ann"), False, id="no record"),
        pytest.param(a_record(), Touch(ago(1), "ann"), False, id="nothing was tried yet"),
        pytest.param(PUBLISHED, None, False, id="when the label was put on is not known"),
        pytest.param(PUBLISHED, Touch(ago(59), "ann"), True, id="labelled after the last attempt"),
        pytest.param(PUBLISHED, Touch(ago(59), "eve"), False, id="by somebody who may not write"),
        pytest.param(PUBLISHED, Touch(ago(59), "bob"), False, id="by somebody not looked up"),
        pytest.param(PUBLISHED, Touch(ago(60), "ann"), False, id="at the end of the last attempt"),
        pytest.param(STOPPED, Touch(ago(55), "ann"), False, id="before the stop"),
        pytest.param(STOPPED, Touch(ago(49), "ann"), True, id="labelled after the stop"),
        pytest.param(
            a_record(stop=a_stop()), Touch(ago(49), "ann"), True, id="a stop without an attempt"
        ),
    ],
)
def test_restarted(record, mark, expected) -> None:
    issue = an_issue(marks=(mark,) if mark else ())
    task = a_task(record=record, issue=issue, trusted={"ann": True, "eve": False})
    assert restarted(record, task) is expected


def test_a_stranger_who_marks_it_too_takes_nothing_back() -> None:
    issue = an_issue(marks=(Touch(ago(59), "ann"), Touch(ago(58), "eve")))
    task = a_task(record=PUBLISHED, issue=issue, trusted={"ann": True, "eve": False})
    assert restarted(PUBLISHED, task)


def test_a_stop_that_is_overruled_gives_way_to_the_next_rule() -> None:
    task = a_task(record=STOPPED, pull=RED, issue=AGAIN)
    assert phase_of(task, POLICY).phase is Phase.CI_FAILED


def test_of_two_runs_with_one_name_the_lower_id_counts() -> None:
    runs = (a_run(id=502), a_run(id=501), a_run(id=400, title="ao #42.0 queued"))
    found = run_of(runs, CLAIMED)
    assert found is not None
    assert found.id == 501


def test_a_record_without_a_claim_has_no_run() -> None:
    assert run_of((a_run(),), a_record()) is None


def test_a_thread_that_we_answered_waits_for_the_reviewer() -> None:
    item = "thread:T:100"
    answered = a_thread(
        a_comment(),
        a_comment(id=101, author="ao[bot]", ours=True, body=feedback.REPLY_MARK.format(item=item)),
    )
    record = a_published_record(handled=(item,))
    task = a_task(record=record, pull=a_pull(threads=(answered,), open_threads=1))
    assert phase_of(task, POLICY).phase is Phase.IN_REVIEW
