"""How each transition changes the ledger: the only code that makes a new `Book` from an old.

A transition that no longer fits (the task has another epoch, the cap is reached) raises
`Misfit`; the caller then reads the ledger anew and decides again. Invariants I1, I2 and I5
of the design are kept here, at every commit, whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ao_actions.core import actions, budget, commands, pauses
from ao_actions.core.model import (
    Attempt,
    Book,
    CheckRerun,
    Claim,
    Limit,
    Outcome,
    Reply,
    Spent,
    Stop,
    TaskRecord,
    Word,
)
from ao_actions.core.policy import Policy


class Misfit(Exception):  # noqa: N818 - not an error: the world moved on
    """The ledger has moved; what was planned for the old one does not fit the new one."""


def apply_all(book: Book, transitions: Iterable[actions.Transition], policy: Policy) -> Book:
    for transition in transitions:
        book = apply(book, transition, policy)
    return book


def apply(  # noqa: PLR0911 - one line per kind of transition
    book: Book, transition: actions.Transition, policy: Policy
) -> Book:
    """The book after one transition.

    :raises Misfit: the transition was decided for another state of the ledger
    """
    match transition:
        case actions.Claim():
            return _claim(book, transition, policy)
        case actions.Release():
            record = _claimed(book, transition.issue, transition.epoch)
            return book.put(
                end_claim(
                    record,
                    outcome=transition.outcome,
                    detail=transition.because,
                    at=transition.at,
                )
            )
        case actions.CountRerun():
            record = _claimed(book, transition.issue, transition.epoch)
            assert record.claim is not None  # noqa: S101 - _claimed says so
            claim = replace(record.claim, reruns=record.claim.reruns + 1)
            return book.put(replace(record, claim=claim))
        case actions.CountCheckRerun():
            return book.put(_rerun(_task(book, transition.issue), transition))
        case actions.Escalate():
            return book.put(_escalated(_task(book, transition.issue), transition))
        case actions.Finish():
            return _finish(book, transition)
        case actions.Note():
            return _noted(book, transition)
        case actions.Obey():
            return book.put(obeyed(_task(book, transition.issue), transition))
        case actions.Tell():
            return book.put(_owing(_task(book, transition.issue), transition.reply))
        case _:
            assert_never(transition)


def end_claim(
    record: TaskRecord,
    *,
    outcome: Outcome,
    detail: str,
    at: datetime,
    head: str | None = None,
    spent: Spent | None = None,
    limit: Limit | None = None,
    session: str | None = None,
) -> TaskRecord:
    """The record with its claim turned into an attempt.

    Without a measured cost (`spent`) the attempt keeps what was reserved for it, so a lost
    run can never make a budget look unspent (design 3, I5).
    """
    claim = record.claim
    assert claim is not None  # noqa: S101 - callers checked it
    cost = claim.reserved if spent is None else spent
    attempt = Attempt(
        epoch=record.epoch,
        round=record.round,
        reason=claim.reason,
        agent=claim.agent,
        outcome=outcome,
        detail=detail,
        head=head,
        run_id=claim.run_id,
        started_at=claim.claimed_at,
        ended_at=at,
        spent=cost,
        limit=limit,
        session=session,
        failures=claim.failures,
    )
    return replace(
        record,
        claim=None,
        attempts=(*record.attempts, attempt),
        spent=record.spent + cost,
    )


def publish(
    record: TaskRecord,
    *,
    outcome: Outcome,
    detail: str,
    at: datetime,
    spent: Spent | None,
    head: str | None,
    replies: tuple[Reply, ...],
    stop: Stop | None = None,
    limit: Limit | None = None,
    session: str | None = None,
    skipped: tuple[str, ...] = (),
) -> TaskRecord:
    """The record after its run has published (or says why it did not). What the attempt means
    for the fleet, `pauses.ended` and `budget.settled` say. `skipped` are items of the claim that
    it did not look at."""
    claim = record.claim
    assert claim is not None  # noqa: S101 - publish checked that it is current
    answered = outcome in (Outcome.CHANGES, Outcome.NO_CHANGE)
    ended = end_claim(
        record,
        outcome=outcome,
        detail=detail,
        at=at,
        head=head,
        spent=spent,
        limit=limit,
        session=session,
    )
    limited = outcome is Outcome.LIMITED
    seen = (item for item in claim.items if item not in skipped)
    return replace(
        ended,
        handled=(*ended.handled, *seen) if answered else ended.handled,
        published=(*ended.published, head) if head else ended.published,
        wip=(*ended.wip, head) if head and limited else ended.wip,
        owed=(*ended.owed, *replies),
        stop=stop,
    )


def _claim(book: Book, claim: actions.Claim, policy: Policy) -> Book:
    epoch = book.fleet.epoch + 1
    if claim.epoch != epoch:
        raise Misfit(f"epoch {claim.epoch} was planned, the counter gives {epoch}")
    if book.live_claims() >= policy.max_parallel:
        raise Misfit(f"max_parallel {policy.max_parallel} is reached")
    record = book.tasks.get(claim.issue) or _returning(book, claim)
    if record.claim is not None:
        raise Misfit(f"task {claim.issue} is claimed already")
    if not pauses.is_open(book.fleet, claim.agent, claim.at):
        raise Misfit(f"{claim.agent} is paused")
    counted = replace(record, round=claim.round)
    over = budget.exhausted(counted, policy, claim.reason)
    over = over or budget.repeated(counted, claim.failures, policy)
    if over is not None:
        raise Misfit(f"task {claim.issue}: {over}")
    if budget.day_opens(book.fleet, policy, claim.at) is not None:
        raise Misfit("the day's money is spent")
    claimed = replace(
        record,
        epoch=epoch,
        owner=claim.owner,
        branch=claim.branch,
        round=claim.round,
        stop=None,
        claim=Claim(
            reason=claim.reason,
            agent=claim.agent,
            claimed_at=claim.at,
            expires_at=claim.expires_at,
            head=claim.head,
            base=claim.base,
            items=claim.items,
            failures=claim.failures,
            reserved=Spent(usd=claim.usd),
        ),
    )
    fleet = replace(pauses.claimed(book.fleet, claim.agent, claim.at), epoch=epoch)
    fleet = budget.reserved(fleet, claim.usd, claim.at)
    return replace(book.put(claimed), fleet=fleet)


def _returning(book: Book, claim: actions.Claim) -> TaskRecord:
    """A new task's record, or the finished one of an issue that came back (design 3)."""
    old = book.finished.get(claim.issue)
    if old is None:
        return TaskRecord(
            issue=claim.issue, branch=claim.branch, owner=claim.owner, created_at=claim.at
        )
    return replace(
        old,
        pull=None,
        published=(),
        wip=(),
        reruns=(),
        owed=(),
        stop=None,
        held=None,
        ended=None,
        finished=None,
        finished_at=None,
    )


