"""The decision: one pure function from what is seen to what is to be done.

`decide` plans ledger transitions, applies them to its own copy of the book, and plans the
effects for the book as it will be once they are pushed; so a plan is complete and its dry
run prints exactly what the real run does. The same snapshot gives the same plan, whatever
event woke the pass (design 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ao_actions.core import (
    actions,
    budget,
    checks,
    feedback,
    orders,
    pauses,
    projection,
    selection,
    transitions,
)
from ao_actions.core.model import Outcome, Phase, Reply, TaskRecord
from ao_actions.core.observed import Comment, Pull, ReviewComment, Run, Snapshot, Task
from ao_actions.core.phase import Verdict, out_of_budget, restarted, waits_for_agent
from ao_actions.core.policy import Policy
from ao_actions.core.runs import run_of
from ao_actions.core.tasks import tasks, verdicts

Judged = tuple[tuple[Task, Verdict], ...]  # the tasks with their phases

MAX_RERUNS = 2
_OVER = (Phase.DONE, Phase.WITHDRAWN)

# ---- the plan ------------------------------------------------------------------------------


def decide(snapshot: Snapshot, policy: Policy) -> tuple[actions.Action, ...]:
    """The plan, in the order in which it is to be performed.

    First the last words on tasks that end (a crash later must not lose them), then the
    ledger transitions (one push), then the effects that follow from them. Who ended a task is
    thanked after the push: before it, a word that bears our reaction would pass for obeyed.
    """
    farewells: list[actions.Effect] = []
    thanks: list[actions.Effect] = []
    planned: list[actions.Transition] = []
    told, after = orders.obeyed(snapshot, policy)
    planned += told
    judged, seen = verdicts(after, policy), after
    for task, verdict in judged:
        if task.record is None:
            continue
        if verdict.phase in _OVER:
            farewells += _farewell(task, verdict, after, policy)
            thanks += orders.acknowledgements(task)
        for transition in _settle(task, verdict, policy):
            planned.append(transition)
            after = _apply(after, transition, policy)
    judged, seen = _again(judged, seen, after, policy)
    for claim in _claims(judged, after, policy):
        planned.append(claim)
        after = _apply(after, claim, policy)
    judged, seen = _again(judged, seen, after, policy)
    for account in _accounts(judged, policy):
        planned.append(account)
        after = _apply(after, account, policy)
    if planned:
        for note in _notes(after, policy):
            planned.append(note)
            after = _apply(after, note, policy)
    judged, _ = _again(judged, seen, after, policy)
    return (*farewells, *planned, *thanks, *_effects(judged, snapshot, after, policy))


def _again(
    judged: Judged, seen: Snapshot, after: Snapshot, policy: Policy
) -> tuple[Judged, Snapshot]:
    """The tasks with their phases as they are now, judged again only if something was done."""
    return (judged if seen is after else verdicts(after, policy)), after


def _apply(snapshot: Snapshot, transition: actions.Transition, policy: Policy) -> Snapshot:
    return replace(snapshot, book=transitions.apply(snapshot.book, transition, policy))


def _farewell(
    task: Task, verdict: Verdict, snapshot: Snapshot, policy: Policy
) -> Iterator[actions.Effect]:
    if task.record and task.record.claim and task.run and task.run.status != "completed":
        yield actions.Cancel(issue=task.issue.number, run_id=task.run.id, because=verdict.because)
    yield from projection.project(task, verdict, snapshot, policy)


def _settle(task: Task, verdict: Verdict, policy: Policy) -> Iterator[actions.Transition]:
    """Transitions that follow from the task's phase alone."""
    record = task.record
    assert record is not None  # noqa: S101 - a live task has one
    number = record.issue
    if verdict.phase in _OVER:
        yield actions.Finish(
            issue=number,
            phase=verdict.phase,
            pull=task.pull.number if task.pull else None,
            at=task.now,
            because=verdict.because,
        )
    elif verdict.phase is Phase.LOST:
        yield _salvage_or_release(task, record, verdict)
    elif verdict.phase is Phase.NEEDS_HUMAN and record.claim is not None and task.run:
        yield actions.Escalate(
            issue=number,
            at=task.now,
            ask="Look at the run: cancel it or give it a runner.",
            url=task.run.url,
            because=verdict.because,
        )
    elif verdict.phase is Phase.CI_PENDING and task.pull:
        yield from _check_reruns(task, task.pull, policy)


