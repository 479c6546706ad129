"""`ao-actions demo`: chooses the project, runs the factory, shows the result."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ao_actions.demo import factory, project
from ao_actions.demo.factory import Demo
from ao_actions.demo.narrator import Narrator
from ao_actions.errors import ConfigError, StuckError, ToolMissingError
from ao_actions.localgithub.actions import act
from ao_actions.localgithub.serve import until_signal

REMARK = ("tally/span.py", "What of an empty list? I would expect 0, not an error.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user said on the command line."""

    repo: Path | None = None
    issues: Path | None = None
    agent_command: str | None = None
    ci_command: str | None = None
    keep: Path | None = None


def run(wish: Wish, *, as_json: bool, serve: bool) -> None:
    """:raises StuckError: not every task is done at the end"""
    check(wish)
    with ExitStack() as stack:
        passing = tempfile.TemporaryDirectory(prefix="ao-demo-")
        root = (wish.keep or Path(stack.enter_context(passing))).absolute()
        root.mkdir(parents=True, exist_ok=True)
        demo = _own(wish, root) if wish.repo else _small(root)
        demo.narrator.quiet = as_json
        with demo.run() as result:
            _show(result, demo, wish, as_json=as_json)
            if serve:
                _stay(demo, quiet=as_json)
    open_tasks = [task for task in result["tasks"] if task["phase"] != "done"]
    if open_tasks:
        names = ", ".join(f"#{task['issue']} ({task['phase']})" for task in open_tasks)
        raise StuckError(f"not done: {names}")


def _show(result: dict[str, Any], demo: Demo, wish: Wish, *, as_json: bool) -> None:
    if as_json:
        click.echo(factory.dump(result))
        return
    factory.print_result(result, demo.narrator)
    if wish.keep:
        click.echo(
            f"\nEverything is in {wish.keep}. To serve it again:\n"
            f"  ao-actions localgithub serve --root {shlex.quote(str(demo.root))}"
        )


def _stay(demo: Demo, *, quiet: bool) -> None:
    """Keep the local GitHub and the factory in it at work until Ctrl-C or SIGTERM."""
    with until_signal() as wait:
        if not quiet:
            click.echo("\nThe local GitHub stays up: label another issue. Ctrl-C ends it.\n")
            click.echo(demo.describe())
        wait()


def check(wish: Wish) -> None:
    """:raises AoError: options that do not go together, or a missing program"""
    own = (wish.repo, wish.issues, wish.agent_command)
    if any(own) and not all(own):
        raise ConfigError("--repo, --issues and --agent-command go together")
    if wish.keep and wish.keep.exists() and any(wish.keep.iterdir()):
        raise ConfigError(f"--keep {wish.keep}: the folder is not empty")
    if shutil.which("git") is None:
        raise ToolMissingError("git was not found: install git 2.38 or newer")
    try:
        act.find()
    except FileNotFoundError as error:
        raise ToolMissingError(str(error)) from None


def _small(root: Path) -> Demo:
    state = root / "github" / "agent"
    state.mkdir(parents=True)
    command = [sys.executable, "-m", "ao_actions.demo.agent", str(state)]
    return Demo(
        project=project.small_project(root / "tree"),
        agent_command=shlex.join(command),
        root=root / "github",
        narrator=Narrator(),
        remark=REMARK,
        kill="Add a product",
        late=2,
    )


def _own(wish: Wish, root: Path) -> Demo:
    assert wish.repo and wish.issues and wish.agent_command  # noqa: PT018, S101 - check said so
    own = project.own_project(wish.repo, wish.issues, root / "tree", wish.ci_command)
    return Demo(
        project=own,
        agent_command=wish.agent_command,
        root=root / "github",
        narrator=Narrator(),
    )
