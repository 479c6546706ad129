"""Runs the factory on a local GitHub until every task has come to its end."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from ao_actions import __version__
from ao_actions import config as configuration
from ao_actions.agents import AGENTS
from ao_actions.config import Config
from ao_actions.core.model import Book, Pause, Phase, TaskRecord
from ao_actions.demo.maintainer import LOGIN, Maintainer, Move
from ao_actions.demo.narrator import Narrator
from ao_actions.demo.project import Project
from ao_actions.demo.result import Outcome
from ao_actions.errors import AoError
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Identity, Remote
from ao_actions.insight import status
from ao_actions.keys import AgentSettings
from ao_actions.ledger import Ledger
from ao_actions.localgithub import serve
from ao_actions.localgithub.model import Event, Protection, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.localgithub.world import World
from ao_actions.reconcile import Reconciler
from ao_actions.rendering import folder
from ao_actions.setup import labels
from ao_actions.setup.hosting import Hosting
from ao_actions.setup.init import apply
from ao_actions.setup.wish import Wish

BOT = "tally-bot"
ACTION = "ao-actions/ao-actions"
IDLE = 0.5  # seconds without a run or an event before the clock may be moved
HOUR = 3600.0


@dataclass(slots=True, kw_only=True)
class Demo:
    """One run of the factory. `kill`: title of the issue whose first run dies; `auth`: which
    token pushes (with "token" CI waits until the maintainer approves its runs); `slots`: tasks at
    work at once. `secrets`: what the repository is to hold for the agents, in memory only."""

    project: Project
    agents: tuple[AgentSettings, ...]
    root: Path
    narrator: Narrator
    cast: str = "the agent and the maintainer are scripted programs, all else is real"
    script: Mapping[str, tuple[Move, ...]] = field(default_factory=dict)
    people: Callable[[World, str], None] | None = None  # others than the maintainer
    kill: str | None = None
    late: int = 0  # how many issues get their label only when the slots are full
    auth: str = "pat"
    minutes: float = 10.0
    slots: int = 2
    agent_auth: str = "key"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    _killed: set[int] = field(default_factory=set)
    _pauses: dict[tuple[str, datetime], Pause] = field(default_factory=dict)
    _hub: LocalGitHub | None = None

    @contextmanager
    def run(self) -> Iterator[dict[str, Any]]:
        """The whole of it; the result is the demo's `--json`. Its world stands till the exit.

        :raises AoError: the factory did not come to rest in time
        """
        started = time.monotonic()
        with self.serving() as hub:
            token = self._set_up(hub)
            say = self.narrator.say
            maintainer = Maintainer(hub, self.project.name, token, say, self.script)
            hub.world.subscribe(self.narrator.hear)
            hub.world.subscribe(lambda event: self._maybe_kill(hub, event))
            maintainer.start()
            try:
                with self._api(hub, token) as api:
                    self._label(hub, api)
                    self._until_settled(hub, token)
                yield self._result(hub, token, time.monotonic() - started)
            finally:
                maintainer.stop()

    def install(self) -> None:
        """Install the agents once, before the clock runs: every job finds them.

        :raises AoError: one cannot be installed
        """
        for agent in (AGENTS[settings.name] for settings in self.agents):
            if agent.version is not None:
                self.narrator.say(f"installing {agent.name} {agent.version}")
                agent.install(self.installed)

    @contextmanager
    def serving(self) -> Iterator[LocalGitHub]:
        bin_folder = Path(sys.executable).parent
        with LocalGitHub(
            self.root,
            path_entries=[bin_folder],
            environment=self._runner(),
            max_parallel_jobs=4,
        ) as hub:
            self._hub = hub
            yield hub

    def _runner(self) -> dict[str, str]:
        """A machine that stays where an agent has to be installed, or has a session to keep."""
        if all(AGENTS[agent.name].version is None for agent in self.agents):
            return {}
        return {"AO_WORK_ROOT": str(self.root / "work"), "AO_AGENTS": str(self.installed)}

    @property
    def installed(self) -> Path:
        """Where the agents are installed: once for all jobs, or where the user has them."""
        given = os.environ.get("AO_AGENTS")
        return Path(given).absolute() if given else self.root / "agents"

    def describe(self) -> str:
        """Where the running local GitHub is, and how to reach it."""
        assert self._hub is not None  # noqa: S101 - only asked while it runs
        return serve.describe(self._hub, None)

    # ---- set-up ----------------------------------------------------------------------------

    def _set_up(self, hub: LocalGitHub) -> str:
        """The repository with the factory in it; the maintainer's token."""
        world, name = hub.world, self.project.name
        world.add_user(LOGIN)
        world.add_user(BOT)
        repo = world.create_repository(name)
        repo.collaborators |= {LOGIN: "admin", BOT: "write"}
        repo.protection["main"] = Protection(required_approvals=1)
        if self.people is not None:
            self.people(world, name)
        token = world.add_token(LOGIN).value
        repo.secrets["AO_TOKEN"] = world.add_token(BOT).value
        world.passing_secrets[name] = dict(self.secrets)
        tree = self.project.tree
        if not (tree / ".git").exists():
            Git(tree).run("init", "--quiet", "--initial-branch=main", str(tree))
        wish = Wish(
            agent=self.agents[0].name,
            command=self.agents[0].command,
            agent_auth=self.agent_auth,
            auth=self.auth,
            action=self._publish_action(hub),
            ci_trust="approve" if self.auth == "token" else "auto",
            verify=(),
        )
        hosting = Hosting(name=name, server=hub.url, private=False)
        written = apply(tree, wish, hosting)
        self._choose(tree)
        apply(tree, wish, hosting)
        labels.create(self._client(hub, token), Config().labels)
        self._push(hub, token, tree, name)
        files = ", ".join(Path(file.path).name for file in written)
        self.narrator.say(f"{hub.url}/{name}: a local GitHub; init wrote {files}")
        self.narrator.say(self.cast)
        return token

    def _choose(self, tree: Path) -> None:
        """What a maintainer would set: the slots, and for agents of their own how they work."""
        path = tree / configuration.PATH
        text = path.read_text(encoding="utf-8")
        text = text.replace("max_parallel: 3", f"max_parallel: {self.slots}")
        if self._runner():
            agents = [
                {key: value for key, value in dataclasses.asdict(agent).items() if value}
                for agent in self.agents
            ]
            line = f"agents: {json.dumps(agents)}\n"
            text = re.sub(r"^agents:\n(  .*\n)+", lambda _: line, text, flags=re.MULTILINE)
            text += "\n# The repository is public, and its artifacts hold nothing but a demo.\n"
            text += "sessions: always\n"
        path.write_text(text, encoding="utf-8")

    def _publish_action(self, hub: LocalGitHub) -> str:
        """Our own action as a repository with a release tag; its commit, for `uses:`."""
        hub.world.create_repository(ACTION)
        token = hub.world.add_token(ACTION.split("/", maxsplit=1)[0]).value
        tree = self.root / "action"
        shutil.copytree(folder(), tree / "templates")
        packaged = folder() / "action.yml"
        source = packaged if packaged.exists() else folder().parent / "action.yml"
        shutil.copyfile(source, tree / "action.yml")
        (tree / "ao_actions").mkdir()
        version = f'__version__ = "{__version__}"\n'
        (tree / "ao_actions" / "__init__.py").write_text(version, encoding="utf-8")
        commit = self._push(hub, token, tree, ACTION, f"refs/tags/v{__version__}")
        return f"{ACTION}@{commit}"

    def _push(self, hub: LocalGitHub, token: str, tree: Path, name: str, *refs: str) -> str:
        """Everything in a folder, as the first commit of a repository; that commit."""
        remote = Remote(f"{hub.url}/{name}.git", token)
        git = Git(tree, remote)
        person = Identity(LOGIN, f"{LOGIN}@example.com")
        if not (tree / ".git").exists():
            git.run("init", "--quiet", "--initial-branch=main", str(tree))
        git.run("add", "--all", "--force", identity=person)
        git.run("commit", "--quiet", "-m", "Begin", identity=person)
        git.run("push", "--quiet", remote.url, *(f"HEAD:{r}" for r in ("refs/heads/main", *refs)))
        return git.run("rev-parse", "HEAD").strip()

    def _label(self, hub: LocalGitHub, api: httpx.Client) -> None:
        """Open the issues and label them, the late ones when the slots are taken."""
        numbers = [
            api.post("issues", json={"title": title, "body": body}).json()["number"]
            for title, body in self.project.issues
        ]
        early = numbers[: len(numbers) - self.late]
        for number in early:
            api.post(f"issues/{number}/labels", json={"labels": ["ao:ready"]}).raise_for_status()
        if self.late:
            self._wait(lambda: self._working(hub) >= 2, "two tasks to be claimed")
            self.narrator.say("max_parallel is 2 and both slots are taken: the next have to wait")
        for number in numbers[len(early) :]:
            api.post(f"issues/{number}/labels", json={"labels": ["ao:ready"]}).raise_for_status()

    def _working(self, hub: LocalGitHub) -> int:
        with hub.world.lock:
            repo = hub.world.repositories[self.project.name]
            return sum(run.path.endswith("ao-work.yml") for run in repo.runs)

    def _maybe_kill(self, hub: LocalGitHub, event: Event) -> None:
        """The runner of one chosen attempt dies: its process group is killed."""
        if self.kill is None or event.name != "workflow_job" or event.action != "in_progress":
            return
        job = event.payload["workflow_job"]
        with hub.world.lock:
            repo = hub.world.repositories[self.project.name]
            run = next((run for run in repo.runs if run.id == job["run_id"]), None)
        if run is not None and not self._killed and self._is_target(repo, run):
            self._killed.add(run.id)
            state = self.root / "agent" / "hung-once"
            self._wait(state.exists, "the agent to hang")
            self.narrator.say(f"the runner of [{run.display_title}] is killed", "yellow")
            hub.world.actions.kill_run(repo, run)  # type: ignore[union-attr]
            self._wait(lambda: run.status == "completed", "the killed run to end")
            # it has left no hand-off, and at once that is certain
            hub.world.clock.advance(60)

    def _is_target(self, repo: Repository, run: WorkflowRun) -> bool:
        if not run.path.endswith("ao-work.yml"):
            return False
        issue = repo.issues.get(int(run.inputs.get("task", 0)))
        return issue is not None and issue.title == self.kill

    # ---- running ---------------------------------------------------------------------------

    def _until_settled(self, hub: LocalGitHub, token: str) -> None:
        """Let the workflows work; when all is still, let time pass, as it would."""
        quiet_since = time.monotonic()
        deadline = time.monotonic() + self.minutes * 60
        moved = 0
        while not self._settled(hub) or self._busy(hub):
            if time.monotonic() > deadline:
                raise AoError(
                    f"the factory did not come to rest in {self.minutes:g} minutes:\n"
                    + status.table(self._rows(hub, token))
                )
            if self._busy(hub):
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > IDLE:
                if moved >= 3 and self._stuck(hub, token):
                    return
                self._pauses |= self._paused(hub)
                moved += 1
                self.narrator.say("nothing happens: an hour passes on the local GitHub's clock")
                hub.world.clock.advance(HOUR)
                quiet_since = time.monotonic()
            time.sleep(0.1)

    def _busy(self, hub: LocalGitHub) -> bool:
        actions = hub.world.actions
        return actions is not None and not actions.wait_idle(0.01)

    def _settled(self, hub: LocalGitHub) -> bool:
        """Every task's record stands among the finished ones."""
        return len(self._finished(hub)) == len(self.project.issues)

    def _finished(self, hub: LocalGitHub) -> dict[int, TaskRecord]:
        with self._ledger(hub) as ledger:
            return ledger.history()

    def _book(self, hub: LocalGitHub) -> Book:
        with self._ledger(hub) as ledger:
            return ledger.read().book

    def _paused(self, hub: LocalGitHub) -> dict[tuple[str, datetime], Pause]:
        paused = self._book(hub).fleet.paused
        return {(agent, pause.since): pause for agent, pause in paused.items()}

    @contextmanager
    def _ledger(self, hub: LocalGitHub) -> Iterator[Ledger]:
        remote = Remote(str(hub.world.git_dir(self.project.name)))
        with tempfile.TemporaryDirectory() as scratch:
            yield Ledger(Git.scratch(Path(scratch), remote))

    def _stuck(self, hub: LocalGitHub, token: str) -> bool:
        rows = self._rows(hub, token)
        return bool(rows) and all(row["phase"] == Phase.NEEDS_HUMAN for row in rows)

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            if time.monotonic() > deadline:
                raise AoError(f"the demo waited a minute for {what}")
            time.sleep(0.05)

    # ---- the result ------------------------------------------------------------------------

    def _rows(self, hub: LocalGitHub, token: str) -> list[dict[str, Any]]:
        client = self._client(hub, token)
        remote = Remote(client.address.repository(client.repository), token)
        with tempfile.TemporaryDirectory() as scratch:
            ledger = Ledger(Git.scratch(Path(scratch), remote))
            policy = configuration.load(self.project.tree).policy()
            reconciler = Reconciler(
                client=client, ledger=ledger, policy=policy, say=lambda _line: None
            )
            return status.rows(reconciler.look(), policy)

    def _result(self, hub: LocalGitHub, token: str, seconds: float) -> dict[str, Any]:
        outcome = Outcome(
            hub=hub,
            repository=self.project.name,
            records={**self._book(hub).tasks, **self._finished(hub)},
            rows=self._rows(hub, token),
            pauses=[(agent, pause) for (agent, _), pause in sorted(self._pauses.items())],
            seconds=seconds,
        )
        return outcome.value()

    def _client(self, hub: LocalGitHub, token: str) -> Client:
        address = Address(api=hub.api_url, graphql=hub.graphql_url, server=hub.url)
        return Client(self.project.name, token, address)

    @contextmanager
    def _api(self, hub: LocalGitHub, token: str) -> Iterator[httpx.Client]:
        base = f"{hub.api_url}/repos/{self.project.name}/"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, headers=headers, timeout=30) as api:
            yield api
