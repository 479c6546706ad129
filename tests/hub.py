"""A ledger's remote: a bare repository, what is in it, and what people do to it by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ao_actions.bookfiles import LEDGER
from ao_actions.core import actions
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from tests.builders import NOW, POLICY


@dataclass
class Hub:
    """A bare repository, and what is in it."""

    path: Path

    def git(self, *args: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["git", *args], cwd=self.path, input=stdin, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def refs(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def log(self, ref: str = LEDGER) -> list[str]:
        return self.git("log", "--format=%s", ref).splitlines()

    def files(self, ref: str = LEDGER) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", ref).splitlines()

    def file(self, path: str, ref: str = LEDGER) -> dict:
        return json.loads(self.git("show", f"{ref}:{path}"))

    def put(self, files: Mapping[str, str], ref: str = LEDGER) -> str:
        """A commit with exactly these files, as if somebody had written them by hand."""
        tree = ""
        commands = [f"commit {ref}\ncommitter x <x@y> 0 +0000\ndata 0"]
        commands += [f"from {ref}^0"] if ref in self.refs() else []
        commands += ["deleteall"]
        for path, content in files.items():
            size = len(content.encode())
            tree += f"M 100644 inline {path}\ndata {size}\n{content}\n"
        self.git("fast-import", "--quiet", "--force", stdin="\n".join([*commands, tree]))
        return self.git("rev-parse", ref)


Writer = Callable[..., Ledger]


def make_hub(folder: Path) -> Hub:
    path = folder / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    return Hub(path)


def make_writer(folder: Path, hub: Hub) -> Writer:
    """Makes ledgers with scratch repositories of their own; `git` may be another kind of `Git`."""
    numbers = count()

    def make(git: type[Git] = Git, **given: object) -> Ledger:
        scratch = git.scratch(folder / f"writer{next(numbers)}.git", Remote(str(hub.path)))
        options = {"pause": lambda _seconds: None, "jitter": lambda: 1.0, **given}
        return Ledger(scratch, **options)  # type: ignore[arg-type]

    return make


def write(ledger: Ledger, *steps: actions.Action, tries: int = 3):
    return ledger.transact(lambda _tip: steps, POLICY, clock=lambda: NOW, tries=tries)
