"""An agent on a scripted model: what has to be handed over so that it needs no account.

The demo and `agents check` share it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from ao_actions.agents import AGENTS, Agent, providers
from ao_actions.errors import ConfigError
from ao_actions.modelserver import Answer, Edit, Run, Say

# These are called with a model. The scripted one answers to any; one with a price shows more.
MODEL_NEEDED = frozenset({"aider", "copilot", "opencode"})
MODELS = {"anthropic": "claude-sonnet-4-5", "openai": "gpt-5.4"}
# aider reads its edits off the text of one answer, and runs no commands.
TOOLLESS = frozenset({"aider"})


def named(name: str) -> Agent:
    """:raises ConfigError: no agent is called that"""
    if name in AGENTS:
        return AGENTS[name]
    near = difflib.get_close_matches(name, AGENTS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(AGENTS)}"
    raise ConfigError(f"no agent is called {name!r}: {hint}")


def unscriptable(agent: Agent) -> str | None:
    """Why an agent cannot be run on a scripted model, or None."""
    if agent.name == "command":
        return "it is a program of yours: nothing is installed, and which model it asks is its own"
    if agent.version is None:
        return f"nothing serves {agent.about.title} in a pinned version, so it was never run here"
    if not agent.credentials:
        return f"{agent.about.title} cannot be sent to another model than its own"
    return None


def handed(agent: Agent, url: str, key: str) -> dict[str, str]:
    """The names that a job hands over to send this agent's calls to a server, with their values.

    `url` is the server's: the path that the provider's own address has is added.
    """
    credential = next(name for name in agent.credentials if "OAUTH" not in name)
    provider = providers.PROVIDERS[providers.CREDENTIALS[credential].provider]
    return {credential: key, provider.address: url.rstrip("/") + urlsplit(provider.url).path}


def model(agent: Agent, environment: Mapping[str, str]) -> str | None:
    """A model of the provider whose key is there, for an agent that has to be given one."""
    credential = providers.held(agent, environment)
    if credential is None or agent.name not in MODEL_NEEDED:
        return None
    return MODELS[credential.provider]


def turns(agent: Agent, steps: Iterable[Edit | Run], said: str) -> list[Answer]:
    """One answer for each step and one for the words; for an agent without tools, all in one."""
    if agent.name in TOOLLESS:
        edits = [step for step in steps if isinstance(step, Edit)]
        return [Answer((*edits, Say(said)))]
    return [*(Answer((step,)) for step in steps), Answer((Say(said),))]
