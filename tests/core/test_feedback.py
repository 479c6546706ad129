"""What asks for another attempt, and the keys under which it is answered once."""

import pytest

from ao_actions.core import feedback
from ao_actions.core.model import Phase
from tests.builders import (
    a_comment,
    a_published_record,
    a_pull,
    a_review,
    a_task,
    a_thread,
    ago,
)

REPLY = feedback.REPLY_MARK.format(item="thread:T:100")


@pytest.mark.parametrize(
    ("comment", "ours"),
    [
        pytest.param(a_comment(ours=True, body=f"{REPLY}\nDone."), True, id="account and mark"),
        pytest.param(a_comment(body=f"{REPLY}\nDone."), False, id="somebody typed our mark"),
        pytest.param(a_comment(ours=True), False, id="a human uses the program's account"),
        pytest.param(
            a_comment(ours=True, body=f"> {REPLY}"), False, id="the mark does not come first"
        ),
        pytest.param(
            a_comment(ours=True, body=feedback.REPLY_MARK.format(item="thread:T:1")),
            False,
            id="a mark of something that the ledger does not know",
        ),
    ],
)
def test_is_ours(comment, ours) -> None:
    assert feedback.is_ours(comment, frozenset({"thread:T:100"})) is ours


@pytest.mark.parametrize(
    ("pull", "handled", "items"),
    [
        pytest.param(a_pull(), (), (), id="nobody said anything"),
        pytest.param(a_pull(reviews=(a_review(),)), (), ("review:9",), id="changes requested"),
        pytest.param(a_pull(reviews=(a_review(),)), ("review:9",), (), id="answered"),
        pytest.param(
            a_pull(reviews=(a_review(state="COMMENTED"),)), (), ("review:9",), id="commented"
        ),
        pytest.param(
            a_pull(reviews=(a_review(state="COMMENTED", body=""),)),
            (),
            (),
            id="the review that a thread's comment makes has no words of its own",
        ),
        pytest.param(a_pull(reviews=(a_review(body=""),)), (), ("review:9",), id="without words"),
        pytest.param(a_pull(reviews=(a_review(state="APPROVED"),)), (), (), id="approved"),
        pytest.param(a_pull(reviews=(a_review(state="DISMISSED"),)), (), (), id="dismissed"),
        pytest.param(a_pull(reviews=(a_review(author="eve"),)), (), (), id="may not write"),
        pytest.param(a_pull(threads=(a_thread(),)), (), ("thread:T:100",), id="open thread"),
        pytest.param(a_pull(threads=(a_thread(resolved=True),)), (), (), id="resolved"),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(author="eve")),)), (), (), id="a stranger's thread"
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(), a_comment(id=101, author="eve")),)),
            (),
            (),
            id="a stranger has the last word",
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(), a_comment(id=101, body="And this?")),)),
            ("thread:T:100",),
            ("thread:T:101",),
            id="a new comment makes it a new item",
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(), a_comment(id=101, ours=True, body=REPLY)),)),
            ("thread:T:100",),
            (),
            id="we answered",
        ),
        pytest.param(
            a_pull(
                reviews=(a_review(submitted_at=ago(20)), a_review(id=8, submitted_at=ago(40))),
                threads=(a_thread(),),
            ),
            (),
            ("review:8", "thread:T:100", "review:9"),
            id="oldest first",
        ),
    ],
)
def test_review_items(pull, handled, items) -> None:
    task = a_task(record=a_published_record(handled=handled), pull=pull, trusted={"ann": True})
    assert feedback.review_items(task) == items


def test_a_thread_without_comments_says_nothing() -> None:
    empty = feedback.Thread(id="T", path="x", line=None, resolved=False, comments=())
    task = a_task(record=a_published_record(), pull=a_pull(threads=(empty,)))
    assert feedback.review_items(task) == ()


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(a_task(pull=a_pull(reviews=(a_review(),))), id="not our task"),
        pytest.param(a_task(record=a_published_record()), id="no pull request"),
    ],
)
def test_no_task_no_feedback(task) -> None:
    assert feedback.review_items(task) == ()
    assert feedback.unanswerable(task, red=True) is None


@pytest.mark.parametrize(
    ("reason", "items"),
    [
        (Phase.CI_FAILED, ("checks:c1",)),
        (Phase.CONFLICTED, ("conflict:c1",)),
        (Phase.CHANGES_REQUESTED, ("review:9",)),
        (Phase.QUEUED, ()),
    ],
)
def test_items_of_a_claim(reason, items) -> None:
    task = a_task(record=a_published_record(), pull=a_pull(reviews=(a_review(),)))
    assert feedback.items_for(task, reason) == items


def test_a_new_task_answers_nothing() -> None:
    assert feedback.items_for(a_task(), Phase.CI_FAILED) == ()
