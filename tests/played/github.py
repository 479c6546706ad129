"""The local GitHub without act: runs wait until the test plays their jobs, by the real programs."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.model import Artifact, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.localgithub.world import Clock
from tests.integration.conftest import FILES, NAME, OWNER, first_commit, zipped
from tests.played.programs import Program

BOT = "ao-bot"


class PlayedActions(ActionsService):
    """Runs stay where they are, over a restart too, until somebody ends them."""

    def _close_abandoned_runs(self) -> None:
        pass

    def cancel(self, repo: Repository, run: WorkflowRun) -> None:
        """It ends at once: nobody plays what is cancelled."""
        with self._world.lock:
            if run.status == "completed":
                raise Refusal(409, "Cannot cancel a workflow run that is completed.")
            self.end(repo, run, "cancelled")

    def end(self, repo: Repository, run: WorkflowRun, conclusion: str) -> None:
        """The run and its jobs; the world's lock is held."""
        self.engine.active.pop(run.id, None)
        for job in run.jobs:
            if job.status != "completed":
                self.recorder.finish_job(repo, run, job, conclusion)
        self.recorder.finish_run(repo, run, conclusion)

    def close(self) -> None:
        with self._world.lock:
            self.engine.active.clear()
        super().close()


@dataclass(slots=True)
class Played:
    """A running GitHub, the clone that programs work in, and how they are started."""

    hub: LocalGitHub
    root: Path
    token: str
    bot: str
    maintainer: httpx.Client
    current: Program | None = None  # the last one that was started
    started: int = 0  # programs
    last_code: int = 0  # of the last pass

    # ---- programs --------------------------------------------------------------------------

    def start(self, *arguments: str, run: WorkflowRun | None = None) -> Program:
        temp = self.root / "tmp"
        temp.mkdir(exist_ok=True)
        env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "TMPDIR": str(temp),
            "GITHUB_TOKEN": self.bot,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_API_URL": self.hub.api_url,
            "GITHUB_GRAPHQL_URL": self.hub.graphql_url,
            "GITHUB_SERVER_URL": self.hub.url,
        }
        if run is not None:
            env |= {"GITHUB_RUN_ID": str(run.id), "GITHUB_RUN_ATTEMPT": str(run.run_attempt)}
        log = self.root / "logs" / f"{self.started:05}-{arguments[0]}.txt"
        self.started += 1
        log.parent.mkdir(exist_ok=True)
        self.current = Program(list(arguments), env, self.root / "clone", log)
        return self.current

    def reconcile(self) -> int | None:
        """One pass: how much it planned; None: it could not, or did not come to its end."""
        program = self.start("reconcile", "--json")
        self.last_code = program.wait()
        text = program.log.read_text()
        if self.last_code < 0 or not text.startswith("{"):
            return None
        said, _ = json.JSONDecoder().raw_decode(text)  # an error may stand behind it
        return len(said["plan"])

    # ---- runners ---------------------------------------------------------------------------

    def open_runs(self) -> list[WorkflowRun]:
        with self.hub.world.lock:
            return [
                run
                for run in self.repo.runs
                if run.path.endswith("ao-work.yml") and run.status != "completed"
            ]

    def play(self, run: WorkflowRun) -> None:
        """The two jobs of a run; in a later attempt of it only the second one, as re-run."""
        folder = self.work(run) if run.run_attempt == 1 else None
        if folder is not None:
            self.upload(run, folder)
        ended = self.start("publish", *_task(run), run=run).wait()
        self.end(run, "success" if ended == 0 else "failure")

    def work(self, run: WorkflowRun) -> Path | None:
        """The agent job, up to its upload: the folder of the hand-off, if it left one."""
        place = self.root / "work" / str(run.id)
        place.parent.mkdir(exist_ok=True)
        ended = self.start("work", *_task(run), "--root", str(place), run=run).wait()
        folder = place / "handoff"
        return folder if ended == 0 and folder.exists() else None

    def upload(self, run: WorkflowRun, folder: Path) -> None:
        content = zipped(folder)
        world = self.hub.world
        with world.lock:
            now = world.clock.now()
            artifact = Artifact(
                id=world.next_id(),
                name=f"handoff-{run.inputs['task']}-{run.inputs['epoch']}-{run.run_attempt}",
                run_id=run.id,
                run_attempt=run.run_attempt,
                size_in_bytes=len(content),
                digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
                created_at=now,
                expires_at=now + timedelta(days=14),
            )
            self.actions.artifacts.file(artifact).write_bytes(content)
            run.artifacts.append(artifact)

    def end(self, run: WorkflowRun, conclusion: str) -> None:
        with self.hub.world.lock:
            self.actions.end(self.repo, run, conclusion)

    # ---- the world -------------------------------------------------------------------------

    @property
    def actions(self) -> PlayedActions:
        assert isinstance(self.hub.world.actions, PlayedActions)
        return self.hub.world.actions

    @property
    def repo(self) -> Repository:
        return self.hub.world.repositories[NAME]

    def git(self, *arguments: str) -> str:
        return self.hub.world.git(NAME, *arguments)

    def call(self, verb: str, path: str, **body: Any) -> Any:
        """The maintainer's hand."""
        answer = self.maintainer.request(verb, path, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def pass_time(self, **amount: float) -> None:
        self.hub.world.clock.advance(timedelta(**amount).total_seconds())


def _task(run: WorkflowRun) -> tuple[str, ...]:
    return "--task", run.inputs["task"], "--epoch", run.inputs["epoch"]


def found(root: Path, config: str, agent: str, more: Mapping[str, str] | None = None) -> None:
    """A repository with the factory in it, to be opened with `opened`. `agent`: a shell script;
    `config`: what .github/ao.yml has besides it; `more`: other files."""
    (root / "clone" / ".github").mkdir(parents=True)
    (root / "agent.sh").write_text(agent)
    settings = f"agents: {{name: command, command: 'sh {root}/agent.sh'}}\n{config}"
    (root / "clone" / ".github" / "ao.yml").write_text(settings)
    with LocalGitHub(root / "github") as hub:
        world = hub.world
        world.add_user(OWNER)
        world.add_user(BOT, type="Bot")
        repo = world.create_repository(NAME)
        repo.collaborators |= {OWNER: "admin", BOT: "write"}
        token = world.add_token(OWNER).value
        world.add_token(BOT)
        files: Mapping[str, str] = {**FILES, **(more or {}), ".github/ao.yml": settings}
        first_commit(hub, root / "first", token, files)
        world.drain()  # so that it knows its workflows


@contextmanager
def opened(root: Path, clock: Clock) -> Iterator[Played]:
    with LocalGitHub(root / "github", actions=False, clock=clock) as hub:
        hub.world.actions = PlayedActions(hub.world, max_parallel_jobs=0)
        tokens = {token.login: token.value for token in hub.world.tokens.values()}
        base = f"{hub.api_url}/repos/{NAME}/"
        headers = {"Authorization": f"token {tokens[OWNER]}"}
        with httpx.Client(base_url=base, headers=headers, timeout=60) as api:
            yield Played(hub, root, tokens[OWNER], tokens[BOT], api)
