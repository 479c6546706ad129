"""Agent Orchestrator's configuration (agent-orchestrator.yaml, v0.7 to v0.10) as ours.

What has a counterpart is taken over; every other key is named with what takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions.agents import AGENTS
from ao_actions.config import Config
from ao_actions.errors import ConfigError
from ao_actions.forge.client import Client
from ao_actions.keys import AgentSettings

Json = Any
BACKLOG = "agent:backlog"
_RENAMED = {"kimicode": "kimi", "claude": "claude-code"}
_RULES_LIMIT = 20_000

# Key (a pattern of its dotted path) to what takes its place. First match wins.
_PLACES: tuple[tuple[str, str], ...] = (
    (r"\$schema", "ao.yml has its own"),
    (r"port|terminalPort|directTerminalPort|dashboard.*", "no server and no dashboard runs"),
    (r"readyThresholdMs|lifecycle.*|power.*", "a run ends by itself, nothing has to be cleaned up"),
    (r"(.*\.)?runtime", "GitHub Actions is the runtime"),
    (r"(.*\.)?workspace|.*\.symlinks|.*\.path", "each attempt has a fresh checkout in a runner"),
    (r".*\.sessionPrefix", "branches are named by branch_prefix and the issue"),
    (r"(.*\.)?orchestrator.*|.*Strategy", "there is no orchestrator agent: rules decide"),
    (r"plugins.*", "there are no plugins"),
    (r"notifiers.*|notificationRouting.*|defaults\.notifiers", "GitHub notifies; no other way yet"),
    (r".*\.tracker.*", "issues of GitHub only"),
    (r".*\.scm.*", "workflows are woken by GitHub: no webhook is needed"),
    (r".*\.env(\..*)?", "nothing of it is passed on; secrets belong into the environment"),
    (r".*\.postCreate", "let the first command of `verify` install what it needs"),
    (r".*\.agentConfig\.permissions", "an agent may do anything in its runner, and has no token"),
    (r"(.*\.)?reactions\.approved-and-green.*", "a human merges"),
    (r"(.*\.)?reactions.*", "fixed rules: failing checks and reviews go to the agent"),
    (r".*\.opencode.*|.*\.worker.*", "no counterpart"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """`taken`: what was taken over, as lines. `left`: key and what takes its place."""

    source: str
    project: str
    repository: str | None
    agents: tuple[AgentSettings, ...]
    rules: str
    attempts: int
    taken: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def read(path: Path, *, project: str | None = None, repository: str | None = None) -> Migration:
    """AO's configuration file.

    :raises ConfigError: no such file, not YAML, or it is not clear which of its projects is meant
    """
    document = _load(path)
    name, chosen = _choose(path, document, project, repository)
    taken: list[str] = []
    used: set[str] = {"projects", f"projects.{name}.repo", f"projects.{name}.name"}
    agents = _agents(document, name, chosen, taken, used)
    rules = _rules(path.parent, name, chosen, taken, used)
    attempts = _attempts(document, name, chosen, taken, used)
    _branch(name, chosen, taken, used)
    left = [
        (key, _place(key)) for key in _keys(_relevant(document, name)) if not _covered(key, used)
    ]
    others = [other for other in document["projects"] if other != name]
    left += [(f"projects.{other}", "its own repository: run init there") for other in others]
    return Migration(
        source=path.name,
        project=name,
        repository=chosen.get("repo"),
        agents=agents,
        rules=rules,
        attempts=attempts,
        taken=tuple(taken),
        left=tuple(left),
    )


def backlog(client: Client) -> list[int]:
    """Open issues that wait in AO's backlog."""
    rows = client.pages("issues", labels=BACKLOG, state="open")
    return sorted(int(row["number"]) for row in rows if "pull_request" not in row)


# ---- the file --------------------------------------------------------------------------------


def _load(path: Path) -> dict[str, Json]:
    import yaml

    try:
        document: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    projects = document.get("projects") if isinstance(document, dict) else None
    if not isinstance(projects, dict) or not projects:
        raise ConfigError(f"{path}: no `projects`: this is not Agent Orchestrator's configuration")
    if not all(isinstance(part, dict) for part in projects.values()):
        raise ConfigError(f"{path}: `projects`: each must be `key: value` lines")
    return dict(document)


def _choose(
    path: Path, document: Mapping[str, Json], project: str | None, repository: str | None
) -> tuple[str, Mapping[str, Json]]:
    projects = document["projects"]
    if project is not None:
        if project not in projects:
            known = ", ".join(map(str, projects))
            raise ConfigError(f"{path}: no project {project!r} (known: {known})")
        return project, projects[project]
    if len(projects) == 1:
        name, only = next(iter(projects.items()))
        return str(name), only
    same = [
        item
        for item in projects.items()
        if repository and str(item[1].get("repo", "")).lower() == repository.lower()
    ]
    if len(same) != 1:
        known = ", ".join(map(str, projects))
        raise ConfigError(f"{path}: which project? Say --project, one of: {known}")
    return str(same[0][0]), same[0][1]


