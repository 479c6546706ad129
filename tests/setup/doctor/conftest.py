"""A healthy repository with the factory in it, on one local GitHub for the whole module."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ao_actions.config import parse
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from ao_actions.localgithub import seed
from ao_actions.localgithub.model import Environment, Label, Protection, Repository
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.setup import drift
from ao_actions.setup.doctor import CHECKS, Context, Level, Row, examine_all
from ao_actions.setup.labels import TEXTS

ACTION = f"acme/ao-actions@{'1' * 40} # v0.1.0"
CONFIG = "agents: claude-code\nci_workflows: [CI]\n"
CI = """name: CI
on: {pull_request: }
permissions: {contents: read}
jobs:
  test: {runs-on: ubuntu-latest, steps: [{run: make test}]}
"""
WORKFLOWS = ".github/workflows"


@dataclass(slots=True)
class Site:
    """A repository, its administrator's token, and hands to break it with."""

    hub: LocalGitHub
    root: Path
    name: str
    token: str
    environment: dict[str, str] = field(default_factory=dict)
    install: bool = False

    @property
    def repo(self) -> Repository:
        return self.hub.world.repositories[self.name]

    def write(self, **files: str | None) -> None:
        """Commit on the default branch: `ci=` is .github/workflows/ci.yml, `ao=` is ao.yml."""
        paths = {"ao": ".github/ao.yml"}
        named = {paths.get(k, f"{WORKFLOWS}/{k}.yml"): text for k, text in files.items()}
        seed.commit_files(self.hub.world, self.repo, named, "Change the settings")
        self.hub.world.drain()

    def configure(self, text: str, action: str = ACTION) -> None:
        """ao.yml, and the workflows that init makes of it."""
        files = {".github/ao.yml": text, **drift.generated(parse(text), action)}
        seed.commit_files(self.hub.world, self.repo, files, "Set up")
        self.hub.world.drain()

    def workflow(self, name: str) -> str:
        text = self.hub.world.git(self.name, "show", f"main:{WORKFLOWS}/{name}.yml")
        return f"{text.rstrip()}\n"

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.workflow(name)
        assert old in text
        self.write(**{name: text.replace(old, new)})

    def state(self, name: str, state: str) -> None:
        for record in self.repo.workflows:
            if record.path.endswith(f"/{name}.yml"):
                record.state = state

    def client(self) -> Client:
        address = Address(self.hub.api_url, self.hub.graphql_url, self.hub.url)
        return Client(self.name, self.token, address, pause=lambda _seconds: None)

    def ledger(self) -> Ledger:
        count = len(list(self.root.glob("ledger*")))
        remote = Remote(f"{self.hub.url}/{self.name}.git", self.token)
        return Ledger(Git.scratch(self.root / f"ledger{count}.git", remote))

    def context(self) -> Context:
        return Context(self.client(), self.ledger(), None, self.install, self.environment)

    def examine(self, *, fix: bool = False) -> dict[str, Row]:
        rows = examine_all(CHECKS, self.context, fix=fix)
        return {row.check.name: row for row in rows}

    def ill(self, *, fix: bool = False) -> dict[str, Level]:
        """Checks that are not ok, and how they are."""
        rows = self.examine(fix=fix)
        return {n: r.finding.level for n, r in rows.items() if r.finding.level is not Level.OK}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path_factory.mktemp("github")) as running:
        world = running.world
        for login in ("maya", "noor"):
            world.add_user(login)
        world.add_user("ao-machine")
        yield running


NUMBERS = itertools.count(1)


@pytest.fixture
def site(hub: LocalGitHub, tmp_path: Path) -> Site:
    name = f"acme/widgets-{next(NUMBERS)}"
    world = hub.world
    repo = world.create_repository(name)
    repo.collaborators |= {"maya": "admin", "noor": "write"}
    repo.labels += [Label(world.next_id(), f"ao:{key.replace('_', '-')}") for key in TEXTS]
    repo.environments = [Environment(world.next_id(), "ao", ["main"], {"ANTHROPIC_API_KEY": "x"})]
    repo.protection["main"] = Protection(["test"], 1)
    made = Site(hub, tmp_path, name, world.add_token("maya").value)
    made.write(ci=CI)
    made.configure(CONFIG)
    return made
