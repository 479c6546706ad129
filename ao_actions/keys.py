"""The keys of `.github/ao.yml`: what each may hold, in a reader and in words.

A reader gives a value as it should be, or raises ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ao_actions.core import egress
from ao_actions.core.policy import Budget
from ao_actions.core.protection import Protected

AUTHS = ("token", "pat", "app")
TRUSTS = ("approve", "auto")
AGENT_AUTHS = ("key", "oauth", "copilot")
OVERLAPS = ("allow", "hold")
SESSIONS = ("auto", "always", "never")
PROTECTIONS = ("refuse", "label", "ask")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """How one agent is run: its command (for `command`), model and the secret it needs."""

    name: str
    command: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """Where an agent's processes live: "auto", "process", "user" or "docker" (with an image).

    `egress`: the hosts that a "user" may reach (`core.egress.pattern`); None for all.
    """

    kind: str = "auto"
    image: str = ""
    network: str = "host"
    egress: tuple[str, ...] | None = None


class Key(NamedTuple):
    """A key of the file: how its value is checked, in the words of an error, and its meaning."""

    read: Callable[[Any], Any]
    wanted: str
    meaning: str


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    return read


def _money(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value <= 10_000:
        raise ValueError
    return float(value)


def _maybe_money(value: Any) -> float | None:
    return None if value is None else _money(value)


def _budget(value: Any) -> Budget:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - readers speak in ValueError
    amounts = {}
    for name, amount in value.items():
        if name not in AMOUNTS:
            raise ValueError(f"{name!r} is none of {', '.join(AMOUNTS)}")
        read, wanted = AMOUNTS[name]
        try:
            amounts[name] = read(amount)
        except ValueError:
            raise ValueError(f"{name}: {wanted} is wanted") from None
    return Budget(**amounts)


def _bots(value: Any) -> tuple[str, ...]:
    """GitHub writes a bot's login with and without `[bot]`, and a person may have the other."""
    return tuple(f"{name.removesuffix('[bot]')}[bot]" for name in _lines(value))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 20_000:
        raise ValueError
    return value


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value


def _lines(value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise ValueError  # noqa: TRY004 - readers speak in ValueError
    return tuple(_line(item) for item in items)


def _protected(value: Any) -> Protected:
    """A list alone is what is refused; what a mapping leaves out has its default."""
    if not isinstance(value, dict):
        return Protected(refuse=_lines(value))
    for name in value:
        if name not in PROTECTIONS:
            raise ValueError(f"{name!r} is none of {', '.join(PROTECTIONS)}")
    return Protected(**{name: _lines(patterns) for name, patterns in value.items()})


def _prefix(value: Any) -> str:
    text = _line(value)
    if not all(c.isalnum() or c in "-_/:." for c in text) or ".." in text or text[0] in "/.-":
        raise ValueError("letters, digits and - _ / : . only")
    return text


def _branch_prefix(value: Any) -> str:
    text = _prefix(value)
    if ":" in text:
        raise ValueError("a branch name has no colon")
    for part in text.split("/")[:-1]:
        if not part or part.startswith(".") or part.endswith((".", ".lock")):
            raise ValueError(f"git takes no branch name with a part {part!r}")
    return text


def _environment(value: Any) -> str:
    if value == "":
        return ""
    text = _line(value)
    if len(text) > 255 or any(c in "'`\",;\\/$" for c in text) or "{{" in text:
        raise ValueError("at most 255 characters, none of ' ` \" , ; \\ / $")
    return text


def _overrides(value: Any) -> dict[str, dict[str, Any]]:
    """Workflow file to merge patch; YAML reads the key `on` as true, a workflow does not."""
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - readers speak in ValueError
    patches = {}
    for name, patch in value.items():
        if not isinstance(name, str) or not name.endswith((".yml", ".yaml")) or "/" in name:
            raise ValueError(f"{name!r} is not the file name of a workflow")
        if not isinstance(patch, dict):
            raise ValueError(f"{name}: the patch must be `key: value` lines")  # noqa: TRY004
        try:
            json.dumps(patch, default=str)
        except (TypeError, ValueError, RecursionError):
            raise ValueError(f"{name}: the patch holds itself, or what JSON cannot") from None
        patches[name] = {"on" if key is True else str(key): part for key, part in patch.items()}
    return patches


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return read


def _agents(value: Any) -> tuple[AgentSettings, ...]:
    items = value if isinstance(value, list) else [value]
    agents = tuple(_agent(item) for item in items)
    if not agents or len({agent.name for agent in agents}) != len(agents):
        raise ValueError("at least one, none of them twice")
    return agents


def _agent(item: Any) -> AgentSettings:
    if isinstance(item, str):
        item = {"name": item}
    if not isinstance(item, dict) or not {"name"} <= set(item) <= {"name", "command", "model"}:
        raise ValueError("an agent has `name`, and may have `command` and `model`")
    settings = AgentSettings(**{key: _line(text) for key, text in item.items()})
    if (settings.name == "command") != (settings.command is not None):
        raise ValueError("the agent `command`, and only it, needs `command: PROGRAM ARGUMENTS`")
    return settings


def _runtime(value: Any) -> RuntimeSettings:
    if value in ("auto", "process", "user"):
        return RuntimeSettings(kind=value)
    if isinstance(value, dict) and set(value) == {"egress"}:
        hosts = tuple(egress.pattern(name) for name in _lines(value["egress"]))
        return RuntimeSettings(kind="user", egress=hosts)
    image = value.get("docker") if isinstance(value, dict) else None
    if image is None or not set(value) <= {"docker", "network"}:
        raise ValueError(
            "auto, process, user, `egress: [HOSTS]`, or `docker: IMAGE` and, at will, "
            "`network: NAME`"
        )
    network = _line(value.get("network", "host"))
    for word in (_line(image), network):
        if word.startswith("-") or " " in word:
            raise ValueError(f"docker takes no image and no network that is called {word!r}")
    return RuntimeSettings(kind="docker", image=image, network=network)


_ATTEMPTS = (_whole(1, 50), "a whole number from 1 to 50")
_DOLLARS = (_money, "an amount of dollars above 0")
AMOUNTS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "attempts": _ATTEMPTS,
    "attempts_per_failure": _ATTEMPTS,
    "review_rounds": _ATTEMPTS,
    "usd_per_attempt": _DOLLARS,
    "usd_per_task": _DOLLARS,
    "usd_per_day": (_maybe_money, "an amount of dollars above 0, or null"),
}
# Keys of earlier versions, and what they are called in `budget:`.
MOVED = {
    "max_attempts": "attempts",
    "usd_per_attempt": "usd_per_attempt",
    "usd_per_task": "usd_per_task",
}

