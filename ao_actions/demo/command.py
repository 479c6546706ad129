"""`ao-actions demo`: checks the options, runs the factory, shows the result."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from ao_actions.demo import result, stage
from ao_actions.demo.factory import Demo
from ao_actions.demo.stage import LIMITED, SCENARIOS, SCRIPTED, Wish
from ao_actions.errors import ConfigError, StuckError, ToolMissingError
from ao_actions.git import check_version
from ao_actions.localgithub.actions import act
from ao_actions.localgithub.serve import until_signal


def run(wish: Wish, *, as_json: bool, serve: bool) -> None:
    """:raises StuckError: not every task has come to its end"""
    check(wish)
    with ExitStack() as stack:
        passing = tempfile.TemporaryDirectory(prefix="ao-demo-")
        root = (wish.keep or Path(stack.enter_context(passing))).absolute()
        root.mkdir(parents=True, exist_ok=True)
        staged = stage.prepare(wish, root, stack)
        demo = staged.demo
        demo.narrator.quiet = as_json
        demo.install()
        with demo.run() as found:
            found.update(staged.seen())
            _show(found, demo, wish, as_json=as_json)
            if serve:
                _stay(demo, quiet=as_json)
    open_tasks = [task for task in found["tasks"] if task["phase"] not in ("done", "withdrawn")]
    if open_tasks:
        names = ", ".join(f"#{task['issue']} ({task['phase']})" for task in open_tasks)
        raise StuckError(f"not done: {names}")


def _show(found: Mapping[str, Any], demo: Demo, wish: Wish, *, as_json: bool) -> None:
    if as_json:
        click.echo(result.dump(found))
        return
    result.show(found, demo.narrator)
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
    _check_agents(wish)
    _check_program(wish.agent_command)
    if wish.keep and wish.keep.exists() and any(wish.keep.iterdir()):
        raise ConfigError(f"--keep {wish.keep}: the folder is not empty")
    check_version()
    try:
        act.find()
    except FileNotFoundError as error:
        raise ToolMissingError(str(error)) from None


def _check_agents(wish: Wish) -> None:
    limits = wish.scenario == "limits"
    if wish.repo and (wish.agent or wish.scenario != SCENARIOS[0]):
        raise ConfigError("--agent and --scenario are for the demo's own project: leave out --repo")
    if limits and (wish.agent or wish.model_server not in (None, SCRIPTED)):
        raise ConfigError(
            f"--scenario limits has its own agents, {' and '.join(LIMITED)}, on a scripted model: "
            "leave out --agent and --model-server"
        )
    if wish.agent and wish.scenario == "feedback":
        raise ConfigError("--scenario feedback has its own agent: leave out --agent")
    if wish.model_server and not (wish.agent or limits):
        raise ConfigError("--model-server needs --agent: the demo's own agent asks no model")
    if wish.model_server not in (None, SCRIPTED) and not _is_url(str(wish.model_server)):
        raise ConfigError(f"--model-server {wish.model_server}: {SCRIPTED!r} or a URL is wanted")


def _check_program(command: str | None) -> None:
    """A path that is not absolute is one in the repository, or in none: that shows later."""
    try:
        program = next(iter(shlex.split(command or "")), "")
    except ValueError as error:
        raise ConfigError(f"--agent-command {command}: {error}") from None
    looked_up = program and (program.startswith("/") or "/" not in program)
    if looked_up and shutil.which(program) is None:
        raise ConfigError(f"--agent-command {command}: {program} is no program on this machine")


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