def _check_reruns(task: Task, pull: Pull, policy: Policy) -> Iterator[actions.CountCheckRerun]:
    for run_id, names in checks.to_rerun(task, policy).items():
        yield actions.CountCheckRerun(
            issue=task.issue.number,
            head=pull.head,
            run_id=run_id,
            checks=names,
            at=task.now,
            because="once per head it may be run again, which is cheaper than an attempt",
        )


def _salvage_or_release(
    task: Task, record: TaskRecord, verdict: Verdict
) -> actions.CountRerun | actions.Escalate | actions.Release:
    """The agent's work is salvaged, not paid twice: publish is re-run, at most twice."""
    claim, run = record.claim, task.run
    assert claim is not None  # noqa: S101 - a lost task has a claim
    if run is not None and run.handoff:
        if claim.reruns < MAX_RERUNS:
            return actions.CountRerun(
                issue=record.issue,
                epoch=record.epoch,
                because=f"run {run.id} packed a hand-off that was not published",
            )
        return actions.Escalate(
            issue=record.issue,
            at=task.now,
            ask="The agent's work is in the run's artifact.",
            url=run.url,
            because=f"the hand-off of run {run.id} could not be published",
        )
    return actions.Release(
        issue=record.issue,
        epoch=record.epoch,
        outcome=Outcome.LOST,
        at=task.now,
        because=verdict.because,
    )


def _claims(judged: Judged, snapshot: Snapshot, policy: Policy) -> Iterator[actions.Claim]:
    """Claims for the free slots, best task first."""
    free = policy.max_parallel - snapshot.book.live_claims()
    if free <= 0:
        return
    queue = sorted(
        (pair for pair in judged if pair[1].phase in selection.CLAIMABLE),
        key=lambda pair: selection.order(pair[0], policy),
    )
    for task, verdict in queue:
        if selection.hold(task, verdict, snapshot, policy) is not None:
            continue
        turn = pauses.turn(task.record, snapshot.book.fleet, policy, snapshot.now)
        if turn.at > snapshot.now:  # the claims before this one have taken its place
            continue
        if budget.day_opens(snapshot.book.fleet, policy, snapshot.now) is not None:
            return  # they have reserved what was left of the day's money
        claim = _claim(task, verdict, turn.agent, snapshot, policy)
        yield claim
        snapshot = _apply(snapshot, claim, policy)
        free -= 1
        if free == 0:
            return


def _claim(
    task: Task, verdict: Verdict, agent: str, snapshot: Snapshot, policy: Policy
) -> actions.Claim:
    number = task.issue.number
    old = task.record or snapshot.book.finished.get(number)
    again = restarted(old, replace(task, record=old))
    round_, fresh = selection.next_round(replace(task, record=old), restarted=again)
    branch = (
        transitions.branch_name(policy.branch_prefix, number, round_)
        if fresh or old is None
        else old.branch
    )
    return actions.Claim(
        issue=number,
        epoch=snapshot.book.fleet.epoch + 1,
        reason=verdict.phase,
        agent=agent,
        branch=branch,
        head="" if fresh else _head(task),
        base=task.pull.base if task.pull else snapshot.default_branch,
        owner=selection.owner(task, snapshot),
        round=round_,
        items=feedback.items_for(task, verdict.phase),
        failures=checks.for_agent(task, policy) if verdict.phase is Phase.CI_FAILED else (),
        at=snapshot.now,
        expires_at=snapshot.now + policy.attempt_limit * 2,
        usd=budget.attempt_usd(policy),
        because=_why(verdict, selection.overlaps(task, snapshot)),
    )


