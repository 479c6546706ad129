"""One attempt from claim to hand-off: the whole of `ao-actions work`.

Nothing is installed, fetched or started before the claim was found to be this run's; after
that a hand-off is written whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ao_actions import runtime, tainted
from ao_actions.agents import AGENTS, Agent, Assignment, Result, runtimes
from ao_actions.agents import Outcome as Said
from ao_actions.agents import cage as cages
from ao_actions.agents.cage import Cage
from ao_actions.agents.launch import secrets_of
from ao_actions.agents.runtimes import PROCESS, Docker, Runtime, User
from ao_actions.config import Config
from ao_actions.core import hidden, text
from ao_actions.core.model import Claim, Outcome, Phase, Spent, TaskRecord
from ao_actions.core.runs import run_title
from ao_actions.errors import AgentError, AoError
from ao_actions.forge import observe
from ao_actions.forge.client import Client
from ao_actions.git import Remote
from ao_actions.ledger import Ledger
from ao_actions.runtime import Job
from ao_actions.work import (
    brief,
    checkout,
    earlier,
    handoff,
    metering,
    reading,
    sessions,
    suggestions,
    workspace,
)
from ao_actions.work.brief import Assigned
from ao_actions.work.checkout import Checkout
from ao_actions.work.handoff import Handoff, ThreadReply, Verification
from ao_actions.work.metering import Metering
from ao_actions.work.suggestions import Applied
from ao_actions.work.turns import Turns
from ao_actions.work.workspace import Places

OUTCOMES = {
    Said.DONE: Outcome.CHANGES,
    Said.LIMITED: Outcome.LIMITED,
    Said.OUT_OF_BUDGET: Outcome.OUT_OF_BUDGET,
    Said.TIMEOUT: Outcome.TIMEOUT,
    Said.ERROR: Outcome.AGENT_ERROR,
}


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
    try:
        return _worked(attempt, issue, epoch)
    finally:
        metering.close(attempt.environment)


def _worked(attempt: Attempt, issue: int, epoch: int) -> Handoff | None:
    record = attempt.ledger.read().book.tasks.get(issue)
    refusal = superseded(attempt, record, issue, epoch)
    if refusal is not None or record is None or record.claim is None:
        attempt.say(f"superseded: {refusal}")
        return None
    workspace.own(attempt.places)
    tainted.remove(attempt.places.handoff)
    started = time.monotonic()
    try:
        done = _attempt(attempt, record, record.claim)
    except reading.UnreadError as error:
        done = Handoff(outcome=Outcome.AGENT_ERROR, detail=str(error), spent=Spent())
    except AoError as error:
        done = Handoff(outcome=Outcome.AGENT_ERROR, detail=str(error))
    if done.spent is not None:
        seconds = int(time.monotonic() - started)
        done = replace(done, spent=replace(done.spent, seconds=seconds))
    handoff.write(attempt.places.handoff, done)
    workspace.leave(attempt.places)
    attempt.say(f"{done.outcome}: {done.detail or 'handed off'}")
    return done


def start_meter(attempt: Attempt, issue: int, epoch: int) -> str:
    """Start the meter of an attempt; what its `work` finds in AO_METER, "" if there is none.

    :raises AoError: GitHub or the ledger could not be read, or the meter did not start
    """
    record = attempt.ledger.read().book.tasks.get(issue)
    refusal = superseded(attempt, record, issue, epoch)
    if refusal is not None or record is None or record.claim is None:
        attempt.say(f"superseded: {refusal}")
        return ""
    agent = _agent(record.claim)
    usd, seconds = record.claim.reserved.usd or None, (attempt.config.minutes + 15) * 60
    said = metering.start(agent, attempt.environment, usd=usd, seconds=seconds)
    if said:
        attempt.say(f"the meter holds {said.split()[-1]}")
    elif agent.credentials:
        attempt.say(f"no meter: {agent.name} has no {' or '.join(agent.credentials)}")
    else:
        attempt.say(f"no meter: {agent.name} cannot be pointed at it")
    return said


def superseded(attempt: Attempt, record: TaskRecord | None, issue: int, epoch: int) -> str | None:
    """Why this run may not work, or None (the fence of design 3)."""
    if attempt.job.run_attempt > 1:
        return (
            "a re-run starts no agent. To try again, say `/ao retry` on the issue, or take the "
            "label off and put it on again"
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
    agent = _agent(claim)
    places = attempt.places
    tree = checkout.prepare(
        places,
        attempt.remote,
        head=claim.head,
        base=claim.base,
        merge=claim.reason is Phase.CONFLICTED,
    )
    tainted.folder(places.scratch)
    assigned = reading.assigned(
        attempt.client, record, claim, places.scratch / "checks", attempt.config.bots
    )
    reading.still_read(attempt.client, record, attempt.config.policy())
    skipped = reading.skipped(claim, assigned)
    applied = suggestions.apply(tree.path, assigned.threads, attempt.config.protected)
    if _nothing_left(assigned, claim, applied):
        attempt.say("no agent is needed: what reviewers suggested is applied as it stands")
        return _without_agent(attempt, tree, applied, skipped)
    assigned = replace(assigned, applied=applied.done | applied.left)
    attempt.say(f"{claim.agent} works on #{record.issue} at {tree.start[:7]} ({claim.reason})")
    measured = metering.choose(agent, attempt.environment)
    attempt.say(_metered(measured))
    attempt.say(cage(attempt).said)
    _tell_left_out(attempt, assigned)
    assignment = _assignment(attempt, agent, claim, measured)
    with earlier.find(attempt.client, record) as left:
        if tree.merging is None and (bundle := left.bundle(places.scratch / "earlier")):
            attempt.say("the unfinished work of the last attempt is in the checkout")
            checkout.adopt(tree, bundle)
        session = left.resume(agent, assignment)
        turns = Turns(
            agent=agent,
            assignment=replace(assignment, session=session),
            program=agent.install(places.agents),
            runtime=_runtime(attempt, measured),
            told=brief.write(assigned, attempt.config),
            note=left.note(),
            commands=attempt.config.verify,
            now=attempt.client.now,
            say=attempt.say,
        )
    result, verified = turns.play()
    result = measured.judge(result)
    if session is None and _unanswered(result):
        result = replace(result, session=None)
    tainted.folder(places.handoff)  # where the agent has our user, it may have left a link there
    done = _pack(attempt, tree, _keep(attempt, agent, assignment, result), verified)
    return replace(done, skipped=skipped)


def _tell_left_out(attempt: Attempt, assigned: Assigned) -> None:
    """On the run's page; for the issue's part the pull request shows what it says."""
    told = hidden.summary(brief.left_out(assigned))
    if told:
        attempt.say(f"left out of the brief: {told}")
        runtime.summary(f"Left out of the brief: {told}.", attempt.environment)


def _nothing_left(assigned: Assigned, claim: Claim, applied: Applied) -> bool:
    """Whether all that the reviewers said is suggestions (or was taken back since the claim)."""
    if claim.reason is not Phase.CHANGES_REQUESTED or assigned.words:
        return False
    return all(name in applied.alone for name, _ in assigned.threads)


def _without_agent(
    attempt: Attempt, tree: Checkout, applied: Applied, skipped: tuple[str, ...]
) -> Handoff:
    """What is handed off when the suggestions are all there is to do: no tokens are spent."""
    commit = checkout.commit(tree)
    if commit is not None:
        checkout.bundle(tree, commit, attempt.places.handoff)
    said = applied.done | applied.left
    return Handoff(
        outcome=Outcome.CHANGES if commit else Outcome.NO_CHANGE,
        detail="" if commit else "there was nothing to change",
        message="Applied what the review suggests." if commit else "",
        spent=Spent(),
        replies=tuple(ThreadReply(thread=name, body=body) for name, body in said.items()),
        skipped=skipped,
    )


def _unanswered(result: Result) -> bool:
    """Whether a limit came before the model's first word: then there is nothing to go on with,
    and the task need not wait for this agent."""
    return result.outcome is Said.LIMITED and result.usage.output_tokens == 0


def _agent(claim: Claim) -> Agent:
    """:raises AgentError: this version does not know the claim's agent"""
    agent = AGENTS.get(claim.agent)
    if agent is None:
        raise AgentError(f"no agent is called {claim.agent!r} (known: {', '.join(AGENTS)})")
    return agent


