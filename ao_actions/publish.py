"""The `publish` job: an attempt's hand-off becomes a commit, a pull request and a record.

It runs no code of the agent's. Task and epoch come from the dispatch, everything else from
the ledger; the hand-off is tainted. Branch and ledger move in one atomic push, each leased on
the commit that was read; what follows it (the pull request, the replies) any later pass can
complete (design 3, 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ao_actions.config import Config
from ao_actions.core import actions, budget, pauses, text, transitions
from ao_actions.core.model import Book, Claim, Limit, Outcome, Reply, Spent, Stop, TaskRecord
from ao_actions.errors import AoError, LedgerError
from ao_actions.forge import act, observe
from ao_actions.forge.client import TIMEOUT, Client
from ao_actions.forge.observe import RECONCILE_WORKFLOW
from ao_actions.git import Git
from ao_actions.ledger import TRIES, Ledger, PushRefusedError
from ao_actions.runtime import Job
from ao_actions.work import (
    credentials,
    handoff,
    inspection,
    message,
    packed,
    reading,
    replies,
    session,
)
from ao_actions.work.handoff import Handoff, TaintedError
from ao_actions.work.inspection import Accepted
from ao_actions.work.replies import Made


class Inspector(Protocol):
    """From a bundle to a commit of ours: `work.inspection`, or in simulations a model of it."""

    def inspect(
        self, git: Git, bundle: Path, claim: Claim, config: Config, allowed: Callable[[], bool]
    ) -> Accepted: ...

    def unchanged(self, git: Git, claim: Claim) -> Accepted: ...

    def remake(self, git: Git, accepted: Accepted, message: str, *, at: datetime) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What `publish` needs. `pusher` holds the token that pushes and opens pull requests;
    `folder` the hand-off, where it is not to be taken from the run."""

    client: Client
    pusher: Client
    ledger: Ledger
    git: Git
    config: Config
    job: Job
    say: Callable[[str], None]
    folder: Path | None = None
    inspector: Inspector = inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the attempt came to, as it will be written down. `commit`: to be pushed. Of a limited
    attempt that is the work so far, for the branch alone: no pull request shows it."""

    outcome: Outcome
    detail: str = ""
    commit: str | None = None
    spent: Spent | None = None
    replies: tuple[Reply, ...] = ()
    skipped: tuple[str, ...] = ()
    stop: Stop | None = None
    limit: Limit | None = None
    session: str | None = None

    @property
    def unfinished(self) -> bool:
        return self.commit is not None and self.outcome is Outcome.LIMITED


def publish(work: Publication, issue: int, epoch: int) -> Outcome:
    """Publish one attempt; its outcome is in the ledger when this returns.

    :raises AoError: GitHub or git failed; the claim stands and the job may be run again
    """
    record = work.ledger.read().book.tasks.get(issue)
    refusal = session.not_current(
        work.client, record, issue=issue, epoch=epoch, run_id=work.job.run_id
    )
    if refusal is not None or record is None or record.claim is None:
        work.say(f"superseded: {refusal}")
        return Outcome.SUPERSEDED
    base = record.claim.base
    verdict = _judge(work, record, record.claim)
    verdict = _look_again(work, record, verdict)
    written = _transact(work, record, verdict)
    if written is None:
        work.say("superseded: the claim was released meanwhile")
        return Outcome.SUPERSEDED
    record, verdict = written
    work.say(f"{verdict.outcome}: {verdict.detail or 'published'}")
    _follow_up(work, record, base, verdict)
    return verdict.outcome


@contextmanager
def waking(client: Client, warn: Callable[[str], None]) -> Iterator[None]:
    """Start a pass afterwards, whatever happens, that sees what has happened.

    :raises AoError: the first thing that failed; that no pass could be started besides is for
        `warn` then
    """
    try:
        yield
    except BaseException:
        try:
            _wake(client)
        except AoError as error:
            warn(f"no pass was started, a later one will see it: {error}")
        raise
    _wake(client)


def _wake(client: Client) -> None:
    branch = client.settle()["default_branch"]
    act.dispatch_workflow(client, RECONCILE_WORKFLOW, branch, {})


# ---- judging the hand-off ------------------------------------------------------------------


def _judge(work: Publication, record: TaskRecord, claim: Claim) -> Verdict:
    """From tainted hand-off to verdict; a refusal is a normal outcome."""
    try:
        with TemporaryDirectory(prefix="ao-handoff-") as empty:
            folder = work.folder or Path(empty)
            if work.folder is None:
                packed.take(work.client, work.job.run_id, record.issue, record.epoch, folder)
            given = handoff.read(folder)
            if given is None:
                return Verdict(outcome=Outcome.AGENT_ERROR, detail="the agent job left no hand-off")
            return _accept(work, record, claim, _masked(given), folder)
    except TaintedError as error:
        return _refused(work, str(error))


def _masked(given: Handoff) -> Handoff:
    """The agent's words without the keys and tokens that they may hold."""

    def masked(words: str) -> str:
        return credentials.masked(text.visible(words))

    return replace(
        given,
        detail=masked(given.detail),
        message=masked(given.message),
        replies=tuple(replace(reply, body=masked(reply.body)) for reply in given.replies),
    )


