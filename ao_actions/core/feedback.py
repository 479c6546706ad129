"""What asks for another attempt: failing checks, a conflict, what people say of the change.

Each piece of feedback has a key that names it *as it stood*: a thread with its last comment,
checks with their head commit, edited words with the time of the edit. A key in the record's
`handled` was answered once and is never sent to an agent again (design 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ao_actions.core import commands, text
from ao_actions.core.model import Phase
from ao_actions.core.observed import Comment, Pull, Review, ReviewComment, Task, Thread
from ao_actions.core.policy import Policy

REPLY_MARK = "<!-- ao:reply {item} -->"
_MARKED = REPLY_MARK.partition("{")[0]


# ---- keys ----------------------------------------------------------------------------------


def checks_key(pull: Pull) -> str:
    return f"checks:{pull.head}"


def conflict_key(pull: Pull) -> str:
    return f"conflict:{pull.head}"


def thread_key(thread: Thread, trusted: Mapping[str, bool], handled: frozenset[str]) -> str | None:
    """Of a thread as it stands; None if nobody we listen to has said anything there.

    It names their last comment, wherever our own replies stand: what was written while an
    attempt was at work comes before our reply and is new all the same.
    """
    theirs = [c for c in conversation(thread, trusted, handled) if not is_ours(c, handled)]
    if not theirs:
        return None
    edits = [comment.edited_at for comment in theirs if comment.edited_at]
    return _as_it_stood(f"thread:{thread.id}:{theirs[-1].id}", max(edits, default=None))


def review_key(review: Review) -> str:
    return _as_it_stood(f"review:{review.id}", review.edited_at)


def comment_key(comment: Comment) -> str:
    return _as_it_stood(f"comment:{comment.id}", comment.edited_at)


def _as_it_stood(key: str, edited_at: datetime | None) -> str:
    return f"{key}:{edited_at:%Y%m%dT%H%M%SZ}" if edited_at else key


# ---- whose words count ---------------------------------------------------------------------


def is_ours(comment: ReviewComment | Comment, handled: frozenset[str]) -> bool:
    """Our own answer: posted under our account and marked with an item that the ledger knows.

    The mark alone proves nothing (anybody can type it), the account alone neither (a human
    may run the program under their own name).
    """
    if not comment.ours or not comment.body.startswith(_MARKED):
        return False
    return any(comment.body.startswith(REPLY_MARK.format(item=item)) for item in handled)


def conversation(
    thread: Thread, trusted: Mapping[str, bool], handled: frozenset[str]
) -> tuple[ReviewComment, ...]:
    """What counts of a thread: our own words, and those of the people (and bots) we listen to.
    What others say there neither asks for anything nor takes anything back."""
    return tuple(
        comment
        for comment in thread.comments
        if is_ours(comment, handled) or trusted.get(comment.author)
    )


# ---- what waits for an answer --------------------------------------------------------------


def review_items(task: Task) -> tuple[str, ...]:
    """Keys of the review feedback that waits for an answer, oldest first."""
    return tuple(key for _, key in sorted(_waiting(task)))


def settles_at(task: Task, policy: Policy) -> datetime | None:
    """When the review has been silent long enough, if it has not yet: until then somebody may
    be writing the next comment, and all of them are one attempt."""
    last = max((at for at, _ in _waiting(task)), default=None)
    quiet = last + policy.settle if last else None
    return quiet if quiet and quiet > task.now else None


def _waiting(task: Task) -> Iterator[tuple[datetime, str]]:
    if task.pull is None or task.record is None:
        return
    handled = frozenset(task.record.handled)
    for at, key in (
        *_reviews(task, task.pull),
        *_threads(task, task.pull, handled),
        *_comments(task, task.pull, handled),
    ):
        if key not in handled:
            yield at, key


def _reviews(task: Task, pull: Pull) -> Iterator[tuple[datetime, str]]:
    for review in pull.reviews:
        # one without words of its own has threads that ask
        asks = review.state in ("CHANGES_REQUESTED", "COMMENTED") and commands.remains(review.body)
        if asks and task.trusted.get(review.author):
            yield review.edited_at or review.submitted_at, review_key(review)


def _threads(task: Task, pull: Pull, handled: frozenset[str]) -> Iterator[tuple[datetime, str]]:
    for thread in pull.threads or ():
        key = thread_key(thread, task.trusted, handled)
        if key is not None and not thread.resolved:
            said = conversation(thread, task.trusted, handled)
            yield max(comment.edited_at or comment.created_at for comment in said), key


def _comments(task: Task, pull: Pull, handled: frozenset[str]) -> Iterator[tuple[datetime, str]]:
    for comment in task.comments:
        if comment.number != pull.number or is_ours(comment, handled):
            continue
        if task.trusted.get(comment.author) and commands.remains(comment.body):
            yield comment.edited_at or comment.created_at, comment_key(comment)


def items_for(task: Task, reason: Phase) -> tuple[str, ...]:
    """The feedback keys that an attempt for this reason answers."""
    match reason, task.pull:
        case Phase.CI_FAILED, Pull() as pull:
            return (checks_key(pull),)
        case Phase.CONFLICTED, Pull() as pull:
            return (conflict_key(pull),)
        case Phase.CHANGES_REQUESTED, Pull():
            return review_items(task)
        case _:
            return ()


def unanswerable(task: Task, *, red: bool) -> str | None:
    """What an attempt has already failed to mend on this very commit, if anything. `red`: its
    checks fail, and an agent should mend them."""
    pull, record = task.pull, task.record
    if pull is None or record is None:
        return None
    if red and checks_key(pull) in record.handled:
        return f"the failing checks of {pull.head[:7]}"
    if pull.mergeable == "CONFLICTING" and conflict_key(pull) in record.handled:
        return f"the conflict of {pull.head[:7]} with {text.line(pull.base, limit=100)}"
    return None