def cage(attempt: Attempt) -> Cage:
    return cages.settle(attempt.config.runtime.kind, attempt.environment)


def _runtime(attempt: Attempt, measured: Metering) -> Runtime:
    settings = attempt.config.runtime
    if settings.egress is not None:
        from ao_actions.agents.confined import Confined
        from ao_actions.agents.egress import Egress

        port = measured.meter.port if measured.meter is not None else None
        egress = Egress(hosts=settings.egress, meter=port)
        return Confined(runtimes.USER, egress=egress, say=attempt.say)
    match cage(attempt).kind:
        case "user":
            return User(runtimes.USER)
        case "docker":
            return Docker(settings.image, attempt.places.agents, settings.network)
        case _:
            return PROCESS


def _metered(measured: Metering) -> str:
    if measured.meter is not None:
        return "the meter counts, and keeps the key"
    return f"no meter: {measured.why_not}; what this costs is the agent's own figure"


def _assignment(attempt: Attempt, agent: Agent, claim: Claim, measured: Metering) -> Assignment:
    settings = attempt.config.agent(agent.name)
    return Assignment(
        checkout=attempt.places.checkout,
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
        endpoint=measured.endpoint,
    )


def _keep(attempt: Attempt, agent: Agent, assignment: Assignment, result: Result) -> Result:
    """Transcript and session into the hand-off; the result names the session if it is there.

    Whoever can read the repository can download artifacts: so by default they are kept in
    private repositories only (design 6).
    """
    kept = attempt.config.sessions
    if kept == "never" or (kept == "auto" and not attempt.client.get("")["private"]):
        return replace(result, session=None)
    folder = attempt.places.handoff
    folder.mkdir(parents=True, exist_ok=True)
    _keep_transcript(folder, assignment, result)
    there = sessions.keep(agent, assignment, result.session, folder)
    return replace(result, session=result.session if there else None)


