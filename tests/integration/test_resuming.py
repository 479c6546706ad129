"""An attempt goes on where the last one stopped: the real Claude Code, the meter between.

Two attempts of one task, each on a machine of its own; between them only what GitHub keeps.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ao_actions import publish
from ao_actions.config import Config
from ao_actions.core.model import Outcome
from ao_actions.git import Remote
from ao_actions.keys import AgentSettings
from ao_actions.localgithub.model import Artifact, WorkflowRun
from ao_actions.modelserver import Answer, Edit, Limit, ModelServer, Request, Say
from ao_actions.runtime import Job
from ao_actions.work import metering, session
from ao_actions.work.handoff import Handoff
from ao_actions.work.workspace import Places
from tests.integration.conftest import NAME, Factory
from tests.integration.test_publish import check, claimed
from tests.integration.test_work import claim_agent

KEY = "sk-ant-the-real-key-of-this-test"
HALF = Edit("src/code.py", "def answer():\n    return 4\n")
WHOLE = Edit("src/code.py", "def answer():\n    return 42\n")


def config(factory: Factory, **changes: Any) -> Config:
    agents = (AgentSettings(name="claude-code"),)
    return replace(factory.config, **{"agents": agents, "sessions": "always", **changes})


def machine(factory: Factory, name: str = "machine") -> Places:
    """A new machine: the same paths as the last one, and nothing on it but the agent."""
    root = factory.root / name
    shutil.rmtree(root, ignore_errors=True)
    cache = Path(os.environ.get("AO_TEST_CACHE", Path(__file__).parents[2] / ".cache" / "agents"))
    cache.mkdir(parents=True, exist_ok=True)
    root.mkdir()
    (root / "agents").symlink_to(cache.absolute(), target_is_directory=True)
    return Places.under(root)


def attempt(
    factory: Factory,
    number: int,
    settings: Config,
    environment: Mapping[str, str],
    places: Places | None = None,
) -> Handoff:
    """Both steps of the agent job: the meter with the key, the work without it."""
    client = factory.client()
    told = session.Attempt(
        client=client,
        ledger=factory.ledger(),
        remote=Remote(client.address.repository(NAME), factory.bot),
        config=settings,
        places=places or machine(factory),
        job=Job(run_id=factory.work_run(number).id, run_attempt=1),
        environment=environment,
        say=factory.said.append,
    )
    epoch = factory.task(number).epoch
    meter = session.start_meter(told, number, epoch)
    assert "claude-code has no" not in meter
    without_keys = {metering.VARIABLE: meter, "PATH": os.environ["PATH"]}
    done = session.work(replace(told, environment=without_keys), number, epoch)
    assert done is not None
    return done


def hand_over(factory: Factory, number: int) -> Outcome:
    """The upload-artifact step, and the publish job."""
    run = factory.work_run(number)
    folder = factory.root / "machine" / "handoff"
    upload(factory, run, f"handoff-{number}-{factory.task(number).epoch}-1", folder)
    work = factory.publication(run, folder)
    return publish.publish(work, number, factory.task(number).epoch)


def upload(factory: Factory, run: WorkflowRun, name: str, folder: Path) -> None:
    world = factory.hub.world
    identity = world.next_id()
    path = world.root / "artifacts" / f"{identity}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    content = path.read_bytes()
    now = world.clock.now()
    run.artifacts.append(
        Artifact(
            id=identity,
            name=name,
            run_id=run.id,
            run_attempt=1,
            size_in_bytes=len(content),
            digest="sha256:" + hashlib.sha256(content).hexdigest(),
            created_at=now,
            expires_at=now + timedelta(days=14),
        )
    )


def environment(server: ModelServer) -> dict[str, str]:
    return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url}


def conversation(request: Request) -> str:
    return json.dumps(request.body["messages"])


def reset() -> int:
    return int(time.time()) + 40 * 60


def limited(factory: Factory, **changes: Any) -> tuple[int, list[Request]]:
    """A task whose first attempt made half of it, when the model's limit came."""
    number = claimed(factory)
    claim_agent(factory, number, "claude-code")
    script = (Answer((Say("I begin."), HALF)), Limit("usage", reset=reset()))
    with ModelServer(script) as server:
        done = attempt(factory, number, config(factory, **changes), environment(server))
        asked = list(server.asked)
    assert done.outcome is Outcome.LIMITED, done
    assert done.proven
    assert done.until is not None
    assert timedelta(minutes=30) < done.until - datetime.now(UTC) < timedelta(minutes=41)
    assert hand_over(factory, number) is Outcome.LIMITED
    return number, asked


