"""What labels, assignees, reviewers and the status comment should say."""

from dataclasses import replace

import pytest

from ao_actions.core import actions, projection
from ao_actions.core.model import Outcome, Phase
from ao_actions.core.observed import StatusComment
from ao_actions.core.phase import Verdict, phase_of
from tests.builders import (
    NOW,
    POLICY,
    READY,
    a_published_record,
    a_pull,
    a_record,
    a_review,
    a_snapshot,
    a_stop,
    a_task,
    ago,
    an_attempt,
    an_issue,
)

IN_REVIEW = Verdict(Phase.IN_REVIEW, "#7 waits for its review")


def projected(task, verdict=IN_REVIEW, **snapshot):
    return list(projection.project(task, verdict, a_snapshot(**snapshot), POLICY))


def only(kind, task, verdict=IN_REVIEW, **snapshot):
    return [effect for effect in projected(task, verdict, **snapshot) if isinstance(effect, kind)]


@pytest.mark.parametrize(
    ("phase", "label"),
    [
        (Phase.DONE, None),
        (Phase.WITHDRAWN, None),
        (Phase.QUEUED, None),
        (Phase.WORKING, "ao:working"),
        (Phase.LOST, "ao:working"),
        (Phase.PUBLISHED, "ao:working"),
        (Phase.CI_FAILED, "ao:working"),
        (Phase.CHANGES_REQUESTED, "ao:working"),
        (Phase.CONFLICTED, "ao:working"),
        (Phase.PAUSED, "ao:paused"),
        (Phase.NEEDS_HUMAN, "ao:needs-human"),
        (Phase.READY, "ao:review"),
        (Phase.IN_REVIEW, "ao:review"),
        (Phase.CI_PENDING, "ao:review"),
        (Phase.CI_BLOCKED, "ao:review"),
    ],
)
def test_every_phase_has_its_label(phase, label) -> None:
    assert projection.state_label(phase, POLICY) == label


def test_every_phase_is_in_the_table_above() -> None:
    [mark] = test_every_phase_has_its_label.pytestmark
    assert {phase for phase, _ in mark.args[1]} == set(Phase)


@pytest.mark.parametrize(
    ("labels", "phase", "changes"),
    [
        pytest.param({READY, "bug"}, Phase.IN_REVIEW, ["+ao:review"], id="missing"),
        pytest.param({READY, "ao:review"}, Phase.IN_REVIEW, [], id="right already"),
        pytest.param(
            {READY, "ao:working", "ao:paused", "bug"},
            Phase.IN_REVIEW,
            ["+ao:review -ao:paused -ao:working"],
            id="those of other states go, a human's stay",
        ),
        pytest.param({READY, "ao:review"}, Phase.DONE, ["-ao:review"], id="the end"),
        pytest.param({READY}, Phase.DONE, [], id="nothing to take off"),
    ],
)
def test_labels(labels, phase, changes) -> None:
    task = a_task(record=a_record(), issue=an_issue(labels=frozenset(labels)))
    found = only(actions.Label, task, Verdict(phase, ""))
    assert [effect.changes for effect in found] == changes


@pytest.mark.parametrize(
    ("task", "phase", "numbers"),
    [
        pytest.param(a_task(record=a_record()), Phase.IN_REVIEW, [], id="assigned"),
        pytest.param(
            a_task(
                record=a_record(),
                issue=an_issue(assignees=frozenset()),
                pull=a_pull(assignees=frozenset({"bob"})),
            ),
            Phase.IN_REVIEW,
            [42, 7],
            id="issue and pull request",
        ),
        pytest.param(
            a_task(record=a_record(), pull=a_pull(assignees=frozenset())),
            Phase.WORKING,
            [],
            id="a pull request that is being worked on can wait",
        ),
        pytest.param(
            a_task(record=a_record(), issue=an_issue(assignees=frozenset())),
            Phase.WITHDRAWN,
            [],
            id="nobody is assigned to what ends",
        ),
    ],
)
def test_assignees(task, phase, numbers) -> None:
    assert [effect.number for effect in only(actions.Assign, task, Verdict(phase, ""))] == numbers


@pytest.mark.parametrize(
    ("pull", "phase", "asked"),
    [
        pytest.param({}, Phase.IN_REVIEW, True, id="green"),
        pytest.param({}, Phase.READY, True, id="ready"),
        pytest.param({}, Phase.CI_PENDING, False, id="not green yet"),
        pytest.param({}, Phase.CI_FAILED, False, id="never while it is red"),
        pytest.param({"requested": frozenset({"ann"})}, Phase.READY, False, id="asked already"),
        pytest.param(
            {"reviews": (a_review(state="APPROVED"),)}, Phase.READY, False, id="seen this head"
        ),
        pytest.param(
            {"reviews": (a_review(submitted_at=ago(61)),)}, Phase.READY, True, id="saw another head"
        ),
        pytest.param(
            {"reviews": (a_review(author="bob"),)}, Phase.READY, True, id="somebody else saw it"
        ),
        pytest.param({"author": "ann"}, Phase.READY, False, id="nobody reviews their own"),
    ],
)
def test_review_requests(pull, phase, asked) -> None:
    task = a_task(record=a_published_record(), pull=a_pull(**pull))
    found = only(actions.RequestReview, task, Verdict(phase, ""))
    assert [(effect.pull, effect.login) for effect in found] == ([(7, "ann")] if asked else [])


