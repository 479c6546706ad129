"""What has to be looked up before a decision, and nothing more.

The sweep is one cheap query; details (who put the label on, what a thread says) are asked for
only where a decision needs them (design 13). `unknowns` names them, `forge.observe` learns
them, until nothing is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ao_actions.core import commands, feedback, looked, orders, selection
from ao_actions.core.heads import has_strange_head
from ao_actions.core.model import Phase
from ao_actions.core.observed import Snapshot, Task
from ao_actions.core.phase import Verdict, waits_for_look
from ao_actions.core.policy import Policy
from ao_actions.core.tasks import verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """What must be looked up before a decision: issue facts, threads, red checks,
    logins, artifacts.

    With an issue's facts goes its finished record, if it has one (`Book.finished`).
    """

    issues: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()  # issue numbers of tasks whose pull has open threads
    red: tuple[int, ...] = ()  # and of those with red checks that nobody works on
    commits: tuple[int, ...] = ()  # issue numbers of tasks with somebody else's commit
    logins: tuple[str, ...] = ()
    handoffs: tuple[int, ...] = ()  # run ids
    files: tuple[int, ...] = ()  # issue numbers of tasks whose pull request may be in the way

    def __bool__(self) -> bool:
        return any(
            (
                self.issues,
                self.threads,
                self.red,
                self.commits,
                self.logins,
                self.handoffs,
                self.files,
            )
        )


def unknowns(snapshot: Snapshot, policy: Policy) -> Unknowns:
    """What to look up next; empty when `decide` has all it needs."""
    _, snapshot = orders.obeyed(snapshot, policy)
    judged = verdicts(snapshot, policy)
    live = [(task, verdict) for task, verdict in judged if task.record is not None]
    issues, chosen = _candidates(judged, snapshot, policy)
    return Unknowns(
        issues=issues,
        threads=tuple(
            task.issue.number
            for task, _ in live
            if task.pull and task.pull.threads is None and _reads_threads(task)
        ),
        red=tuple(task.issue.number for task, _ in live if waits_for_look(task, policy)),
        commits=tuple(
            task.issue.number
            for task, _ in live
            if task.pull and task.pull.recent is None and has_strange_head(task)
        ),
        logins=tuple(sorted(_unknown_logins(live, snapshot))),
        handoffs=tuple(
            task.run.id
            for task, verdict in live
            if verdict.phase is Phase.LOST and task.run and task.run.handoff is None
        ),
        files=tuple(
            task.issue.number
            for task, _ in live
            if any(map(selection.needs_files, chosen))
            and task.issue.number not in snapshot.files
            and task.pull
            and task.pull.state == "OPEN"
        ),
    )


def _reads_threads(task: Task) -> bool:
    return bool(task.pull and (task.pull.open_threads or (task.record and task.record.owed)))


def _unknown_logins(live: list[tuple[Task, Verdict]], snapshot: Snapshot) -> Iterator[str]:
    found: set[str] = set()
    for task, _ in live:
        found |= {order.author for order in orders.pending(task)} | looked.logins(task)
        pull = task.pull
        if pull is None or pull.state != "OPEN":
            continue
        handled = frozenset(task.record.handled if task.record else ())
        found |= {
            review.author
            for review in pull.reviews
            if review.state != "APPROVED" and feedback.review_key(review) not in handled
        }
        found |= {
            comment.author
            for comment in task.comments
            if comment.number == pull.number
            and feedback.comment_key(comment) not in handled
            and not feedback.is_ours(comment, handled)
            and commands.remains(comment.body)
        }
        for thread in pull.threads or ():
            if not thread.resolved:
                found |= {c.author for c in thread.comments if not feedback.is_ours(c, handled)}
    people = {login for login in found if not login.endswith("[bot]")}
    yield from people - set(snapshot.trusted)


def _candidates(
    judged: tuple[tuple[Task, Verdict], ...], snapshot: Snapshot, policy: Policy
) -> tuple[tuple[int, ...], tuple[Task, ...]]:
    """The queued issues whose facts decide the free slots, no more than are needed; and the
    tasks that get a slot as things are known."""
    free = policy.max_parallel - _claims_after(judged, snapshot)
    queue = sorted(
        (pair for pair in judged if pair[1].phase in selection.CLAIMABLE),
        key=lambda pair: selection.order(pair[0], policy),
    )
    wanted: list[int] = []
    chosen: list[Task] = []
    for task, verdict in queue:
        if free <= 0:
            break
        if selection.needs_facts(task, verdict):
            wanted.append(task.issue.number)
            free -= 1
        elif selection.hold(task, verdict, snapshot, policy) is None:
            chosen.append(task)
            free -= 1
    return tuple(wanted), tuple(chosen)


def _claims_after(judged: tuple[tuple[Task, Verdict], ...], snapshot: Snapshot) -> int:
    """Live claims once the lost, the ended and the stuck ones are released."""
    over = (Phase.LOST, Phase.DONE, Phase.WITHDRAWN, Phase.NEEDS_HUMAN)
    ending = sum(
        verdict.phase in over and task.record is not None and task.record.claim is not None
        for task, verdict in judged
    )
    return snapshot.book.live_claims() - ending
