"""The agents of the list: known, and to be had."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from ao_actions.agents import AGENTS
from ao_actions.agents.install import find_npm
from ao_actions.config import AgentSettings
from ao_actions.errors import AgentError, ToolMissingError
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, warn
from ao_actions.setup.doctor.context import Context


def _agents(context: Context) -> Finding:
    settings = context.config.agents
    strange = [agent.name for agent in settings if agent.name not in AGENTS]
    if strange:
        return fail(
            f"not known: {', '.join(strange)}", f"`agents` in ao.yml: {', '.join(AGENTS)} are"
        )
    broken = [agent.name for agent in settings if not _splits(agent)]
    if broken:
        return fail("the agent `command` has a command with an open quote", "`agents` in ao.yml")
    pinned = [agent.name for agent in settings if AGENTS[agent.name].version]
    if not pinned:
        return ok(f"{', '.join(agent.name for agent in settings)}: nothing is installed for it")
    return _installed(pinned) if context.install else _installable(pinned)


def _splits(agent: AgentSettings) -> bool:
    try:
        return agent.command is None or bool(shlex.split(agent.command))
    except ValueError:
        return False


def _installable(names: list[str]) -> Finding:
    """By the look of it: this machine is not the runner, which on GitHub has npm."""
    try:
        find_npm()
    except ToolMissingError as error:
        return warn(
            f"{_named(names)}: this machine has no npm",
            f"GitHub's runners have it; for a machine of your own: {error}",
        )
    return ok(f"{_named(names)}: npm is here to install it (`--install` tries)")


def _installed(names: list[str]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="ao-agents-") as folder:
        for name in names:
            try:
                AGENTS[name].install(Path(folder))
            except (AgentError, ToolMissingError) as error:
                return fail(str(error), "see what npm says; is its registry to be reached?")
    return ok(f"{_named(names)}: was installed to try it, and taken away again")


def _named(names: list[str]) -> str:
    return ", ".join(f"{name} {AGENTS[name].version}" for name in names)


CHECKS = (Check("agents", "an agent that cannot be installed costs an attempt each time", _agents),)
