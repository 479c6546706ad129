"""A repository on this machine, and what inspection says of a forged attempt at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ao_actions.config import Config
from ao_actions.core.model import Phase
from ao_actions.git import Git, Remote
from ao_actions.work.handoff import TaintedError
from ao_actions.work.inspection import Accepted, inspect
from tests.builders import a_claim
from tests.hostile.forgery import FILE, LINK, PROGRAM, Files, Forgery

CONFLICT = b"a\n<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n"
BASE: Files = {
    "README.md": (FILE, b"# widgets\n"),
    "src/code.py": (FILE, b"x = 1\n"),
    "src/tool.sh": (PROGRAM, b"#!/bin/sh\n"),
    "tests/conflict.txt": (FILE, CONFLICT),
    "tests/key.txt": (FILE, b"AKIAABCDEFGHIJKLMNOP\n"),
    "docs/link": (LINK, b"../README.md"),
    "docs/CODEOWNERS": (FILE, b"* @maya\n"),
    "CODEOWNERS": (FILE, b"* @maya\n"),
    "CLAUDE.md": (FILE, b"Be kind.\n"),
    ".github/workflows/ci.yml": (FILE, b"on: push\n"),
    ".vscode/tasks.json": (FILE, b"{}\n"),
    "package.json": (FILE, b"{}\n"),
}


@dataclass(slots=True)
class Target:
    """`repository` is what publish inspects in; `remote` has the base."""

    folder: Path
    remote: Remote
    start: str
    repository: Git

    @classmethod
    def make(cls, folder: Path) -> Target:
        git = Git.scratch(folder / "origin.git")
        first = Forgery()
        start = first.commit(first.tree(BASE), parents=())
        (folder / "base.pack").write_bytes(first.pack())
        with (folder / "base.pack").open("rb") as pack:
            git.bounded("index-pack", "--stdin", stdin=pack)
        git.run("update-ref", "refs/heads/main", start)
        remote = Remote(str(git.directory))
        return cls(folder, remote, start, Git.scratch(folder / "publish.git", remote))

    def fresh(self) -> Target:
        """With a repository that holds nothing of other attempts."""
        count = len(list(self.folder.glob("fresh*")))
        git = Git.scratch(self.folder / f"fresh{count}.git", self.remote)
        return Target(self.folder, self.remote, self.start, git)

    def forgery(self) -> Forgery:
        return Forgery.on(Git(Path(self.remote.url)), self.start)

    def inspect(
        self,
        bundle: Path,
        config: Config | None = None,
        allowed: Callable[[], bool] = lambda: False,
    ) -> Accepted:
        claim = a_claim(head="", base="main", reason=Phase.QUEUED)
        return inspect(self.repository, bundle, claim, config or Config(), allowed)

    def attempt(
        self, changes: Files, config: Config | None = None, *, allowed: bool = False
    ) -> Accepted:
        forged = self.forgery()
        commit = forged.commit(forged.tree(changes))
        return self.inspect(
            forged.bundle(self.folder / "work.bundle", commit), config, lambda: allowed
        )

    def refusal(self, changes: Files, config: Config | None = None) -> str:
        with pytest.raises(TaintedError) as caught:
            self.attempt(changes, config)
        return str(caught.value)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target.make(tmp_path_factory.mktemp("target"))
