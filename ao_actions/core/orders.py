"""Commands that people gave in comments: which are to be obeyed, refused, acknowledged.

Level-triggered like all else: a comment is done with when its key is handled or it bears a
reaction of ours. Only people with write permission are obeyed, no bots; and only what was said
since the label was put on, for whoever puts it on has the last word on what was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from ao_actions.core import actions, commands, feedback, text, transitions
from ao_actions.core.commands import Command
from ao_actions.core.model import Phase, Reply
from ao_actions.core.observed import Snapshot, Task
from ao_actions.core.phase import Verdict, phase_of
from ao_actions.core.policy import Policy
from ao_actions.core.tasks import tasks

HELP = "help"  # the key of the one word per task to those whose commands were refused

# What takes a task out of a phase, for `/ao why`.
_WAYS = {
    Phase.WORKING: "It goes on when that run has published, or has ended.",
    Phase.LOST: "The next pass releases it or publishes what the run has left.",
    Phase.PAUSED: "What it says there, or `/ao resume`; a draft must be made ready for review.",
    Phase.NEEDS_HUMAN: "`/ao retry` begins a new round, `/ao budget +1` adds an attempt, and "
    "`/ao take-over` makes it yours.",
    Phase.PUBLISHED: "The next pass opens the pull request.",
    Phase.CONFLICTED: "An agent is sent to merge the base into the branch, one task at a time.",
    Phase.CI_FAILED: "An agent is sent to mend it when there is a free slot.",
    Phase.CI_BLOCKED: "Somebody with write permission approves the workflows.",
    Phase.CI_PENDING: "The checks end, or their time does.",
    Phase.CHANGES_REQUESTED: "An agent is sent to answer when there is a free slot.",
    Phase.READY: "A human merges it.",
    Phase.IN_REVIEW: "A review: an approval lets it be merged, anything else is answered.",
    Phase.QUEUED: "It begins when there is a free slot.",
}


class Order(NamedTuple):
    """A comment, or the body of a review, with commands in it. `number`: where it stands."""

    key: str
    node: str
    number: int
    author: str
    at: datetime
    commands: tuple[Command, ...]


def pending(task: Task) -> tuple[Order, ...]:
    """The orders that are neither obeyed nor refused yet, oldest first."""
    record = task.record
    if record is None:
        return ()
    since = task.issue.labelled_at or record.created_at
    return tuple(
        order
        for order in _unacknowledged(task)
        if order.key not in record.handled and order.at >= since
    )


def obeyed(
    snapshot: Snapshot, policy: Policy
) -> tuple[tuple[actions.Obey | actions.Tell, ...], Snapshot]:
    """What is done about all orders, and the snapshot in which it is done."""
    done: list[actions.Obey | actions.Tell] = []
    for found in tasks(snapshot, policy, live=True):
        task = found
        for order in pending(found):
            transition = _done(task, order, policy)
            if transition is not None:
                done.append(transition)
                book = transitions.apply(snapshot.book, transition, policy)
                snapshot = replace(snapshot, book=book)
                task = replace(task, record=book.tasks[task.issue.number])
    return tuple(done), snapshot


def acknowledgements(task: Task) -> Iterator[actions.React]:
    """Reactions for what was obeyed or refused (for the task as it is after `obeyed`)."""
    record = task.record
    assert record is not None  # noqa: S101 - a live task has one
    refused = {order.key for order in pending(task) if order.author in task.trusted or _bot(order)}
    for order in _unacknowledged(task):
        asked = {command.word for command in order.commands}
        if order.key in record.handled:
            content, because = "+1", "it is done"
            if asked == {"why"}:
                content, because = "eyes", "it is answered"
        elif order.key in refused:
            content, because = "confused", "it may not be, or cannot be, done"
        else:
            continue
        yield actions.React(
            issue=record.issue, key=order.key, node=order.node, content=content, because=because
        )


def _unacknowledged(task: Task) -> Iterator[Order]:
    """Everything with commands in it that is not ours and bears no reaction of ours."""
    record, pull = task.record, task.pull
    assert record is not None  # noqa: S101 - asked for tasks that have one
    handled = frozenset(record.handled)
    found = [
        Order(
            f"command:{said.id}",
            said.node,
            said.number,
            said.author,
            said.edited_at or said.created_at,
            given,
        )
        for said in task.comments
        if not said.reacted
        and (given := commands.parse(said.body))
        and not feedback.is_ours(said, handled)
    ]
    if pull is not None:
        found += [
            Order(
                f"command:review-{review.id}",
                review.node,
                pull.number,
                review.author,
                review.edited_at or review.submitted_at,
                given,
            )
            for review in pull.reviews
            if not review.reacted and (given := commands.parse(review.body))
        ]
    yield from sorted(found, key=lambda order: order.at)


def _done(task: Task, order: Order, policy: Policy) -> actions.Obey | actions.Tell | None:
    """What is done about one order; None: nothing that the ledger keeps."""
    record = task.record
    assert record is not None  # noqa: S101 - a live task has one
    if not _bot(order) and task.trusted.get(order.author) and _can_be(order, policy):
        obey = actions.Obey(
            issue=record.issue,
            key=order.key,
            login=order.author,
            commands=order.commands,
            head=task.pull.head if task.pull else None,
            said=order.at,
            at=task.now,
            replies=(),
            because=f"@{order.author} asked for it",
        )
        return replace(obey, replies=_replies(task, order, obey, policy))
    if _bot(order) or order.author not in task.trusted or HELP in record.handled:
        return None  # bots get no answer, others one
    reply = Reply(thread="", item=HELP, number=order.number, body=_help(order, policy))
    return actions.Tell(
        issue=record.issue, reply=reply, because=f"@{order.author}'s command cannot be obeyed"
    )


def _bot(order: Order) -> bool:
    return order.author.endswith("[bot]")


def _can_be(order: Order, policy: Policy) -> bool:
    return all(
        commands.is_right(command)
        and (command.word != "agent" or command.argument in policy.agents)
        for command in order.commands
    )


def _replies(task: Task, order: Order, obey: actions.Obey, policy: Policy) -> tuple[Reply, ...]:
    """`/ao why` is answered for the task as the other commands of the comment leave it."""
    if not any(command.word == "why" for command in order.commands):
        return ()
    assert task.record is not None  # noqa: S101 - a live task has one
    record = transitions.obeyed(task.record, obey)
    verdict = phase_of(replace(task, record=record), policy)
    return (Reply(thread="", item=order.key, number=order.number, body=why(verdict)),)


def why(verdict: Verdict) -> str:
    over = "It is over; the label, put on again, begins it anew."
    way = verdict.way or _WAYS.get(verdict.phase, over)
    return f"**{verdict.phase}**: {verdict.because}.\n\n{way}"


def _help(order: Order, policy: Policy) -> str:
    agents = ", ".join(f"`{text.line(name, limit=60)}`" for name in policy.agents)
    return (
        f"@{order.author}: that command cannot be obeyed here. Commands are for people with write "
        f"permission, and these are all (agents: {agents}):\n\n{commands.table()}"
    )
