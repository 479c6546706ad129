"""The agents of the list: known, and to be had."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from ao_actions.agents import AGENTS
from ao_actions.agents.install import find_npm
from ao_actions.errors import AgentError, ToolMissingError
from ao_actions.keys import AgentSettings
from ao_actions.setup import exposure
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, unknown, warn
from ao_actions.setup.doctor.context import WORK, Context
from ao_actions.setup.doctor.files import runner_of


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


def _cage(context: Context) -> Finding:
    """By the runner's label, for doctor runs elsewhere; the job's summary says how it was."""
    kind, labels = context.config.runtime.kind, _labels(context)
    where = ", ".join(labels)
    if kind == "docker":
        return ok(f"on {where} the agent runs in a container of its own")
    others = [label for label in labels if label.startswith(("macos-", "windows-"))]
    if kind == "user" and others:
        return fail(f"`runtime: user` takes Linux, and {where} is none", "`runner` in ao.yml")
    if kind == "user":
        return ok(f"on {where} the agent runs under a user of its own")
    if kind == "process" or others or any("self-hosted" in label for label in labels):
        return warn(
            f"on {where} the agent runs as the runner's own user: it can read and change what that "
            "user can, also the programs of the job's later steps, and use sudo if that user can",
            "`runtime: user` in ao.yml, on Linux with root or sudo without a password and one "
            "runner for each machine; or `runtime: docker: IMAGE`",
        )
    if not all(exposure.HOSTED.fullmatch(label) for label in labels):
        return unknown(
            f"on {where} the agent has a user of its own if that is a runner of GitHub's",
            "the summary of its job says so; on a machine of yours set `runtime: user`",
        )
    return ok(f"on {where} the agent runs under a user of its own")


def _labels(context: Context) -> list[str]:
    for file in context.ours:
        if file.path == WORK and "agent" in file.jobs:
            return runner_of(file.jobs["agent"])
    return [context.config.runner]


def _egress(context: Context) -> Finding:
    """Whether the list of hosts lets each agent work, and can be held to (by the label, as `cage`
    says whether that is Linux)."""
    hosts, labels = context.config.runtime.egress, _labels(context)
    if hosts is None:
        return ok("an agent has the runner's whole network: `runtime` names no `egress`")
    alone = [agent.name for agent in context.config.agents if _without_meter(context, agent.name)]
    if alone and not hosts:
        return warn(
            f"{', '.join(alone)} cannot use the meter, and `runtime.egress` allows no host",
            "add its provider's host to `runtime.egress` in ao.yml",
        )
    if not all(exposure.HOSTED.fullmatch(label) for label in labels):
        return unknown(
            f"whether {', '.join(labels)} can part an agent from its network is not seen from here",
            "it takes Linux, and root or sudo without a password; an attempt ends with "
            "`runtime.egress cannot be held to` before its agent is started",
        )
    return ok(f"an agent reaches the meter and {', '.join(hosts) or 'no host'}")


def _without_meter(context: Context, name: str) -> bool:
    agent = AGENTS.get(name)
    copilot = name == "copilot" and context.config.agent_auth == "copilot"
    return copilot or (agent is not None and not agent.credentials)


CHECKS = (
    Check("agents", "an agent that cannot be installed costs an attempt each time", _agents),
    Check("cage", "an agent that was talked into it takes all that its user can get at", _cage),
    Check("egress", "an agent that cannot reach its model ends before it began", _egress),
)