def test_nobody_is_asked_to_review_what_is_not_there() -> None:
    assert not only(actions.RequestReview, a_task(record=a_record()), Verdict(Phase.READY, ""))


def test_an_issue_that_is_no_task_is_left_alone() -> None:
    assert projected(a_task(issue=an_issue(labels=frozenset()))) == []


def test_the_status_comment_is_written_once() -> None:
    task = a_task(record=a_record(status_comment="old"), pull=a_pull())
    [missing] = only(actions.Report, task)
    assert (missing.comment, missing.because) == ("old", "the status comment is missing")
    known = {42: StatusComment(id="c", body=missing.body)}
    assert only(actions.Report, task, status_comments=known) == []
    stale = {42: StatusComment(id="c", body="something else")}
    [late] = only(actions.Report, task, status_comments=stale)
    assert (late.comment, late.body, late.because) == ("c", missing.body, "it is out of date")


def body(verdict, record=None, policy=POLICY, **task):
    record = record or a_record()
    return projection.status_body(a_task(record=record, **task), record, verdict, policy)


def test_status_of_a_young_task() -> None:
    assert body(Verdict(Phase.WORKING, "a run works on it")) == (
        "<!-- ao:status -->\n**working**: a run works on it."
    )


def test_status_of_a_task_with_a_past() -> None:
    attempts = (
        an_attempt(detail="2 files changed", head="c1"),
        an_attempt(epoch=2, reason=Phase.CI_FAILED, outcome=Outcome.LIMITED),
    )
    record = a_published_record(attempts=attempts)
    assert body(IN_REVIEW, record, pull=a_pull()) == "\n".join(
        [
            "<!-- ao:status -->",
            "**in_review**: #7 waits for its review.",
            "@ann: It is yours to review.",
            "Pull request: #7.",
            "",
            "<details><summary>1 of 4 attempts</summary>",
            "",
            "| epoch | reason | agent | outcome | detail |",
            "| --- | --- | --- | --- | --- |",
            "| 1 | queued | claude-code | changes | `2 files changed` |",
            "| 2 | ci_failed | claude-code | limited |  |",
            "",
            "</details>",
        ]
    )


@pytest.mark.parametrize(
    ("stop", "lines"),
    [
        pytest.param(
            a_stop(url="https://x/runs/5"),
            ["See https://x/runs/5.", "@ann: Look at it. Say `/ao retry` (or take"],
            id="with a link",
        ),
        pytest.param(a_stop(), ["@ann: Look at it. Say `/ao retry` (or take"], id="without"),
        pytest.param(
            None, ["@ann: Say `/ao retry` (or take the label `ao:ready` off"], id="not our stop"
        ),
    ],
)
def test_status_asks_a_human(stop, lines) -> None:
    shown = body(Verdict(Phase.NEEDS_HUMAN, "it was refused"), a_record(stop=stop)).split("\n")
    assert len(shown) == 2 + len(lines)
    for given, wanted in zip(shown[2:], lines, strict=True):
        assert given.startswith(wanted)


def test_a_rule_s_own_way_out_is_asked_for_instead() -> None:
    task = a_task(record=a_published_record(stop=a_stop()), earlier_pull=5, branch_head="c1")
    verdict = phase_of(replace(task, record=a_published_record()), POLICY)
    shown = projection.status_body(task, task.record, verdict, POLICY)
    assert "earlier round is open.\n@ann: Close it, and this task goes on by itself" in shown
    assert "To keep it, take the label `ao:ready` off.\n" in shown


def test_an_old_stop_is_not_shown_while_work_goes_on() -> None:
    shown = body(Verdict(Phase.WORKING, "a run works on it"), a_record(stop=a_stop()))
    assert "Look at it" not in shown


def test_a_detail_cannot_leave_its_cell() -> None:
    detail = "a | b `@ann` <!-- x\n| 9 | new | row |" + "z" * 200
    record = a_record(attempts=(an_attempt(detail=detail, ended_at=NOW),))
    row = next(line for line in body(IN_REVIEW, record).split("\n") if line.startswith("| 1 |"))
    cell = row.removeprefix("| 1 | queued | claude-code | changes | ").removesuffix(" |")
    assert cell.startswith("`a / b '@ann' <!-- x / 9 / new / row /")
    assert cell.endswith("z`")
    assert len(cell) == 162
    assert cell.count("`") == 2
    assert "|" not in cell
