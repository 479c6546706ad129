"""Which tasks get the free slots, and why the others wait."""

import pytest

from ao_actions.core import selection
from ao_actions.core.model import Phase
from ao_actions.core.observed import Touch
from ao_actions.core.phase import Verdict
from ao_actions.core.policy import Policy
from tests.builders import (
    POLICY,
    a_book,
    a_claim,
    a_published_record,
    a_pull,
    a_record,
    a_snapshot,
    a_task,
    ago,
    an_attempt,
    an_issue,
    some_facts,
)

QUEUED = Verdict(Phase.QUEUED, "nothing has started")
CONFLICTED = Verdict(Phase.CONFLICTED, "the branch conflicts with main")


@pytest.mark.parametrize(
    ("facts", "assignees", "reason"),
    [
        pytest.param({}, {"ann"}, None, id="nothing in the way"),
        pytest.param({}, set(), None, id="not assigned"),
        pytest.param(
            {"trusted": False},
            {"bob"},
            "@ann, who put the label on, may not write here",
            id="labelled by a stranger",
        ),
        pytest.param(
            {"trusted": False, "labelled_by": ""},
            set(),
            "who put the label on is too long ago to be seen: put it on again",
            id="labelled by nobody knows whom",
        ),
        pytest.param(
            {"trusted": False, "labelled_by": "ann[bot]", "assigned": "ann"},
            {"ann"},
            "@ann[bot], which put the label on, is not among `bots`",
            id="labelled by a bot",
        ),
        pytest.param(
            {"labelled_by": "ann[bot]", "assigned": "ann"}, {"ann"}, None, id="by a bot we know"
        ),
        pytest.param(
            {"labelled_by": "ann[bot]"},
            {"ann", "bob"},
            "@ann[bot] put the label on: assign it to one person with write permission, who will "
            "answer for it",
            id="by a bot we know, for nobody or several",
        ),
        pytest.param(
            {"changed_by": "eve"},
            set(),
            "@eve changed its text after the label was put on: read it, then take the label off "
            "and put it on again",
            id="changed after the look",
        ),
        pytest.param({}, {"ann", "cy", "bob"}, "it is assigned to @bob", id="assigned to others"),
        pytest.param(
            {"open_pulls": (8, 9)}, set(), "pull request #8 is open for it", id="a pull request"
        ),
        pytest.param(
            {"merged_at": ago(5), "opened_at": ago(9)},
            set(),
            "a pull request for it was merged since it was opened",
            id="merged",
        ),
        pytest.param(
            {"merged_at": ago(9), "opened_at": ago(5)}, set(), None, id="merged, then reopened"
        ),
        pytest.param({"blocked_by": (3,)}, set(), "it is blocked by #3", id="blocked"),
    ],
)
def test_hold_of_a_new_task(facts, assignees, reason) -> None:
    issue = an_issue(assignees=frozenset(assignees), facts=some_facts(**facts))
    assert selection.hold(a_task(issue=issue), QUEUED, a_snapshot(), POLICY) == reason


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        pytest.param({"labelled_at": ago(61)}, True, id="the label of then is still there"),
        pytest.param({"labelled_at": ago(60)}, True, id="labelled at the very end"),
        pytest.param({"labelled_at": ago(59)}, False, id="labelled again"),
        pytest.param({"opened_at": ago(59)}, False, id="reopened"),
    ],
)
def test_hold_of_a_task_that_has_ended(facts, held) -> None:
    old = a_published_record(finished=Phase.WITHDRAWN, finished_at=ago(60))
    snapshot = a_snapshot(book=a_book(finished={42: old}))
    task = a_task(issue=an_issue(facts=some_facts(**facts)))
    reason = "its task has ended: put the label on again to return it"
    assert selection.hold(task, QUEUED, snapshot, POLICY) == (reason if held else None)


def test_an_old_record_does_not_hold_the_task_that_returned() -> None:
    old = a_published_record(finished=Phase.WITHDRAWN, finished_at=ago(60))
    snapshot = a_snapshot(book=a_book(a_record(round=2), finished={42: old}))
    task = a_task(record=a_record(round=2), issue=an_issue(facts=some_facts()))
    assert selection.hold(task, QUEUED, snapshot, POLICY) is None


def test_no_facts_no_claim() -> None:
    assert selection.needs_facts(a_task(), QUEUED)
    assert (
        selection.hold(a_task(), QUEUED, a_snapshot(), POLICY) == "its facts are not looked up yet"
    )
    assert not selection.needs_facts(a_task(issue=an_issue(facts=some_facts())), QUEUED)
    assert not selection.needs_facts(a_task(), Verdict(Phase.READY, ""))
    assert not selection.needs_facts(a_task(record=a_record()), QUEUED)


