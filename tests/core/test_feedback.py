"""What asks for another attempt, and the keys under which it is answered once."""

from dataclasses import replace

import pytest

from ao_actions.core import feedback
from ao_actions.core.model import Phase
from tests.builders import (
    NOW,
    POLICY,
    a_comment,
    a_published_record,
    a_pull,
    a_remark,
    a_review,
    a_task,
    a_thread,
    ago,
    minutes,
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
        pytest.param(
            a_pull(reviews=(a_review(body=""),)), (), (), id="without words: its threads ask"
        ),
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
            ("thread:T:100",),
            id="a stranger's last word takes nothing back",
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


EDITED = a_review(edited_at=ago(5))
COMMENTS = [
    pytest.param(a_remark(), (), ("comment:200",), id="a comment"),
    pytest.param(a_remark(), ("comment:200",), (), id="answered"),
    pytest.param(
        a_remark(edited_at=ago(5)),
        ("comment:200",),
        ("comment:200:20260105T115500Z",),
        id="edited since",
    ),
    pytest.param(a_remark(number=42), (), (), id="on the issue"),
    pytest.param(a_remark(author="eve"), (), (), id="a stranger's"),
    pytest.param(a_remark(author="ghost"), (), (), id="a deleted author's"),
    pytest.param(a_remark(author="lint[bot]"), (), ("comment:200",), id="a bot we listen to"),
    pytest.param(a_remark(author="lint"), (), (), id="a person called as the bot"),
    pytest.param(a_remark("/ao retry"), (), (), id="only a command"),
    pytest.param(a_remark("Rename it.\n/ao retry"), (), ("comment:200",), id="and a command"),
    pytest.param(
        a_remark(REPLY, ours=True), ("thread:T:100",), (), id="our own answer to something"
    ),
    pytest.param(a_remark("\u202e\U0001f600" * 30_000), (), ("comment:200",), id="65,536 of them"),
]


@pytest.mark.parametrize(("said", "handled", "items"), COMMENTS)
def test_comments_on_the_pull_request(said, handled, items) -> None:
    task = a_task(
        record=a_published_record(handled=handled),
        pull=a_pull(),
        comments=(said,),
        trusted={"ann": True, "lint[bot]": True},
    )
    assert feedback.review_items(task) == items


def test_edited_words_are_new_words() -> None:
    late = a_comment(id=101, edited_at=ago(4))
    task = a_task(
        record=a_published_record(handled=("review:9", "thread:T:101")),
        pull=a_pull(reviews=(EDITED,), threads=(a_thread(a_comment(), late),)),
    )
    assert (
        feedback.review_items(task)
        == (
            "thread:T:101:20260105T115600Z",
            "review:9:20260105T115500Z",
        )[::-1]
    )


def test_what_was_written_while_we_worked_is_not_lost_before_our_reply() -> None:
    thread = a_thread(a_comment(), a_comment(id=101), a_comment(id=102, ours=True, body=REPLY))
    task = a_task(
        record=a_published_record(handled=("thread:T:100",)), pull=a_pull(threads=(thread,))
    )
    assert feedback.review_items(task) == ("thread:T:101",)


def test_five_hundred_comments_are_one_item() -> None:
    said = tuple(a_comment(id=n, author="eve" if n % 2 else "ann") for n in range(500))
    task = a_task(record=a_published_record(), pull=a_pull(threads=(a_thread(*said),)))
    assert feedback.review_items(task) == ("thread:T:498",)


def test_a_review_settles_when_its_last_word_is_two_minutes_old() -> None:
    reviews = (a_review(submitted_at=ago(9)), a_review(id=8, submitted_at=ago(1.5)))
    task = a_task(record=a_published_record(), pull=a_pull(reviews=reviews))
    assert feedback.settles_at(task, POLICY) == NOW + minutes(0.5)
    assert feedback.settles_at(replace(task, now=NOW + minutes(0.5)), POLICY) is None
    assert feedback.settles_at(a_task(), POLICY) is None


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
