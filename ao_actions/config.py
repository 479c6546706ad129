"""`.github/ao.yml`: one strict schema, every problem named at once.

An unknown key is an error with the nearest known one; a value of the wrong kind names what is
wanted. docs/config.md has a section for each key of `keys.KEYS` (a test compares them).
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ao_actions.core.policy import Budget, Labels, Policy
from ao_actions.core.protection import Protected
from ao_actions.errors import ConfigError
from ao_actions.keys import KEYS, MOVED, AgentSettings, RuntimeSettings

PATH = ".github/ao.yml"
PREFIX = "ao:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The maintainer's choices, with defaults for what they left out."""

    agents: tuple[AgentSettings, ...] = (AgentSettings(name="claude-code"),)
    verify: tuple[str, ...] = ()
    rules: str = ""
    protected: Protected = field(default_factory=Protected)
    max_changed_files: int = 100
    max_changed_lines: int = 5000
    turns: int | None = None
    minutes: int = 45
    max_parallel: int = 3
    budget: Budget = field(default_factory=Budget)
    bots: tuple[str, ...] = ()
    overlap: str = "allow"
    auth: str = "token"
    ci_trust: str = "approve"
    agent_auth: str = "key"
    environment: str = "ao"
    sessions: str = "auto"
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    schedule: str = "17 * * * *"
    ci_workflows: tuple[str, ...] = ()
    runner: str = "ubuntu-latest"
    small_runner: str = "ubuntu-latest"
    label_prefix: str = PREFIX
    branch_prefix: str = "ao/"
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Labels = field(default_factory=Labels)

    def policy(self) -> Policy:
        """The part that decisions are made from."""
        return Policy(
            max_parallel=self.max_parallel,
            budget=self.budget,
            agents=tuple(agent.name for agent in self.agents),
            bots=self.bots,
            hold_overlaps=self.overlap == "hold",
            attempt_limit=timedelta(minutes=self.minutes),
            branch_prefix=self.branch_prefix,
            labels=self.labels,
        )

    def agent(self, name: str) -> AgentSettings:
        """:raises ConfigError: the list of agents does not have it (any more)"""
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise ConfigError(f"{PATH}: agents: {name!r} is not in the list any more")


def load(root: Path) -> Config:
    """The configuration in a checkout.

    :raises ConfigError: the file is missing, is not YAML, or has problems (all are named)
    """
    path = root / PATH
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{PATH} is not here: run `ao-actions init` in a clone of the repository"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PATH} cannot be read: {error}") from None
    return parse(text)


def parse(text: str) -> Config:
    """The configuration from the file's text.

    :raises ConfigError: see `load`
    """
    import yaml

    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none; too deep
        raise ConfigError(f"{PATH} is not YAML: {' '.join(str(error).split())}") from None
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ConfigError(f"{PATH}: the file must be a list of `key: value` lines")
    problems = [*_unknown(values), *_wrong(values)]
    if problems:
        raise ConfigError("\n".join(f"{PATH}: {problem}" for problem in problems))
    read = {name: KEYS[name].read(value) for name, value in values.items()}
    prefix = read.get("label_prefix", PREFIX)
    labels = Labels(
        ready=f"{prefix}ready",
        working=f"{prefix}working",
        review=f"{prefix}review",
        needs_human=f"{prefix}needs-human",
        paused=f"{prefix}paused",
        priority=f"{prefix}priority",
        allow=f"{prefix}allow",
    )
    return Config(**read, labels=labels)


def _unknown(values: Mapping[Any, Any]) -> Iterator[str]:
    for name in values:
        if name in MOVED:
            yield f"{name} is now `{MOVED[name]}` of the mapping `budget:`"
        elif name not in KEYS:
            near = difflib.get_close_matches(str(name), KEYS, n=1, cutoff=0.4)
            hint = f": did you mean {near[0]!r}?" if near else f" (known: {', '.join(KEYS)})"
            yield f"unknown key {str(name)!r}{hint}"


def _wrong(values: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in values.items():
        if name in KEYS:
            try:
                KEYS[name].read(value)
            except ValueError as error:
                detail = f" ({error})" if str(error) else ""
                yield f"{name}: {KEYS[name].wanted} is wanted, not {_Shown().repr(value)}{detail}"


class _Shown(reprlib.Repr):
    """A value for people. Anchors can make a short file's value endless: of that a part."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 300
        self.maxlevel, self.maxlist, self.maxdict = 3, 20, 20

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """As it was written, which the base class sorts."""
        if level <= 0:
            return "{...}"
        parts = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in islice(x.items(), self.maxdict)
        ]
        return f"{{{', '.join(parts + ['...'] * (len(x) > self.maxdict))}}}"