def _inspect(work: Publication, record: TaskRecord, claim: Claim, bundle: Path) -> Accepted:
    allow = work.config.labels.allow
    allowed = partial(observe.has_trusted_label, work.client, record.issue, allow)
    return work.inspector.inspect(work.git, bundle, claim, work.config, allowed)


def _accept(
    work: Publication, record: TaskRecord, claim: Claim, given: Handoff, folder: Path
) -> Verdict:
    verdict = Verdict(
        outcome=given.outcome,
        detail=text.line(given.detail, limit=300),
        spent=given.spent,  # the agent's job says so; the meter's figure comes with the meter
        session=given.session,
        skipped=tuple(
            key for name, key in reading.names(claim.items).items() if name in given.skipped
        ),
    )
    if given.outcome is Outcome.LIMITED:
        now = work.client.now()
        limit = pauses.limit(given.until, proven=given.proven, now=now)
        return _with_work_so_far(work, record, claim, folder, replace(verdict, limit=limit))
    told = (work.client, work.config, record, claim, given)
    if given.outcome is Outcome.NO_CHANGE and _completes(record, claim, given):
        accepted = work.inspector.unchanged(work.git, claim)
        commit = _committed(work, accepted, message.finished(*told))
        detail = "the work so far was complete"
        return replace(verdict, outcome=Outcome.CHANGES, detail=detail, commit=commit)
    if given.outcome is Outcome.NO_CHANGE:
        return replace(verdict, replies=replies.owed(work.client, record, claim, given, None))
    if given.outcome is not Outcome.CHANGES:
        return verdict
    bundle = handoff.bundle(folder)
    if bundle is None:
        raise TaintedError("the outcome says `changes`, but there is no bundle")
    accepted = _inspect(work, record, claim, bundle)
    commit = _committed(work, accepted, message.finished(*told, look=accepted.look))
    count = len(accepted.paths)
    return replace(
        verdict,
        detail=f"{count} file{'s' if count != 1 else ''} changed",
        commit=commit,
        replies=replies.owed(work.client, record, claim, given, Made(commit, accepted.paths)),
    )


def _with_work_so_far(
    work: Publication, record: TaskRecord, claim: Claim, folder: Path, verdict: Verdict
) -> Verdict:
    """A limited attempt with its work as a commit for the branch. Once something was delivered
    its pull request would show it half done: then the work stays in the hand-off."""
    if record.delivered:
        return verdict
    try:
        bundle = handoff.bundle(folder)
        if bundle is None:
            return verdict
        accepted = _inspect(work, record, claim, bundle)
    except TaintedError as error:
        return _without_work(verdict, str(error))
    commit = _committed(work, accepted, message.in_progress(record, claim))
    return replace(verdict, commit=commit)


def _committed(work: Publication, accepted: Accepted, words: str) -> str:
    return work.inspector.remake(work.git, accepted, words, at=work.client.now())


def _without_work(verdict: Verdict, reason: str) -> Verdict:
    """The limit stands whatever becomes of the work, which is still in the hand-off."""
    why = f"the work so far is in the hand-off only: {text.line(reason, limit=200)}"
    return replace(verdict, detail="; ".join(filter(None, [verdict.detail, why])), commit=None)


def _completes(record: TaskRecord, claim: Claim, given: Handoff) -> bool:
    """The limit came when all was done: the next attempt finds nothing left to change."""
    untouched = bool(record.wip) and claim.head == record.wip[-1] and not record.delivered
    return untouched and all(check.passed for check in given.verified)


def _refused(work: Publication, rule: str) -> Verdict:
    reason = text.line(credentials.masked(rule), limit=300)
    return Verdict(
        outcome=Outcome.REFUSED,
        detail=reason,
        stop=Stop(
            reason=f"what the agent made was refused: {reason}",
            ask="The hand-off is among the run's artifacts.",
            at=work.client.now(),
            url=f"{work.client.address.server}/{work.client.repository}"
            f"/actions/runs/{work.job.run_id}",
        ),
    )


# ---- the last look, and the push -----------------------------------------------------------