def _why(verdict: Verdict, although: str | None) -> str:
    return f"{verdict.because}, although {although}" if although else verdict.because


def _head(task: Task) -> str:
    """The commit to build on: never "" while a pull request is open, for that would let a
    branch that was just deleted come back."""
    return task.branch_head or (task.pull.head if task.pull else "")


def _accounts(judged: Judged, policy: Policy) -> Iterator[actions.Tell]:
    """One for each budget that is spent, when it is."""
    for task, verdict in judged:
        if verdict.phase is not Phase.NEEDS_HUMAN:
            continue
        record, spent = task.record, out_of_budget(task, policy)
        if record is None or spent is None:
            continue
        reply = projection.account(task, record, spent)
        if reply.item not in record.handled:
            yield actions.Tell(issue=record.issue, reply=reply, because=spent)


def _notes(snapshot: Snapshot, policy: Policy) -> Iterator[actions.Note]:
    for task in tasks(snapshot, policy, live=True):
        record = task.record
        assert record is not None  # noqa: S101 - a live task has one
        run_id = task.run.id if task.run and record.claim else None
        pull = task.pull.number if task.pull else None
        comment = snapshot.status_comments.get(record.issue)
        fresh = {
            agent: comment_id
            for agent, comment_id in snapshot.notices.items()
            if (pause := snapshot.book.fleet.paused.get(agent))
            and pause.issue == record.issue
            and pause.notice != comment_id
        }
        note = actions.Note(
            issue=record.issue,
            run_id=run_id if record.claim and record.claim.run_id != run_id else None,
            pull=pull if pull != record.pull else None,
            status_comment=comment.id if comment and comment.id != record.status_comment else None,
            settled=_answered(task, record),
            notices=fresh,
            because="the ledger is being written anyway",
        )
        if note.run_id or note.pull or note.status_comment or note.settled or note.notices:
            yield note


def _answered(task: Task, record: TaskRecord) -> tuple[str, ...]:
    """Items of the replies owed that stand where they belong already."""
    threads = {thread.id: thread for thread in (task.pull.threads if task.pull else None) or ()}
    said: list[str] = []
    for reply in record.owed:
        place = threads.get(reply.thread)
        there: Iterable[ReviewComment | Comment] = place.comments if place else ()
        if not reply.thread:
            there = (comment for comment in task.comments if comment.number == reply.number)
        if any(feedback.is_ours(comment, frozenset({reply.item})) for comment in there):
            said.append(reply.item)
    return tuple(said)


# ---- effects -------------------------------------------------------------------------------


def _effects(
    judged: Judged, before: Snapshot, after: Snapshot, policy: Policy
) -> Iterator[actions.Effect]:
    for task, verdict in judged:
        record = task.record
        if record is None:
            continue
        old = before.book.tasks.get(record.issue)
        run = run_of(before.runs or (), old) if old else None
        yield from _run_effects(task, record, old, run, policy)
        yield from _rerun_effects(record, old)
        if record.attempts and task.now - record.attempts[-1].ended_at >= policy.publish_grace:
            yield from _opening(record, verdict, after.default_branch, policy)
        yield from _replying(task, record, policy)
        yield from orders.acknowledgements(task)
        yield from projection.project(task, verdict, after, policy)
    yield from _notices(after, policy)


def _notices(snapshot: Snapshot, policy: Policy) -> Iterator[actions.Notice]:
    """One word per pause, on the task that met the limit first."""
    for agent, pause in sorted(snapshot.book.fleet.paused.items()):
        record = snapshot.book.tasks.get(pause.issue or 0)
        told = pause.notice is not None or agent in snapshot.notices
        if told or record is None or pause.until <= snapshot.now:
            continue
        waiting = sum(
            waits_for_agent(task, policy) and task.turn is not None and task.turn.agent == agent
            for task in tasks(snapshot, policy)
        )
        yield actions.Notice(
            issue=record.issue,
            agent=agent,
            mark=projection.notice_mark(agent, pause),
            body=projection.notice_body(agent, pause, record.owner, waiting),
            because=f"its model's limit lasts until {pause.until:%Y-%m-%d %H:%M} UTC",
        )