KEYS: Mapping[str, Key] = {
    "agents": Key(_agents, "a list of agents", "which agents work, first choice first"),
    "verify": Key(_lines, "a list of commands", "commands that must pass before a hand-off"),
    "rules": Key(_text, "a text", "rules of this repository, put into every brief"),
    "protected": Key(
        _protected,
        "a list of path patterns, or a mapping of such lists",
        "paths that an agent may not change",
    ),
    "max_changed_files": Key(_whole(1, 3000), "a whole number from 1 to 3000", "size limit"),
    "max_changed_lines": Key(_whole(1, 100_000), "a whole number from 1 to 100000", "size limit"),
    "turns": Key(_whole(1, 1000), "a whole number from 1 to 1000", "turns of one attempt"),
    "minutes": Key(_whole(1, 330), "a whole number from 1 to 330", "minutes of one attempt"),
    "max_parallel": Key(_whole(1, 100), "a whole number from 1 to 100", "tasks at work at once"),
    "budget": Key(_budget, "a mapping of amounts", "attempts and money, per task and per day"),
    "bots": Key(_bots, "a list of bots' names", "bots whose reviews and comments count"),
    "overlap": Key(
        _one_of(*OVERLAPS), "allow or hold", "an issue about files that a pull request changes"
    ),
    "auth": Key(_one_of(*AUTHS), "token, pat or app", "which token pushes and opens PRs"),
    "ci_trust": Key(_one_of(*TRUSTS), "approve or auto", "whether CI waits for a click"),
    "agent_auth": Key(
        _one_of(*AGENT_AUTHS), "key, oauth or copilot", "how agents prove who they are"
    ),
    "environment": Key(
        _environment, "the name of an environment, or an empty text", "where model secrets are"
    ),
    "runtime": Key(
        _runtime,
        "auto, process, user, `egress: [HOSTS]` or `docker: IMAGE`",
        "where an agent's processes live",
    ),
    "sessions": Key(
        _one_of(*SESSIONS), "auto, always or never", "whether artifacts keep agents' sessions"
    ),
    "schedule": Key(_line, "a cron line", "when a pass looks although nothing happened"),
    "ci_workflows": Key(_lines, "a list of workflow names", "the workflows that test a PR"),
    "runner": Key(_line, "a runner label", "where the agent job runs"),
    "small_runner": Key(_line, "a runner label", "where the small jobs run"),
    "label_prefix": Key(_prefix, "a prefix", "what our labels begin with"),
    "branch_prefix": Key(_branch_prefix, "a prefix", "what task branches begin with"),
    "overrides": Key(
        _overrides, "a mapping of workflow file to merge patch", "changes to generated workflows"
    ),
}
