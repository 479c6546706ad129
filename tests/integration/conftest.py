"""A repository with the factory in it, on the local GitHub: real git, real HTTP, real runs.

Its `ao-work.yml` has the real name and run-name, but its job only waits: the tests play the
work and publish jobs themselves, in the name of the run that was dispatched.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions import publish, reconcile
from ao_actions.config import Config, parse
from ao_actions.core.model import Outcome, TaskRecord
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Identity, Remote
from ao_actions.ledger import Ledger, Tip
from ao_actions.localgithub.model import Artifact, PullRequest, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.runtime import Job
from ao_actions.work import handoff
from ao_actions.work.handoff import Handoff, ThreadReply

NAME = "acme/widgets"
OWNER = "maya"
CONFIG = "agents: {name: command, command: 'true'}\nmax_parallel: 2\nbudget: {attempts: 3}\n"
WORK = """name: ao-work
run-name: "ao #${{ inputs.task }}.${{ inputs.epoch }} ${{ inputs.reason }}"
on:
  workflow_dispatch:
    inputs: {task: {required: true}, epoch: {required: true}, reason: {required: true}}
jobs:
  agent:
    runs-on: ubuntu-latest
    steps:
      - run: sleep 3600
"""
WAKE = "name: ao-reconcile\non: workflow_dispatch\njobs:\n  pass:\n    runs-on: ubuntu-latest\n"
WAKE += "    steps:\n      - run: 'true'\n"
FILES = {
    "README.md": "# widgets\n",
    "src/code.py": "def answer():\n    return 41\n",
    ".github/ao.yml": CONFIG,
    ".github/workflows/ao-work.yml": WORK,
    ".github/workflows/ao-reconcile.yml": WAKE,
}


@dataclass(slots=True)
class Factory:
    """The world, the maintainer's hands, and the factory's own programs as functions."""

    hub: LocalGitHub
    root: Path
    config: Config
    maintainer: httpx.Client
    token: str
    bot: str
    said: list[str] = field(default_factory=list)

    # ---- the factory -----------------------------------------------------------------------

    def client(self, token: str | None = None) -> Client:
        address = Address(api=self.hub.api_url, graphql=self.hub.graphql_url, server=self.hub.url)
        return Client(NAME, token or self.bot, address, pause=lambda _seconds: None)

    def ledger(self, token: str | None = None) -> Ledger:
        remote = Remote(f"{self.hub.url}/{NAME}.git", token or self.bot)
        count = len(list(self.root.glob("ledger*")))
        return Ledger(Git.scratch(self.root / f"ledger{count}.git", remote))

    def reconciler(self, client: Client | None = None) -> reconcile.Reconciler:
        return reconcile.Reconciler(
            client=client or self.client(),
            ledger=self.ledger(),
            policy=self.config.policy(),
            say=self.said.append,
        )

    def reconcile(self, client: Client | None = None, *, dry: bool = False) -> reconcile.Pass:
        return self.reconciler(client).run(dry=dry)

    def reconcile_settled(self) -> list[float]:
        """A pass that looks again when what it saw has settled: the seconds that it waited."""
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            self.pass_time(seconds=seconds)

        self.reconciler().run_settled(wait)
        return waits

    def publication(self, run: WorkflowRun, folder: Path, client: Client | None = None) -> Any:
        """The publish job of a run whose agent job has left this hand-off."""
        if folder.exists():
            name = f"handoff-{run.inputs['task']}-{run.inputs['epoch']}-{run.run_attempt}"
            self.keep(run, name, zipped(folder))
        ledger = self.ledger()
        return publish.Publication(
            client=client or self.client(),
            pusher=client or self.client(),
            ledger=ledger,
            git=ledger.git,
            config=self.config,
            job=Job(run_id=run.id, run_attempt=run.run_attempt),
            say=self.said.append,
        )

    def keep(self, run: WorkflowRun, name: str, content: bytes) -> None:
        """An artifact of a run."""
        now = self.hub.world.clock.now()
        artifact = Artifact(
            id=self.hub.world.next_id(),
            name=name,
            run_id=run.id,
            run_attempt=run.run_attempt,
            size_in_bytes=len(content),
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            created_at=now,
            expires_at=now + timedelta(days=14),
        )
        service: Any = self.hub.world.actions
        service.artifacts.file(artifact).write_bytes(content)
        run.artifacts[:] = [*(old for old in run.artifacts if old.name != name), artifact]

    def publish(self, issue: int, client: Client | None = None, **made: Any) -> Outcome:
        """Publish an attempt of the live claim's run with a hand-off of these changes."""
        run = self.work_run(issue)
        folder = self.hand_off(issue, **made)
        work = self.publication(run, folder, client)
        return publish.publish(work, issue, self.task(issue).epoch)

    def hand_off(
        self,
        issue: int,
        files: dict[str, str] | None = None,
        outcome: Outcome = Outcome.CHANGES,
        replies: dict[str, str] | None = None,
        message: str = "It is done.",
    ) -> Path:
        """What the agent job leaves: made by the real checkout code."""
        from ao_actions.work import checkout, workspace

        record = self.task(issue)
        claim = record.claim
        assert claim is not None
        place = self.root / f"attempt-{record.epoch}-{len(list(self.root.glob('attempt-*')))}"
        remote = Remote(f"{self.hub.url}/{NAME}.git", self.bot)
        tree = checkout.prepare(
            workspace.Places.under(place),
            remote,
            head=claim.head,
            base=claim.base,
            merge=claim.reason == "conflicted",
        )
        for name, content in (files or {}).items():
            (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
            (tree.path / name).write_text(content)
        folder = place / "handoff"
        commit = checkout.commit(tree)
        if commit is not None:
            checkout.bundle(tree, commit, folder)
        given = tuple(ThreadReply(thread=k, body=v) for k, v in (replies or {}).items())
        handoff.write(folder, Handoff(outcome=outcome, message=message, replies=given))
        return folder

    # ---- what is there ---------------------------------------------------------------------

    def tip(self) -> Tip:
        return self.ledger().read()

    def task(self, issue: int) -> TaskRecord:
        return self.tip().book.tasks[issue]

    def finished(self, issue: int) -> TaskRecord:
        return self.ledger().history()[issue]

    @property
    def repo(self) -> Repository:
        return self.hub.world.repositories[NAME]

    def labels(self, number: int) -> set[str]:
        return set(self.repo.issues[number].labels)

    def status_comments(self, number: int) -> list[str]:
        comments = self.repo.issues[number].comments
        return [c.body for c in comments if c.body.startswith("<!-- ao:status -->")]

    def branch(self, name: str) -> str | None:
        return self.hub.world.ref_oid(NAME, f"refs/heads/{name}")

    def pulls(self) -> list[PullRequest]:
        return list(self.repo.pulls.values())

    def work_runs(self) -> list[WorkflowRun]:
        return [run for run in self.repo.runs if run.path.endswith("ao-work.yml")]

    def work_run(self, issue: int) -> WorkflowRun:
        """The newest run dispatched for this issue."""
        return [run for run in self.work_runs() if run.inputs["task"] == str(issue)][-1]

    # ---- the maintainer --------------------------------------------------------------------

    def issue(self, title: str = "Return 42", *, label: bool = True) -> int:
        number: int = self.post("issues", title=title, body="Please.")["number"]
        if label:
            self.post(f"issues/{number}/labels", labels=["ao:ready"])
        return number

    def post(self, path: str, **body: Any) -> Any:
        return self.call("POST", path, **body)

    def call(self, verb: str, path: str, **body: Any) -> Any:
        answer = self.maintainer.request(verb, path, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def push(self, branch: str, files: dict[str, str], *, start: str | None = None) -> str:
        """A human's commit on a branch."""
        count = len(list(self.root.glob("human*")))
        place = self.root / f"human{count}"
        remote = Remote(f"{self.hub.url}/{NAME}.git", self.token)
        place.mkdir()
        git = Git(place, remote)
        git.run("init", "--quiet", str(place))
        git.fetch(start or f"refs/heads/{branch}", depth=None)
        oid = start or git.remote_refs(f"refs/heads/{branch}")[f"refs/heads/{branch}"]
        git.run("checkout", "--quiet", "--detach", oid)
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content)
        person = Identity(OWNER, f"{OWNER}@example.com")
        git.run("add", "--all", identity=person)
        git.run("commit", "--quiet", "-m", "By hand", identity=person)
        git.run("push", "--quiet", "--force", remote.url, f"HEAD:refs/heads/{branch}")
        return git.run("rev-parse", "HEAD")

    def end_run(self, run: WorkflowRun) -> None:
        """The run's machine dies, and GitHub notices."""
        service: Any = self.hub.world.actions
        service.kill_run(self.repo, run)
        self.until(lambda: run.status == "completed")

    def lose_run(self, run: WorkflowRun) -> None:
        """... and enough time goes by to be certain that it has left no hand-off."""
        self.end_run(run)
        self.pass_time(minutes=1)

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait for the local GitHub, which works in threads of its own."""
        deadline = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def pass_time(self, **amount: float) -> None:
        self.hub.world.clock.advance(timedelta(**amount).total_seconds())


def zipped(folder: Path) -> bytes:
    """A folder as upload-artifact packs it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder).as_posix())
    return out.getvalue()


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    with founded(tmp_path) as made:
        yield made