@pytest.mark.parametrize("phase", sorted(selection.CLAIMABLE))
def test_whoever_sets_a_task_going_again_must_be_known(phase) -> None:
    marks = (Touch(ago(1), "ann"),)
    again = a_task(record=a_published_record(), issue=an_issue(marks=marks), pull=a_pull())
    verdict = Verdict(phase, "")
    assert selection.needs_facts(again, verdict)
    assert selection.hold(again, verdict, a_snapshot(), POLICY) == "its facts are not looked up yet"
    bot = an_issue(marks=marks, facts=some_facts(labelled_by="triage[bot]"))
    again = a_task(record=a_published_record(), issue=bot, pull=a_pull())
    held = selection.hold(again, verdict, a_snapshot(), POLICY)
    assert held is not None
    assert "assign it to one person" in held


def test_its_own_pull_request_does_not_hold_a_task() -> None:
    issue = an_issue(marks=(Touch(ago(1), "ann"),), facts=some_facts(open_pulls=(7,)))
    task = a_task(record=a_published_record(), issue=issue, pull=a_pull())
    assert selection.hold(task, Verdict(Phase.CI_FAILED, ""), a_snapshot(), POLICY) is None


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        pytest.param({"reason": Phase.CONFLICTED}, "#7 is being merged with main first", id="same"),
        pytest.param({"reason": Phase.CONFLICTED, "base": "next"}, None, id="another base"),
        pytest.param({"reason": Phase.CI_FAILED}, None, id="claimed for another reason"),
    ],
)
def test_one_conflict_per_base(claim, reason) -> None:
    other = a_record(issue=7, claim=a_claim(**claim))
    snapshot = a_snapshot(records=[other, a_published_record()])
    task = a_task(record=a_published_record(), pull=a_pull())
    assert selection.hold(task, CONFLICTED, snapshot, POLICY) == reason


def test_work_under_way_waits_for_nobody() -> None:
    verdict = Verdict(Phase.CI_FAILED, "failing: test")
    task = a_task(record=a_published_record())
    assert selection.hold(task, verdict, a_snapshot(), POLICY) is None


# ---- what our open pull requests change ----------------------------------------------------

SAYS = "pull request #7 changes src/code.py too"


@pytest.mark.parametrize(
    ("task", "more", "said"),
    [
        pytest.param({}, {}, SAYS, id="the same file"),
        pytest.param({}, {"files": {}}, None, id="not looked up"),
        pytest.param({}, {"files": {42: ("other.py",)}}, None, id="other files"),
        pytest.param({}, {"pulls": {42: a_pull(state="MERGED")}}, None, id="merged already"),
        pytest.param({}, {"pulls": {}}, None, id="without a pull request"),
        pytest.param({"issue": an_issue(43)}, {}, None, id="the issue is not looked up"),
        pytest.param(
            {"record": a_published_record(issue=43)}, {}, None, id="it is under way already"
        ),
    ],
)
def test_overlaps(task, more, said) -> None:
    about = an_issue(43, facts=some_facts(paths=("code.py",)))
    one = a_task(**{"issue": about, **task})
    given = {"pulls": {42: a_pull()}, "files": {42: ("a.py", "src/code.py")}, **more}
    snapshot = a_snapshot(records=[a_published_record()], **given)
    assert selection.overlaps(one, snapshot) == said
    known = one.issue.facts is not None
    expected = None if known else "its facts are not looked up yet"
    assert selection.hold(one, QUEUED, snapshot, POLICY) == expected
    assert selection.hold(one, QUEUED, snapshot, Policy(hold_overlaps=True)) == said or expected


def test_a_task_is_not_in_its_own_way() -> None:
    issue = an_issue(facts=some_facts(paths=("code.py",)), marks=(Touch(ago(1), "ann"),))
    record = a_published_record()
    snapshot = a_snapshot(records=[record], pulls={42: a_pull()}, files={42: ("code.py",)})
    task = a_task(issue=issue, record=record, pull=a_pull())
    assert selection.overlaps(task, snapshot) is None


def test_order() -> None:
    priority = frozenset({POLICY.labels.ready, POLICY.labels.priority})
    tasks = [
        a_task(issue=an_issue(1, created_at=ago(5))),
        a_task(issue=an_issue(2, created_at=ago(6))),
        a_task(issue=an_issue(4, created_at=ago(6))),
        a_task(issue=an_issue(3, created_at=ago(1), labels=priority)),
        a_task(issue=an_issue(9, created_at=ago(1)), record=a_record(issue=9)),
    ]
    best = sorted(tasks, key=lambda task: selection.order(task, POLICY))
    assert [task.issue.number for task in best] == [9, 3, 2, 4, 1]


@pytest.mark.parametrize(
    ("record", "restarted", "expected"),
    [
        pytest.param(None, False, (1, True), id="new"),
        pytest.param(a_record(round=2), False, (2, False), id="one more attempt"),
        pytest.param(a_record(round=2), True, (3, False), id="set going again"),
        pytest.param(
            a_record(attempts=(an_attempt(),), finished=Phase.DONE, finished_at=ago(5)),
            False,
            (2, True),
            id="came back: next round, fresh branch",
        ),
    ],
)
def test_next_round(record, restarted, expected) -> None:
    assert selection.next_round(a_task(record=record), restarted=restarted) == expected