def _run_effects(
    task: Task, record: TaskRecord, old: TaskRecord | None, run: Run | None, policy: Policy
) -> Iterator[actions.Effect]:
    """What the claim's run needs: a start, one more try at publishing, an end."""
    claim = record.claim
    if claim is None:
        if record.stop is not None and run is not None and run.status != "completed":
            # it waited too long for a runner: it must not wake up later
            yield actions.Cancel(issue=record.issue, run_id=run.id, because=record.stop.reason)
    elif old and old.claim and run and claim.reruns > old.claim.reruns:
        yield actions.Rerun(
            issue=record.issue,
            run_id=run.id,
            because=f"publish once more ({claim.reruns} of {MAX_RERUNS})",
        )
    elif _undispatched(task, record, old, policy):
        yield actions.Dispatch(
            issue=record.issue,
            epoch=record.epoch,
            reason=claim.reason,
            because="claimed" if _fresh(record, old) else "its run has not appeared",
        )


def _rerun_effects(record: TaskRecord, old: TaskRecord | None) -> Iterator[actions.Rerun]:
    """The re-runs of checks that this plan has counted."""
    for rerun in record.reruns:
        if old is not None and rerun not in old.reruns:
            yield actions.Rerun(
                issue=record.issue,
                run_id=rerun.run_id,
                head=rerun.head,
                because=f"checks of {rerun.head[:7]} once more ({rerun.asked} of {checks.ASKED})",
            )


def _fresh(record: TaskRecord, old: TaskRecord | None) -> bool:
    return old is None or old.claim is None or old.epoch != record.epoch


def _undispatched(task: Task, record: TaskRecord, old: TaskRecord | None, policy: Policy) -> bool:
    """Claimed just now, or long enough ago for a lost dispatch to be certain enough.

    A second dispatch does no harm: of two runs with one name only the lower id works. A run
    that was seen and is gone was deleted: it may have spent what is reserved, so none is started
    in its place.
    """
    claim = record.claim
    if claim is None or claim.run_id is not None or task.run is not None:
        return False
    if _fresh(record, old):
        return True
    return task.runs_known and task.now - claim.claimed_at > policy.start_grace


def _opening(
    record: TaskRecord, verdict: Verdict, default_branch: str, policy: Policy
) -> Iterator[actions.OpenPull]:
    """What the publish job does early and, should it die, a later pass completes."""
    if verdict.phase is Phase.PUBLISHED:
        yield actions.OpenPull(
            issue=record.issue,
            branch=record.branch,
            base=default_branch,
            head=record.delivered[0],
            earlier=transitions.earlier_branches(record, policy.branch_prefix),
            because=verdict.because,
        )


def _replying(task: Task, record: TaskRecord, policy: Policy) -> Iterator[actions.Answer]:
    """The replies that are owed. Those of an attempt its publish job posts early."""
    answered = _answered(task, record)
    for reply in record.owed:
        if reply.item in answered or not _may_be_said(reply, task, record, policy):
            continue
        yield actions.Answer(
            issue=record.issue,
            number=reply.number or (task.pull.number if task.pull else record.issue),
            reply=reply,
            because="it is owed",
        )


def _may_be_said(reply: Reply, task: Task, record: TaskRecord, policy: Policy) -> bool:
    """Whether its place is known, and nobody else is about to post it."""
    published = reply.item.startswith(("thread:", "review:", "comment:"))
    last = record.attempts[-1].ended_at if record.attempts else record.created_at
    if published and task.now - last < policy.publish_grace:
        return False
    if not reply.thread:
        return True
    return any(thread.id == reply.thread for thread in (task.pull and task.pull.threads) or ())