def _look_again(work: Publication, record: TaskRecord, verdict: Verdict) -> Verdict:
    """Directly before the push: did a human stop it meanwhile (design 2.4)?"""
    issue = work.client.get(f"issues/{record.issue}")
    place = issue["repository_url"].partition("/repos/")[2]
    if place != work.client.repository:
        work.client.settle()
        work.pusher.repository = work.client.repository
    labels = {label["name"] for label in issue["labels"]}
    others = {user["login"] for user in issue["assignees"]} - {record.owner}
    pulls = observe.pulls_of(work.client, record.branch)
    reasons = (
        (place != work.client.repository, f"the issue was transferred to {place}"),
        (issue["state"] != "open", "the issue was closed"),
        (work.config.labels.ready not in labels, "the label was removed"),
        (bool(others), "somebody else was assigned"),
        (bool(pulls) and pulls[0]["state"] != "open", "the pull request was closed"),
    )
    stopped = next((reason for holds, reason in reasons if holds), None)
    if stopped is not None:
        return Verdict(
            outcome=Outcome.WITHDRAWN, detail=stopped, spent=verdict.spent, limit=verdict.limit
        )
    if pulls and verdict.unfinished:
        return _without_work(verdict, f"pull request #{pulls[0]['number']} would show it half done")
    return verdict


def _transact(
    work: Publication, record: TaskRecord, verdict: Verdict
) -> tuple[TaskRecord, Verdict] | None:
    """Move branch and ledger together; None when the claim is not ours any more."""
    issue, epoch = record.issue, record.epoch
    branch = f"refs/heads/{record.branch}"
    for turn in range(TRIES):
        tip = work.ledger.read()
        current = tip.book.tasks.get(issue)
        ours = transitions.is_current(tip.book, issue, epoch, work.job.run_id)
        if current is None or current.claim is None or not ours:
            return None
        book, published = _written(tip.book, current, current.claim, verdict, work)
        line = f"task {issue}: {verdict.outcome}, epoch {epoch}"
        draft = work.ledger.draft(tip, book, [line], at=work.client.now())
        moves = {branch: (current.claim.head, verdict.commit)} if verdict.commit else {}
        try:
            if work.ledger.push(draft, moves):
                return published, verdict
        except PushRefusedError as error:
            if not moves:
                raise
            verdict = _not_taken(work, verdict, str(error))
            continue
        if moves:
            verdict = _if_branch_moved(work, branch, current.claim, verdict)
        work.ledger.pause(work.ledger.jitter() * min(2.0, 0.05 * 2**turn))
    raise LedgerError(f"the ledger was moved by others {TRIES} times in a row: run the job again")


def _if_branch_moved(work: Publication, branch: str, claim: Claim, verdict: Verdict) -> Verdict:
    """A stale or deleted branch is a human's doing: theirs from here on, nothing is pushed."""
    now = work.ledger.git.remote_refs(branch).get(branch, "")
    if now == claim.head:
        return verdict
    name = branch.removeprefix("refs/heads/")
    what = f"{name} was moved to {now[:7]}" if now else f"{name} was deleted"
    reason = f"{what} while the agent worked"
    return replace(_not_taken(work, verdict, reason), stop=_refused(work, reason).stop)


def _not_taken(work: Publication, verdict: Verdict, reason: str) -> Verdict:
    """The branch cannot be moved: a refusal, but for work in progress only a pity."""
    if verdict.unfinished:
        return _without_work(verdict, reason)
    return replace(_refused(work, reason), spent=verdict.spent)


def _written(
    book: Book, record: TaskRecord, claim: Claim, verdict: Verdict, work: Publication
) -> tuple[Book, TaskRecord]:
    """The book as it will be, and the task's record in it."""
    published = transitions.publish(
        replace(record, claim=replace(claim, run_id=work.job.run_id)),
        outcome=verdict.outcome,
        detail=verdict.detail,
        at=work.client.now(),
        spent=verdict.spent,
        head=verdict.commit,
        replies=verdict.replies,
        stop=verdict.stop,
        limit=verdict.limit,
        session=verdict.session,
        skipped=verdict.skipped,
    )
    fleet = budget.settled(book.fleet, claim, verdict.spent)
    fleet = pauses.ended(fleet, published.attempts[-1], record.issue)
    return replace(book.put(published), fleet=fleet), published


# ---- what follows the push -----------------------------------------------------------------


def _follow_up(work: Publication, record: TaskRecord, base: str, verdict: Verdict) -> None:
    """The pull request and the replies, early; a failure here is mended by a later pass."""
    steps: list[tuple[Client, Callable[[], act.Performed]]] = []
    if verdict.commit is not None and not verdict.unfinished:
        opening = actions.OpenPull(
            issue=record.issue,
            branch=record.branch,
            base=base,
            head=record.delivered[0],
            earlier=transitions.earlier_branches(record, work.config.branch_prefix),
            because="its commit was pushed",
        )
        head_start = work.config.policy().publish_grace - TIMEOUT
        until = record.attempts[-1].ended_at + head_start
        steps.append((work.pusher, partial(act.open_pull, work.pusher, opening, until=until)))
    steps += [
        (work.client, partial(act.answer, work.client, reply.number, reply))
        for reply in verdict.replies
    ]
    for client, step in steps:
        try:
            done = act.surely(client, step)
            work.say(f"{done.what} {done.url}".strip())
        except AoError as error:
            work.say(f"left for the next pass: {error}")