@contextmanager
def founded(tmp_path: Path, files: Mapping[str, str] = FILES) -> Iterator[Factory]:
    """The factory in a new repository with these files."""
    with LocalGitHub(tmp_path / "github") as hub:
        world = hub.world
        world.add_user(OWNER)
        world.add_user("ao-bot", type="Bot")
        repo = world.create_repository(NAME)
        repo.collaborators |= {OWNER: "admin", "ao-bot": "write"}
        token = world.add_token(OWNER).value
        bot = world.add_token("ao-bot").value
        first_commit(hub, tmp_path / "first", token, files)
        base = f"{hub.api_url}/repos/{NAME}/"
        with httpx.Client(base_url=base, headers={"Authorization": f"token {token}"}) as api:
            yield Factory(hub, tmp_path, parse(files[".github/ao.yml"]), api, token, bot)


def first_commit(hub: LocalGitHub, place: Path, token: str, files: Mapping[str, str]) -> None:
    remote = Remote(f"{hub.url}/{NAME}.git", token)
    place.mkdir()
    git = Git(place, remote)
    git.run("init", "--quiet", "--initial-branch=main", str(place))
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)
    git.run("add", "--all")
    git.run("commit", "--quiet", "-m", "Begin")
    git.run("push", "--quiet", remote.url, "HEAD:refs/heads/main")
