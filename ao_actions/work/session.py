"""One attempt from claim to hand-off: the whole of `ao-actions work`.

Nothing is installed, fetched or started before the claim was found to be this run's; after
that a hand-off is written whatever happens.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ao_actions.agents import AGENTS, Agent, Assignment, Result, providers, run
from ao_actions.agents import Outcome as Said
from ao_actions.agents.launch import secrets_of
from ao_actions.config import Config
from ao_actions.core import text
from ao_actions.core.model import Claim, Outcome, Phase, Spent, TaskRecord
from ao_actions.core.phase import run_title
from ao_actions.errors import AgentError, ConfigError, GitError
from ao_actions.forge import observe
from ao_actions.forge.client import Client
from ao_actions.git import Remote
from ao_actions.ledger import Ledger
from ao_actions.runtime import Job
from ao_actions.work import brief, checkout, handoff, reading, verify
from ao_actions.work.checkout import Checkout
from ao_actions.work.handoff import Handoff, ThreadReply, Verification

MENDS = 2  # times that the agent may mend what the verify commands find
OUTCOMES = {
    Said.DONE: Outcome.CHANGES,
    Said.LIMITED: Outcome.LIMITED,
    Said.OUT_OF_BUDGET: Outcome.OUT_OF_BUDGET,
    Said.TIMEOUT: Outcome.TIMEOUT,
    Said.ERROR: Outcome.AGENT_ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Directories of an attempt. `checkout` keeps its path, for sessions are tied to it."""

    checkout: Path
    scratch: Path
    store: Path
    handoff: Path
    agents: Path

    @classmethod
    def under(cls, root: Path) -> Places:
        return cls(
            checkout=root / "checkout",
            scratch=root / "scratch",
            store=root / "store.git",
            handoff=root / "handoff",
            agents=root / "agents",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What `work` needs. `environment` is the step's own; only named keys reach an agent."""

    client: Client
    ledger: Ledger
    remote: Remote
    config: Config
    places: Places
    job: Job
    environment: Mapping[str, str]
    say: Callable[[str], None]


def work(attempt: Attempt, issue: int, epoch: int) -> Handoff | None:
    """Run one attempt; None if this run is not the one to do it ("superseded").

    :raises AoError: GitHub or the ledger could not be read; nothing was started
    """
    record = attempt.ledger.read().book.tasks.get(issue)
    refusal = superseded(attempt, record, issue, epoch)
    if refusal is not None or record is None or record.claim is None:
        attempt.say(f"superseded: {refusal}")
        return None
    shutil.rmtree(attempt.places.handoff, ignore_errors=True)
    started = time.monotonic()
    try:
        done = _attempt(attempt, record, record.claim)
    except (AgentError, ConfigError, GitError) as error:
        done = Handoff(outcome=Outcome.AGENT_ERROR, detail=str(error))
    if done.spent is not None:
        seconds = int(time.monotonic() - started)
        done = replace(done, spent=replace(done.spent, seconds=seconds))
    handoff.write(attempt.places.handoff, done)
    attempt.say(f"{done.outcome}: {done.detail or 'handed off'}")
    return done


def superseded(attempt: Attempt, record: TaskRecord | None, issue: int, epoch: int) -> str | None:
    """Why this run may not work, or None (the fence of design 3)."""
    if attempt.job.run_attempt > 1:
        return (
            "a re-run starts no agent. To try again, take the label off the issue and put it "
            "on again"
        )
    return not_current(attempt.client, record, issue=issue, epoch=epoch, run_id=attempt.job.run_id)


def not_current(
    client: Client, record: TaskRecord | None, *, issue: int, epoch: int, run_id: int
) -> str | None:
    """Why this run does not hold the claim, or None if it does.

    Of two runs with one name (a dispatch that was sent twice) only the lowest id works.
    """
    claim = record.claim if record else None
    if record is None or claim is None or record.epoch != epoch:
        return f"task {issue} has no claim of epoch {epoch} any more"
    if claim.run_id not in (None, run_id):
        return f"the claim is run {claim.run_id}'s, this is run {run_id}"
    title = run_title(issue, epoch, claim.reason)
    runs = observe.runs_named(client, title, claim.claimed_at)
    if runs and runs[0].id < run_id:
        return f"run {runs[0].id} has the same name and came first"
    return None


def _attempt(attempt: Attempt, record: TaskRecord, claim: Claim) -> Handoff:
    agent = AGENTS.get(claim.agent)
    if agent is None:
        raise AgentError(f"no agent is called {claim.agent!r} (known: {', '.join(AGENTS)})")
    places = attempt.places
    tree = checkout.prepare(
        places.checkout,
        places.store,
        attempt.remote,
        head=claim.head,
        base=claim.base,
        merge=claim.reason is Phase.CONFLICTED,
    )
    assigned = reading.assigned(attempt.client, record, claim)
    attempt.say(f"{claim.agent} works on #{record.issue} at {tree.start[:7]} ({claim.reason})")
    places.scratch.mkdir(parents=True, exist_ok=True)
    assignment = _assignment(attempt, agent, claim, tree)
    told = brief.write(assigned, attempt.config)
    result, verified = _run(attempt, agent, assignment, told)
    return _pack(attempt, assignment, tree, result, verified)


def _assignment(attempt: Attempt, agent: Agent, claim: Claim, tree: Checkout) -> Assignment:
    settings = attempt.config.agent(agent.name)
    return Assignment(
        checkout=tree.path,
        brief=attempt.places.scratch / "brief.md",
        scratch=attempt.places.scratch,
        model=settings.model,
        command=settings.command,
        seconds=attempt.config.minutes * 60,
        turns=attempt.config.turns,
        max_usd=claim.reserved.usd or None,
        environment={
            name: attempt.environment[name]
            for name in agent.secrets
            if attempt.environment.get(name)
        },
        endpoint=providers.direct(agent, attempt.environment),
    )


def _run(
    attempt: Attempt, agent: Agent, assignment: Assignment, told: str
) -> tuple[Result, tuple[Verification, ...]]:
    """The agent, then the verify commands, and the agent again for what they find."""
    program = agent.install(attempt.places.agents)
    deadline = time.monotonic() + assignment.seconds
    verified: tuple[Verification, ...] = ()
    usd: float | None = None
    for turn in range(MENDS + 1):
        assignment.brief.write_text(told, encoding="utf-8")
        seconds = max(1, int(deadline - time.monotonic()))
        timed = replace(assignment, seconds=seconds)
        result = run(agent, timed, now=attempt.client.now(), program=program)
        if result.usage.usd is not None:
            usd = (usd or 0.0) + result.usage.usd
        result = replace(result, usage=replace(result.usage, usd=usd))
        if result.outcome is not Said.DONE:
            return result, verified
        verified, failure = verify.run(
            attempt.config.verify, assignment, seconds=deadline - time.monotonic()
        )
        if not failure or turn == MENDS or time.monotonic() >= deadline:
            return result, verified
        attempt.say("the verify commands fail: the agent gets their output")
        told += brief.mend(failure)
    raise AssertionError("the last turn returns")  # pragma: no cover


def _keep_transcript(attempt: Attempt, assignment: Assignment, result: Result) -> None:
    """Whoever can read the repository can download artifacts: so the transcript is kept in
    private repositories only, and without the agent's keys (design 6)."""
    if result.transcript is None or not result.transcript.exists():
        return
    if not attempt.client.get("")["private"]:
        return
    content = result.transcript.read_bytes()
    for secret in secrets_of(assignment):
        content = content.replace(secret.encode(), b"***")
    folder = attempt.places.handoff
    folder.mkdir(parents=True, exist_ok=True)
    (folder / handoff.TRANSCRIPT).write_bytes(content)


def _pack(
    attempt: Attempt,
    assignment: Assignment,
    tree: Checkout,
    result: Result,
    verified: tuple[Verification, ...],
) -> Handoff:
    """The hand-off from what the agent said and what git shows: git decides on changes."""
    outcome = OUTCOMES[result.outcome]
    detail = result.detail
    folder = attempt.places.handoff
    commit = checkout.commit(tree)
    failed = [v.command for v in verified if not v.passed]
    if outcome is Outcome.CHANGES and commit is None:
        outcome, detail = Outcome.NO_CHANGE, text.line(result.message or detail, limit=200)
    if outcome is Outcome.CHANGES and failed:
        outcome, detail = Outcome.AGENT_ERROR, f"the verify command fails: {failed[0]}"
    if commit is not None:
        checkout.bundle(tree, commit, folder)
    _keep_transcript(attempt, assignment, result)
    usage = result.usage
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return Handoff(
        outcome=outcome,
        detail=detail,
        message=result.message,
        # without a figure for the money the reservation stands (design 3)
        spent=None if usage.usd is None else Spent(usd=usage.usd, tokens=tokens),
        until=result.until,
        proven=result.proven,
        replies=tuple(ThreadReply(thread=name, body=body) for name, body in result.replies),
        verified=verified,
    )