# ---- what has a counterpart ------------------------------------------------------------------


def _agents(
    document: Mapping[str, Json],
    name: str,
    chosen: Mapping[str, Json],
    taken: list[str],
    used: set[str],
) -> tuple[AgentSettings, ...]:
    defaults = _mapping(document.get("defaults"))
    found = (
        (f"projects.{name}.worker.agent", _mapping(chosen.get("worker")).get("agent")),
        (f"projects.{name}.agent", chosen.get("agent")),
        ("defaults.worker.agent", _mapping(defaults.get("worker")).get("agent")),
        ("defaults.agent", defaults.get("agent")),
    )
    key, said = next(((key, said) for key, said in found if said), ("", "claude-code"))
    agent = _RENAMED.get(str(said), str(said))
    model = _mapping(chosen.get("agentConfig")).get("model")
    if agent not in AGENTS or agent == "command":
        return Config().agents
    used.update(other for other, _ in found)
    if key:
        taken.append(f"{key}: {said} -> agents: {agent}")
    if not isinstance(model, str):
        return (AgentSettings(name=agent),)
    used.add(f"projects.{name}.agentConfig.model")
    taken.append(f"projects.{name}.agentConfig.model -> agents: model {model}")
    return (AgentSettings(name=agent, model=model),)


def _rules(
    folder: Path, name: str, chosen: Mapping[str, Json], taken: list[str], used: set[str]
) -> str:
    parts = []
    if isinstance(chosen.get("agentRules"), str):
        parts.append(chosen["agentRules"].strip())
        used.add(f"projects.{name}.agentRules")
        taken.append(f"projects.{name}.agentRules -> rules")
    file = chosen.get("agentRulesFile")
    if isinstance(file, str):
        place = (folder / file).resolve()
        if place.is_relative_to(folder.resolve()) and place.is_file():
            parts.append(place.read_text(encoding="utf-8", errors="replace").strip())
            used.add(f"projects.{name}.agentRulesFile")
            taken.append(f"projects.{name}.agentRulesFile: {file} -> rules")
    text = "\n\n".join(part for part in parts if part)
    if len(text) > _RULES_LIMIT:
        raise ConfigError(
            f"the rules of {name} have {len(text):,} characters, at most {_RULES_LIMIT:,} fit: "
            "put them into a file that the agent reads (CLAUDE.md, AGENTS.md)"
        )
    return text


def _attempts(
    document: Mapping[str, Json],
    name: str,
    chosen: Mapping[str, Json],
    taken: list[str],
    used: set[str],
) -> int:
    default = Config().budget.attempts
    for prefix, holder in ((f"projects.{name}.", chosen), ("", document)):
        reaction = _mapping(_mapping(holder.get("reactions")).get("ci-failed"))
        retries = reaction.get("retries")
        if type(retries) is int and 0 <= retries < 50:
            key = f"{prefix}reactions.ci-failed.retries"
            used.add(key)
            attempts = max(default, retries + 1)
            taken.append(f"{key}: {retries} -> budget.attempts: {attempts}")
            return attempts
    return default


def _branch(name: str, chosen: Mapping[str, Json], taken: list[str], used: set[str]) -> None:
    if "defaultBranch" in chosen:
        used.add(f"projects.{name}.defaultBranch")
        taken.append(
            f"projects.{name}.defaultBranch: {chosen['defaultBranch']} -> "
            "the repository's default branch is always the base"
        )


# ---- what has none ---------------------------------------------------------------------------


def _relevant(document: Mapping[str, Json], name: str) -> dict[str, Json]:
    return {**document, "projects": {name: document["projects"][name]}}


def _keys(value: Json, prefix: str = "") -> Iterator[str]:
    """Dotted paths of all leaves; a key with an own place is named as a whole."""
    for key, part in value.items():
        path = f"{prefix}{key}"
        if isinstance(part, Mapping) and part and path.count(".") < 4:
            yield from _keys(part, f"{path}.")
        else:
            yield path


def _covered(key: str, used: set[str]) -> bool:
    return any(key == name or (key.startswith(f"{name}.") and name != "projects") for name in used)


def _place(key: str) -> str:
    own = re.sub(r"^projects\.[^.]+\.", "project.", key)
    if re.fullmatch(r"(.*\.)?agent", own):
        return f"this agent is not there yet (known: {', '.join(AGENTS)})"
    for pattern, place in _PLACES:
        if re.fullmatch(pattern, own):
            return place
    return "not known"


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
