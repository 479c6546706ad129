"""The three programs of the factory as processes: a pass and publish are the real ones, the agent
job is a model of one: its fence is real, and then it may do whatever agents do."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ao_actions import publish, reconcile
from ao_actions.config import Config
from ao_actions.core import codec
from ao_actions.core.model import Claim, Outcome, Phase, Spent
from ao_actions.runtime import Job
from ao_actions.work import handoff, reading, session
from ao_actions.work.handoff import Handoff, TaintedError, ThreadReply
from ao_actions.work.inspection import Accepted
from tests.sim.client import SimClient, SimLedger
from tests.sim.process import Process
from tests.sim.world import Artifact, Run

GOOD = ((12, Outcome.CHANGES), (2, Outcome.NO_CHANGE), (1, Outcome.LIMITED))
BAD = (
    *GOOD,
    *((1, outcome) for outcome in (Outcome.AGENT_ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_BUDGET)),
    *((1, word) for word in ("hangs", "refused", "dies", "limited with work")),
)


def a_pass(process: Process) -> None:
    schedule = process.schedule
    reconciler = reconcile.Reconciler(
        client=SimClient(process),
        ledger=SimLedger(process),
        policy=schedule.policy,
        say=lambda line: schedule.note(f"  {line}"),
    )
    done = reconciler.run_settled(process.rest)
    process.failed = bool(done.failures)


def publish_job(process: Process, run: Run) -> None:
    schedule = process.schedule
    client = SimClient(process)
    ledger = SimLedger(process)
    work = publish.Publication(
        client=client,
        pusher=SimClient(process),
        ledger=ledger,
        git=ledger.git,
        config=schedule.config,
        job=Job(run_id=run.id, run_attempt=run.attempt),
        say=lambda line: schedule.note(f"  {line}"),
        inspector=Inspector(process),
    )
    with publish.waking(client, schedule.note):
        publish.publish(work, process.issue, process.epoch)


def agent_job(process: Process, run: Run) -> None:
    schedule, chooser = process.schedule, process.schedule.chooser
    client = SimClient(process)
    record = SimLedger(process).read().book.tasks.get(process.issue)
    attempt: Any = SimpleNamespace(client=client, job=Job(run_id=run.id, run_attempt=run.attempt))
    refusal = session.superseded(attempt, record, process.issue, process.epoch)
    if refusal is not None:
        schedule.note(f"  superseded: {refusal}")
        return
    schedule.laws.agent_started(process)
    assert record is not None
    claim = record.claim
    if claim is None:
        return
    base = schedule.world.branch("main")
    skipped: tuple[str, ...] = ()
    if claim.reason is Phase.CHANGES_REQUESTED:
        given = reading.assigned(client, record, claim, Path("nowhere"))
        skipped = reading.skipped(claim, given)
    said = chooser.weighted(BAD if schedule.chaos else GOOD)
    process.rest(60 * chooser.pick((4, 20, 44)) if said != "hangs" else 10**7)
    content = _packed(process, claim, base, said, skipped)
    process.step("keeps the hand-off")
    if process.zombie:
        return
    name = f"handoff-{process.issue}-{process.epoch}-{run.attempt}"
    world = schedule.world
    world.put(Artifact(id=world.number(), run_id=run.id, name=name, content=content))
    process.failed = said == "dies"


def _packed(
    process: Process, claim: Claim, base: str, said: str | Outcome, skipped: tuple[str, ...]
) -> bytes:
    chooser, now = process.schedule.chooser, process.schedule.world.now
    with_work = said in ("refused", "dies", "limited with work", Outcome.CHANGES)
    outcome = said if isinstance(said, Outcome) else Outcome.CHANGES
    if said == "limited with work":
        outcome = Outcome.LIMITED
    limited = outcome is Outcome.LIMITED
    usd = chooser.pick((0.5, 2.0, None))
    made = Handoff(
        outcome=outcome,
        message="It is done.",
        spent=None if usd is None else Spent(usd=usd),
        until=chooser.pick((None, now.replace(microsecond=0))) if limited else None,
        proven=limited and chooser.chance(0.5),
        replies=tuple(
            ThreadReply(thread=name, body="Right.") for name in reading.names(claim.items)
        )[:1],
        skipped=skipped,
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr(handoff.OUTCOME, json.dumps(codec.encode(made)))
        if with_work:
            parents = [claim.head or base]
            parents += [base] if claim.reason is Phase.CONFLICTED else []
            bundle = {"parents": parents, "bad": said == "refused"}
            packed.writestr(handoff.BUNDLE, json.dumps(bundle))
    return out.getvalue()


class Inspector:
    """`work.inspection` where a bundle is the names of its parents."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.world = process.schedule.world

    def inspect(
        self, git: object, bundle: Path, claim: Claim, config: Config, allowed: object
    ) -> Accepted:
        self.process.step("inspects the bundle")
        given = json.loads(bundle.read_bytes())
        if given["bad"]:
            raise TaintedError("it changes what is protected")
        return Accepted(tree="t", parents=tuple(given["parents"]), paths=("src/code.py",))

    def unchanged(self, git: object, claim: Claim) -> Accepted:
        return Accepted(tree="t", parents=(claim.head,), paths=())

    def remake(self, git: object, accepted: Accepted, message: str, *, at: object) -> str:
        return self.world.commit(accepted.parents, "ao-actions", message)