def _keep_transcript(folder: Path, assignment: Assignment, result: Result) -> None:
    """The transcript, without the keys that the agent was given."""
    content = tainted.read(result.transcript) if result.transcript else None
    if content is None:
        return
    for secret in secrets_of(assignment):
        content = content.replace(secret.encode(), b"***")
    (folder / handoff.TRANSCRIPT).write_bytes(content)


def _pack(
    attempt: Attempt,
    tree: Checkout,
    result: Result,
    verified: tuple[Verification, ...],
) -> Handoff:
    """The hand-off from what the agent said and what git shows: git decides on changes."""
    outcome = OUTCOMES[result.outcome]
    detail = result.detail
    tree = checkout.sealed(tree)
    commit = checkout.commit(tree)
    failed = [v.command for v in verified if not v.passed]
    if outcome is Outcome.CHANGES and commit is None:
        outcome, detail = Outcome.NO_CHANGE, text.line(result.message or detail, limit=200)
    if outcome is Outcome.CHANGES and failed:
        outcome, detail = Outcome.AGENT_ERROR, f"the verify command fails: {failed[0]}"
    if commit is not None:
        checkout.bundle(tree, commit, attempt.places.handoff)
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
        session=result.session,
        replies=tuple(ThreadReply(thread=name, body=body) for name, body in result.replies),
        verified=verified,
    )
