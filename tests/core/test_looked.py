"""Whose text an issue has, and whether somebody with write permission has read it."""

import pytest

from ao_actions.core import looked
from ao_actions.core.observed import Touch
from tests.builders import (
    a_published_record,
    a_pull,
    a_record,
    a_remark,
    a_review,
    a_task,
    ago,
    an_issue,
)

TRUSTED = {"ann": True, "bob": True, "eve": False}
RECORD = a_published_record(handled=("command:9", "command:review-8"))


def by(who: str, minutes: float) -> Touch:
    return Touch(ago(minutes), who)


@pytest.mark.parametrize(
    ("edits", "looks", "found"),
    [
        pytest.param((), (), None, id="never changed"),
        pytest.param((by("eve", 5),), (), by("eve", 5), id="never looked at"),
        pytest.param((by("eve", 5),), (ago(9),), by("eve", 5), id="changed after the look"),
        pytest.param((by("eve", 5),), (ago(5),), by("eve", 5), id="changed in the same second"),
        pytest.param((by("eve", 5),), (ago(4),), None, id="looked at since"),
        pytest.param((by("ann", 5),), (ago(9),), None, id="changed by somebody who may"),
        pytest.param((by("eve", 5), by("bob", 4)), (ago(9),), None, id="then by one who may"),
        pytest.param(
            (by("eve", 5), by("bob", 5)), (ago(9),), by("eve", 5), id="both in one second"
        ),
        pytest.param((by("bob", 6), by("eve", 5)), (), by("eve", 5), id="and by a stranger after"),
        pytest.param((by("new", 7), by("eve", 5)), (), by("eve", 5), id="twice: the newest"),
        pytest.param((by("ann[bot]", 5),), (), by("ann[bot]", 5), id="a bot called like a person"),
    ],
)
def test_unread(edits, looks, found) -> None:
    assert looked.unread(edits, looks, TRUSTED) == found


@pytest.mark.parametrize(
    ("issue", "more", "found"),
    [
        pytest.param({"edits": (by("eve", 5),)}, {}, True, id="changed while it is worked on"),
        pytest.param({"edits": (by("eve", 241.1),)}, {}, False, id="changed before: judged then"),
        pytest.param({"edits": (by("eve", 241),)}, {}, True, id="changed just before it began"),
        pytest.param(
            {"edits": (by("eve", 241),), "marks": (by("bob", 240.9),)},
            {},
            False,
            id="changed just before the label was put on",
        ),
        pytest.param(
            {"edits": (by("eve", 5),), "marks": (by("bob", 4),)}, {}, False, id="labelled again"
        ),
        pytest.param(
            {"edits": (by("eve", 5),), "marks": (by("eve", 4),)},
            {},
            True,
            id="labelled again by a stranger",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"comments": (a_remark(id=9, body="/ao retry", created_at=ago(4)),)},
            False,
            id="a command since",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"comments": (a_remark(id=9, body="/ao retry", created_at=ago(6)),)},
            True,
            id="a command before",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"comments": (a_remark(id=9, body="/ao resume", created_at=ago(9), edited_at=ago(4)),)},
            False,
            id="a command that was written later",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"comments": (a_remark(id=9, body="/ao why", created_at=ago(4)),)},
            True,
            id="a command that sends nobody",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"comments": (a_remark(id=7, body="/ao retry", created_at=ago(4)),)},
            True,
            id="a command that was not obeyed",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"pull": a_pull(reviews=(a_review(id=8, body="/ao retry", submitted_at=ago(4)),))},
            False,
            id="a command in a review",
        ),
        pytest.param(
            {"edits": (by("eve", 5),)},
            {"pull": a_pull(reviews=(a_review(id=7, body="/ao retry", submitted_at=ago(4)),))},
            True,
            id="a command in a review that was not obeyed",
        ),
    ],
)
def test_unread_in_a_task(issue, more, found) -> None:
    task = a_task(record=RECORD, issue=an_issue(**issue), trusted=TRUSTED, **more)
    assert (looked.unread_in(task) is not None) is found


def test_whose_rights_are_asked_for() -> None:
    marks = (by("ann", 300), by("bob", 5), by("cy", 4))
    issue = an_issue(marks=marks, edits=(by("old", 400), by("eve", 5)))
    assert looked.logins(a_task(record=a_record(), issue=issue)) == {"eve", "bob", "cy"}
    assert looked.logins(a_task(issue=issue)) == set()
    calm = an_issue(marks=marks, edits=(by("old", 400),))
    assert looked.logins(a_task(record=a_record(), issue=calm)) == set()
