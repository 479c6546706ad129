"""`ao-actions init`: writes configuration and workflows into a clone, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions import config as configuration
from ao_actions.agents import AGENTS
from ao_actions.config import AgentSettings, Config
from ao_actions.errors import ConfigError
from ao_actions.rendering import render
from ao_actions.setup.pins import action_reference
from ao_actions.setup.workflows import FOLDER, MARK, NAMES, workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user said on the command line; None: not said."""

    agent: str | None = None
    command: str | None = None
    auth: str | None = None
    verify: tuple[str, ...] = ()
    action: str | None = None  # OWNER/NAME@REF


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file and what happened to it: created, updated or unchanged."""

    path: str
    what: str


def init(root: Path, wish: Wish) -> list[Written]:
    """Write `.github/ao.yml` (if it is not there) and the workflows.

    :raises ConfigError: not a git repository; a workflow of that name is not ours; `ao.yml` has
        problems. Nothing was written then.
    """
    if not (root / ".git").exists():
        raise ConfigError(f"{root} is not the top of a git repository: run init in a clone")
    path = root / configuration.PATH
    text = path.read_text(encoding="utf-8") if path.exists() else first_config(root, wish)
    config = configuration.parse(text)
    _check_agents(config)
    files = {configuration.PATH: text, **workflows(config, action_reference(wish.action).uses)}
    for name in NAMES:
        _check_ours(root, f"{FOLDER}/{name}")
    return [_write(root, name, content) for name, content in files.items()]


def first_config(root: Path, wish: Wish) -> str:
    """A new `ao.yml` for this repository."""
    name = wish.agent or ("command" if wish.command else "claude-code")
    defaults = Config()
    return render(
        "ao.yml.j2",
        agents=[AgentSettings(name=name, command=wish.command)],
        verify=list(wish.verify),
        ci_workflows=ci_workflows(root),
        auth=wish.auth or defaults.auth,
        max_parallel=defaults.max_parallel,
        max_attempts=defaults.max_attempts,
        usd_per_attempt=defaults.usd_per_attempt,
        usd_per_task=defaults.usd_per_task,
        schedule=defaults.schedule,
    )


def ci_workflows(root: Path) -> list[str]:
    """Names of the repository's own workflows that run on pull requests or pushes."""
    names = []
    for path in sorted((root / FOLDER).glob("*.y*ml")):
        if path.name not in NAMES:
            name = _ci_name(path)
            names += [name] if name else []
    return names


def _ci_name(path: Path) -> str | None:
    import yaml

    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this workflow cannot be read: {error}") from None
    if not isinstance(document, dict):
        return None
    events = document.get("on", document.get(True))  # YAML 1.1 reads the key `on` as true
    names = [events] if isinstance(events, str) else list(events or [])
    if not {"pull_request", "push"} & set(names):
        return None
    return str(document.get("name") or f"{FOLDER}/{path.name}")


def _check_agents(config: Config) -> None:
    for agent in config.agents:
        if agent.name not in AGENTS:
            raise ConfigError(
                f"{configuration.PATH}: agents: {agent.name!r} is not known "
                f"(known: {', '.join(AGENTS)})"
            )


def _check_ours(root: Path, name: str) -> None:
    path = root / name
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise ConfigError(
            f"{name} exists and was not made by ao-actions: rename it; nothing was written"
        )


def _write(root: Path, name: str, content: str) -> Written:
    path = root / name
    old = path.read_text(encoding="utf-8") if path.exists() else None
    if old == content:
        return Written(path=name, what="unchanged")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return Written(path=name, what="created" if old is None else "updated")