def _rerun(record: TaskRecord, count: actions.CountCheckRerun) -> TaskRecord:
    """What is known of other heads goes: nobody asks for it again."""
    if record.claim is not None:
        raise Misfit(f"task {record.issue} is claimed: its head is about to move")
    here = [rerun for rerun in record.reruns if rerun.head == count.head]
    asked = 1 + sum(rerun.asked for rerun in here if rerun.run_id == count.run_id)
    others = (rerun for rerun in here if rerun.run_id != count.run_id)
    new = CheckRerun(
        head=count.head, run_id=count.run_id, checks=count.checks, asked=asked, at=count.at
    )
    return replace(record, reruns=(*others, new))


def _escalated(record: TaskRecord, escalate: actions.Escalate) -> TaskRecord:
    if record.claim is not None:
        record = end_claim(record, outcome=Outcome.LOST, detail=escalate.because, at=escalate.at)
    stop = Stop(reason=escalate.because, ask=escalate.ask, at=escalate.at, url=escalate.url)
    return replace(record, stop=stop)


def _finish(book: Book, finish: actions.Finish) -> Book:
    record = _task(book, finish.issue)
    if record.claim is not None:
        record = end_claim(record, outcome=Outcome.WITHDRAWN, detail=finish.because, at=finish.at)
    record = replace(
        record,
        pull=finish.pull or record.pull,
        finished=finish.phase,
        finished_at=finish.at,
    )
    tasks = {number: task for number, task in book.tasks.items() if number != finish.issue}
    return replace(book, tasks=tasks, finished={**book.finished, finish.issue: record})


