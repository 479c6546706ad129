"""Whether somebody with write permission has looked at an issue's text as it stands.

Who puts the label on has read it. What others change after that has been read by nobody, and an
agent must not be told it: until the label is put on again, or the text changed, or a command
given, by somebody with write permission. What happens within one second counts as later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from ao_actions.core import commands
from ao_actions.core.model import TaskRecord
from ao_actions.core.observed import Task, Touch

# Commands that send an agent: whoever gives them answers for what it will be told.
ASKS = frozenset({"retry", "resume"})
# How old at most what GitHub shows may be: it is seconds.
STALE = timedelta(minutes=1)


def unread(
    edits: Collection[Touch], looks: Iterable[datetime], trusted: Mapping[str, bool]
) -> Touch | None:
    """The newest change that was made by somebody else and not looked at since, if there is one.
    A change by somebody with write permission is a look."""
    times = [*looks, *(edit.at for edit in edits if trusted.get(edit.by))]
    last = max(times, default=None)
    strange = (edit for edit in edits if not trusted.get(edit.by))
    fresh = (edit for edit in strange if last is None or edit.at >= last)
    return max(fresh, key=lambda edit: edit.at, default=None)


def unread_in(task: Task) -> Touch | None:
    """The same for a live task: what was changed well before it began was judged then."""
    edits = _since_it_began(task)
    if not edits:
        return None
    marks = (mark.at for mark in task.issue.marks if task.trusted.get(mark.by))
    return unread(edits, (*marks, *_commanded(task)), task.trusted)


def ended_at(record: TaskRecord | None) -> datetime | None:
    """When the task stopped, or else its last attempt ended; None: neither has happened."""
    if record is None or not (record.attempts or record.stop):
        return None
    return record.stop.at if record.stop else record.attempts[-1].ended_at


def marked_again(task: Task) -> tuple[Touch, ...]:
    """Who put the label on since then."""
    since = ended_at(task.record)
    return tuple(mark for mark in task.issue.marks if since is not None and mark.at > since)


def logins(task: Task) -> frozenset[str]:
    """Whose rights decide about changes and marks."""
    edits = _since_it_began(task)
    first = min((edit.at for edit in edits), default=None)
    marks = {mark.by for mark in task.issue.marks if first is not None and mark.at >= first}
    again = {mark.by for mark in marked_again(task)}
    return frozenset({edit.by for edit in edits} | marks | again)


def _since_it_began(task: Task) -> tuple[Touch, ...]:
    """And shortly before: the pass that began it may not have been shown that."""
    record = task.record
    if record is None:
        return ()
    return tuple(edit for edit in task.issue.edits if edit.at >= record.created_at - STALE)


def _commanded(task: Task) -> Iterator[datetime]:
    """When commands were given that were obeyed: only those of people with write permission
    are."""
    handled = frozenset(task.record.handled if task.record else ())
    for said in task.comments:
        if f"command:{said.id}" in handled and _asks(said.body):
            yield said.edited_at or said.created_at
    for review in task.pull.reviews if task.pull else ():
        if f"command:review-{review.id}" in handled and _asks(review.body):
            yield review.edited_at or review.submitted_at


def _asks(body: str) -> bool:
    return any(command.word in ASKS for command in commands.parse(body))
