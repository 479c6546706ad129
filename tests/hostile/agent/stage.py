"""The whole factory on the local GitHub, with the hostile agent in the place of Claude Code.

`python -m tests.hostile.agent.stage ROOT RUNTIME` prints what came of it as JSON. `ROOT` is a
folder that every user may enter, as a runner's is.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ao_actions import config, runtime
from ao_actions.agents import AGENTS
from ao_actions.agents.claude_code import PIN
from ao_actions.demo import project
from ao_actions.demo.factory import Demo
from ao_actions.demo.narrator import Narrator
from ao_actions.keys import AgentSettings
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.modelserver import ModelServer, Scenario
from ao_actions.setup import scripted

PROGRAM = Path(__file__).with_name("hostile.py")


@dataclass(slots=True, kw_only=True)
class Hostile(Demo):
    """A demo whose agent is our enemy, in the runtime that is to hold it."""

    cage: str
    machine: Path

    def _set_up(self, hub: LocalGitHub) -> str:
        (self.machine / "port").write_text(hub.url.rpartition(":")[2])
        return Demo._set_up(self, hub)

    def _runner(self) -> dict[str, str]:
        return {
            "AO_WORK_ROOT": str(self.machine / "work"),
            "AO_AGENTS": str(self.machine / "agents"),
        }

    def _choose(self, tree: Path) -> None:
        Demo._choose(self, tree)
        with (tree / config.PATH).open("a", encoding="utf-8") as file:
            file.write(f"runtime: {self.cage}\n")


def enlist(machine: Path) -> None:
    """Put the hostile program where the installed agent would be."""
    package = PIN.program.replace("*", "linux-x64").removesuffix("/claude")
    folder = machine / "agents" / f"{PIN.agent}-{PIN.version}" / "node_modules" / package
    folder.mkdir(parents=True)
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or sys.executable
    program = folder / "claude"
    program.write_text(f"#!{python} -I\n{PROGRAM.read_text()}")
    program.chmod(0o755)


def play(machine: Path, cage: str) -> dict[str, Any]:
    enlist(machine)
    canaries = machine / "canaries"
    canaries.mkdir()
    canaries.chmod(0o777)
    key = f"sk-hostile-{secrets.token_hex(20)}"
    with ModelServer((Scenario(()),)) as model:
        demo = Hostile(
            project=project.small_project(machine / "tree", titles=("Add a median", "Add a mode")),
            agents=(AgentSettings(name="claude-code"),),
            root=machine / "github",
            narrator=Narrator(_console=Console(file=sys.stderr, soft_wrap=True)),
            secrets=scripted.handed(AGENTS["claude-code"], model.url, key),
            slots=1,
            cage=cage,
            machine=machine,
        )
        with demo.run() as result:
            assert demo._hub is not None
            repo = demo._hub.world.repositories[demo.project.name]
            result["pulls"] = [
                {
                    "number": p.number,
                    "title": repo.issues[p.number].title,
                    "body": repo.issues[p.number].body,
                }
                for p in repo.pulls.values()
            ]
            result["reports"] = [
                json.loads(
                    demo._hub.world.git(demo.project.name, "show", f"{p.head_sha}:report.json")
                )
                for p in repo.pulls.values()
            ]
            result["comments"] = [
                (comment.user, comment.body)
                for issue in repo.issues.values()
                for comment in issue.comments
            ]
    sprung = sorted(path.name for path in canaries.iterdir())
    return {**result, "key": key, "sprung": sprung}


if __name__ == "__main__":
    runtime.hide()  # as the runner's service, it is not what is tried here
    print(json.dumps(play(Path(sys.argv[1]), sys.argv[2])))
