"""What asks for another attempt: failing checks, a conflict, review comments.

Each piece of feedback has a key that names it *as it stood* (a thread with its last comment,
checks with their head commit). A key in the record's `handled` was answered once and is
never sent to an agent again (design 8).
"""

from __future__ import annotations

from ao_actions.core.model import Phase, Pull, ReviewComment, Task, Thread

REPLY_MARK = "<!-- ao:reply {item} -->"


def checks_key(pull: Pull) -> str:
    return f"checks:{pull.head}"


def conflict_key(pull: Pull) -> str:
    return f"conflict:{pull.head}"


def thread_key(thread: Thread) -> str:
    return f"thread:{thread.id}:{thread.comments[-1].id}"


def review_key(review_id: int) -> str:
    return f"review:{review_id}"


def is_ours(comment: ReviewComment, handled: frozenset[str]) -> bool:
    """Our own answer: posted under our account and marked with an item that the ledger knows.

    The mark alone proves nothing (anybody can type it), the account alone neither (a human
    may run the program under their own name).
    """
    if not comment.ours:
        return False
    return any(comment.body.startswith(REPLY_MARK.format(item=item)) for item in handled)


def review_items(task: Task) -> tuple[str, ...]:
    """Keys of the review feedback that waits for an answer, oldest first."""
    pull, record = task.pull, task.record
    if pull is None or record is None:
        return ()
    handled = frozenset(record.handled)
    found = [
        (review.submitted_at, review_key(review.id))
        for review in pull.reviews
        if task.trusted.get(review.author)
        and (review.state == "CHANGES_REQUESTED" or (review.state == "COMMENTED" and review.body))
    ]
    for thread in pull.threads or ():
        last = thread.comments[-1] if thread.comments else None
        if thread.resolved or last is None or is_ours(last, handled):
            continue
        if task.trusted.get(last.author):
            found.append((last.created_at, thread_key(thread)))
    return tuple(key for _, key in sorted(found) if key not in handled)


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
        return f"the conflict of {pull.head[:7]} with {pull.base}"
    return None