def _noted(book: Book, note: actions.Note) -> Book:
    record = _task(book, note.issue)
    if note.run_id is not None and record.claim is not None:
        record = replace(record, claim=replace(record.claim, run_id=note.run_id))
    record = replace(
        record,
        pull=note.pull or record.pull,
        status_comment=note.status_comment or record.status_comment,
        owed=tuple(reply for reply in record.owed if reply.item not in note.settled),
    )
    paused = {
        name: replace(pause, notice=note.notices.get(name, pause.notice))
        for name, pause in book.fleet.paused.items()
    }
    return replace(book.put(record), fleet=replace(book.fleet, paused=paused))


def obeyed(record: TaskRecord, obey: actions.Obey) -> TaskRecord:
    """The record after somebody's commands, and with the answers that they get owed."""
    for command in obey.commands:
        said = Word(login=obey.login, word=command.word, at=obey.at, comment=obey.key)
        match command.word:
            case "stop" | "take-over":
                record = replace(record, ended=said)
            case "pause":
                record = replace(record, held=said)
            case "resume":
                record = replace(record, held=None, resumed=obey.head)
            case "retry":
                record = replace(record, held=None, resumed=obey.head)
                if obey.said >= _began(record):  # else what it asks for has been done since
                    record = replace(record, retried_at=obey.at)
            case "agent":
                record = replace(record, agent=command.argument)
            case "budget":
                record = _with_more(record, command.argument)
            case _:  # `why` changes nothing
                pass
    record = replace(record, handled=(*record.handled, obey.key))
    return replace(record, owed=(*record.owed, *obey.replies))


def _began(record: TaskRecord) -> datetime:
    """When the newest attempt began; the task itself where there was none."""
    if record.claim is not None:
        return record.claim.claimed_at
    return record.attempts[-1].started_at if record.attempts else record.created_at


def _with_more(record: TaskRecord, argument: str) -> TaskRecord:
    attempts, usd = commands.added(argument) or (0, 0.0)
    return replace(
        record,
        extra_attempts=record.extra_attempts + attempts,
        extra_usd=round(record.extra_usd + usd, 6),
    )


def _owing(record: TaskRecord, reply: Reply) -> TaskRecord:
    if reply.item in record.handled:
        raise Misfit(f"task {record.issue}: {reply.item} was said already")
    handled = (*record.handled, reply.item)
    return replace(record, handled=handled, owed=(*record.owed, reply))


def _task(book: Book, issue: int) -> TaskRecord:
    try:
        return book.tasks[issue]
    except KeyError:
        raise Misfit(f"task {issue} is not live any more") from None


def _claimed(book: Book, issue: int, epoch: int) -> TaskRecord:
    record = _task(book, issue)
    if record.claim is None or record.epoch != epoch:
        raise Misfit(f"task {issue} has no claim of epoch {epoch}")
    return record


def is_current(book: Book, issue: int, epoch: int, run_id: int) -> bool:
    """Whether this run holds this task's claim: the fence (design 3).

    A claim whose run is not written down yet is held by whoever bears its epoch; that only
    one run does is the lowest-id rule, checked where the runs are known (`work`, `publish`).
    """
    record = book.tasks.get(issue)
    if record is None or record.claim is None or record.epoch != epoch:
        return False
    return record.claim.run_id in (None, run_id)


def needs_round(record: TaskRecord | None, *, returning: bool, restarted: bool) -> int:
    """The round of a new claim: a human's word starts a new one, with fresh attempts."""
    if record is None:
        return 1
    return record.round + 1 if returning or restarted else record.round


def branch_name(prefix: str, issue: int, round_: int) -> str:
    """`ao/42`, and `ao/42-2` for an issue that came back after its pull request ended."""
    return f"{prefix}{issue}" if round_ == 1 else f"{prefix}{issue}-{round_}"


def earlier_branches(record: TaskRecord, prefix: str) -> tuple[str, ...]:
    """The names under which rounds before may have pushed, but for the branch of now."""
    names = (branch_name(prefix, record.issue, number) for number in range(1, record.round))
    return tuple(name for name in names if name != record.branch)