def go_on(factory: Factory, number: int) -> None:
    factory.pass_time(minutes=45)
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    if claim.agent != "claude-code":
        claim_agent(factory, number, "claude-code")


@pytest.mark.parametrize("kept", ["always", "never"])
def test_after_a_limit_it_goes_on_where_it_stopped(factory: Factory, kept: str) -> None:
    number, _ = limited(factory, sessions=kept)
    (first,) = factory.task(number).attempts
    assert (first.session is not None) == (kept == "always")
    assert first.spent.usd > 0  # the meter's figure, of the one answer before the limit
    assert first.spent.tokens > 0
    assert "claude-code" in factory.tip().book.fleet.paused
    go_on(factory, number)
    with ModelServer((Answer((WHOLE,)), Answer((Say("It is 42 now."),)))) as server:
        done = attempt(factory, number, config(factory, sessions=kept), environment(server))
        asked = list(server.asked)
    assert (done.outcome, done.message) == (Outcome.CHANGES, "It is 42 now."), done
    # what it said in the first attempt is in the conversation if the session went on
    assert ("I begin." in conversation(asked[0])) == (kept == "always")
    assert ("What was tried before" in conversation(asked[0])) == (kept == "never")
    assert hand_over(factory, number) is Outcome.CHANGES
    assert len(factory.pulls()) == 1
    assert asked[0].headers["x-api-key"] == KEY
    everything = b"".join(p.read_bytes() for p in factory.root.rglob("*") if _plain(p))
    assert KEY.encode() not in everything


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and "agents" not in path.parts


def test_a_red_check_is_mended_in_the_same_session(factory: Factory) -> None:
    number = claimed(factory)
    claim_agent(factory, number, "claude-code")
    with ModelServer((Answer((Say("I guess."), HALF)), Answer((Say("Done."),)))) as server:
        done = attempt(factory, number, config(factory), environment(server))
    assert done.outcome is Outcome.CHANGES, done
    assert hand_over(factory, number) is Outcome.CHANGES
    check(factory, number, "failure")
    factory.pass_time(minutes=3)
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.reason == "ci_failed"
    if claim.agent != "claude-code":
        claim_agent(factory, number, "claude-code")
    with ModelServer((Answer((WHOLE,)), Answer((Say("Mended."),)))) as server:
        done = attempt(factory, number, config(factory), environment(server))
        asked = list(server.asked)
    assert done.outcome is Outcome.CHANGES, done
    said = conversation(asked[0])
    assert "I guess." in said
    assert "The checks of your pull request fail" in said


def test_a_session_that_is_not_taken_is_begun_anew(factory: Factory) -> None:
    number, _ = limited(factory)
    go_on(factory, number)
    (artifact,) = [a for run in factory.work_runs() for a in run.artifacts]
    path = factory.hub.world.root / "artifacts" / f"{artifact.id}.zip"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, b"" if name.endswith(".jsonl") else content)
    with ModelServer((Answer((WHOLE,)), Answer((Say("It is 42 now."),)))) as server:
        done = attempt(factory, number, config(factory), environment(server))
        asked = list(server.asked)
    assert done.outcome is Outcome.CHANGES, done
    assert any("does not take the session" in line for line in factory.said), factory.said
    assert "What was tried before" in conversation(asked[0])


def test_without_its_artifact_the_work_goes_on_from_the_branch(factory: Factory) -> None:
    number, _ = limited(factory)
    go_on(factory, number)
    factory.pass_time(days=15)  # artifacts are kept for 14 days
    with ModelServer((Answer((WHOLE,)), Answer((Say("It is 42 now."),)))) as server:
        done = attempt(factory, number, config(factory), environment(server))
        asked = list(server.asked)
    assert done.outcome is Outcome.CHANGES, done
    assert "What was tried before" in conversation(asked[0])


def test_the_meter_refuses_what_the_budget_does_not_cover(factory: Factory) -> None:
    number = claimed(factory)
    claim_agent(factory, number, "claude-code")
    dear = Answer((HALF,), input_tokens=5_000_000, output_tokens=1_000_000)
    with ModelServer((dear, Answer((Say("more"),)))) as server:
        done = attempt(factory, number, config(factory), environment(server))
        asked = len(server.asked)
    assert done.outcome is Outcome.OUT_OF_BUDGET, done
    assert asked == 1
    assert done.spent is not None
    assert done.spent.usd > 5
