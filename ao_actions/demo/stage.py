"""Who works on what in a demo: a program of the demo's, one of the user's, or a real agent."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Container, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions.agents import AGENTS, Agent, providers
from ao_actions.demo import feedback, model, project
from ao_actions.demo.factory import Demo
from ao_actions.demo.maintainer import APPROVE
from ao_actions.demo.model import Key
from ao_actions.demo.narrator import Narrator
from ao_actions.errors import ConfigError
from ao_actions.keys import AgentSettings
from ao_actions.modelserver import ModelServer
from ao_actions.setup import scripted

SCENARIOS = ("tasks", "limits", "feedback")
LIMITED = ("claude-code", "codex")  # who works in the scenario `limits`
SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user said on the command line."""

    repo: Path | None = None
    issues: Path | None = None
    agent_command: str | None = None
    ci_command: str | None = None
    keep: Path | None = None
    agent: str | None = None
    model_server: str | None = None
    scenario: str = SCENARIOS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A demo, and the model that its agents ask if that is ours."""

    demo: Demo
    model: ModelServer | None = None
    key: Key | None = None

    def seen(self) -> dict[str, Any]:
        """What an agent that searched for the model's key has found."""
        if self.model is None or self.key is None:
            return {}
        return {"seen": self.key.seen(self.model.asked)}


def prepare(wish: Wish, root: Path, stack: ExitStack) -> Stage:
    """:raises ConfigError: an agent that is not known, or cannot be run like this"""
    if wish.repo:
        return Stage(demo=_own(wish, root))
    if wish.scenario == "limits":
        return _limits(root, stack)
    if wish.agent is None:
        return Stage(demo=_feedback(root) if wish.scenario == "feedback" else _small(root))
    agent = scripted.named(wish.agent)
    why_not = scripted.unscriptable(agent)
    if why_not:
        raise ConfigError(f"--agent {agent.name}: {why_not}")
    if wish.model_server == SCRIPTED:
        return _on_script(agent, root, stack)
    if wish.model_server:
        secrets = scripted.handed(agent, wish.model_server, Key().value)
        return Stage(demo=_real(root, [agent], secrets))
    return Stage(demo=_on_its_provider(agent, root))


def _small(root: Path) -> Demo:
    return Demo(
        project=project.small_project(root / "tree"),
        agents=(_program(root),),
        root=root / "github",
        narrator=Narrator(),
        script={feedback.SPAN: (feedback.EMPTY, APPROVE)},
        kill="Add a product",
        late=2,
    )


def _feedback(root: Path) -> Demo:
    return Demo(
        project=project.small_project(root / "tree", issues=feedback.ISSUES, ci=feedback.CI),
        agents=(_program(root),),
        root=root / "github",
        narrator=Narrator(),
        script=feedback.SCRIPT,
        people=feedback.cast,
        slots=3,
    )


def _program(root: Path) -> AgentSettings:
    """The demo's own agent, a program."""
    state = root / "github" / "agent"
    state.mkdir(parents=True)
    command = [sys.executable, "-m", "ao_actions.demo.agent", str(state)]
    return AgentSettings(name="command", command=shlex.join(command))


def _own(wish: Wish, root: Path) -> Demo:
    assert wish.repo and wish.issues  # noqa: PT018, S101 - they were checked
    own = project.own_project(wish.repo, wish.issues, root / "tree", wish.ci_command)
    return Demo(
        project=own,
        agents=(AgentSettings(name="command", command=wish.agent_command),),
        root=root / "github",
        narrator=Narrator(),
        cast="the agent is yours, the maintainer is a scripted program, all else is real",
    )


def _on_script(agent: Agent, root: Path, stack: ExitStack) -> Stage:
    key = Key()
    server = ModelServer(model.tasks(agent, key.look(root / "github")))
    stack.enter_context(server)
    demo = _real(root, [agent], scripted.handed(agent, server.url, key.value))
    return Stage(demo=demo, model=server, key=key)


def _limits(root: Path, stack: ExitStack) -> Stage:
    agents = [AGENTS[name] for name in LIMITED]
    key = Key()
    server = stack.enter_context(ModelServer(model.limits(agents[0])))
    secrets = {k: v for a in agents for k, v in scripted.handed(a, server.url, key.value).items()}
    demo = _real(root, agents, secrets, titles=model.LIMITS)
    return Stage(demo=demo, model=server, key=key)


def _on_its_provider(agent: Agent, root: Path) -> Demo:
    """The user's own key. `OAUTH` tokens and keys are two ways to pay: a job gets one of them."""
    names = providers.names(agent)
    secrets = {name: os.environ[name] for name in names if os.environ.get(name)}
    held = next((name for name in (*agent.credentials, *agent.secrets) if name in secrets), None)
    if held is None:
        wanted = " or ".join((*agent.credentials, *agent.secrets))
        raise ConfigError(
            f"--agent {agent.name}: set {wanted} (what it does then costs money), or ask no "
            f"provider, with --model-server {SCRIPTED}"
        )
    demo = _real(root, [agent], secrets, cast=f"its model calls are paid with your {held}")
    demo.agent_auth = "oauth" if "OAUTH" in held else "key"
    return demo


def _real(
    root: Path,
    agents: Iterable[Agent],
    secrets: Mapping[str, str],
    *,
    titles: Container[str] = model.TASKS,
    cast: str = "the model and the maintainer are scripted, all else is real",
) -> Demo:
    agents = tuple(agents)
    names = " and ".join(f"{agent.name} {agent.version}" for agent in agents)
    return Demo(
        project=project.small_project(root / "tree", titles=titles),
        agents=tuple(
            AgentSettings(name=agent.name, model=scripted.model(agent, secrets)) for agent in agents
        ),
        root=root / "github",
        narrator=Narrator(),
        cast=f"at work: {names}; {cast}",
        secrets=secrets,
        # Jobs share this machine: while one has an agent at work, no other may hold a key.
        slots=len(agents),
    )
