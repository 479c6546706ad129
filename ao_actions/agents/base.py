"""What an agent is: what it is given, what it gives back, and how its words are made safe to show.

Values and one protocol; nothing here starts a program (see `process`) or knows one (one file each).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ao_actions.core.text import visible

DETAIL_LIMIT = 300  # characters
MESSAGE_LIMIT = 20_000  # bytes of UTF-8
REPORT = "report/result.json"  # below the scratch directory


class Outcome(StrEnum):
    """How a run ended, in the program's own words; whether it changed anything, git tells."""

    DONE = "done"
    LIMITED = "limited"
    OUT_OF_BUDGET = "out_of_budget"
    TIMEOUT = "timeout"
    ERROR = "error"


# How a program is called: its path, or an interpreter and its path. Empty: nothing is installed.
Program = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an agent's model calls go and what it shows there: the meter and a dummy key, or the
    provider itself and the real one.

    `provider` and `credential` are names of `providers`. `url` None: the program's own default.
    """

    provider: str
    credential: str
    url: str | None
    key: str = field(repr=False)
    metered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One piece of work for an agent.

    `environment` is for the agent alone, chosen by name. `session` is to be resumed; its files
    have been put where the adapter's `sessions` says.
    """

    checkout: Path
    brief: Path
    scratch: Path
    model: str | None
    command: str | None
    seconds: int
    turns: int | None
    max_usd: float | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # holds secrets
    endpoint: Endpoint | None = None
    session: str | None = None

    @property
    def home(self) -> Path:
        return self.scratch / "home"

    @property
    def temporary(self) -> Path:
        return self.scratch / "tmp"

    @property
    def report(self) -> Path:
        """The file in which an agent may say more than it can print (AO_RESULT)."""
        return self.scratch / REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run used; None where it is not known. Input counts cached tokens too."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A program that has ended: what an adapter's `read` judges.

    `code` is negative for a signal, as in subprocess. `stdout` and `stderr` are bounded (head and
    tail kept). `files` are the adapter's `evidence`, by name; a file that is absent is not in it.
    """

    code: int
    timed_out: bool
    stdout: bytes
    stderr: bytes
    started: datetime
    ended: datetime
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an agent's run came to.

    `proven` is False where a limit was read from text alone: such a limit pauses its task only,
    for an issue's text can make an agent print any sentence (design 7).
    `session` is the id under which the run can be resumed; `session_refused`: the program did not
    find or take the session that it was to resume, and has done nothing.
    """

    outcome: Outcome
    detail: str
    message: str = ""
    usage: Usage = Usage()
    until: datetime | None = None
    proven: bool = True
    session: str | None = None
    session_refused: bool = False
    transcript: Path | None = None
    replies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What `ao-actions agents` says of an agent.

    `versions`: the oldest and the newest that its adapter is known to fit. `source`: where it is
    installed from. `bounds`: which of "turns" and "usd" the program keeps to by itself.
    `observed`: False where no real run was seen, only documentation. `note`: what else to know.
    """

    title: str
    source: str
    versions: tuple[str, str] | None = None
    bounds: tuple[str, ...] = ()
    observed: bool = True
    note: str = ""


class Agent(Protocol):
    """One agent: data and pure functions; `install` alone touches the machine."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    @property
    def about(self) -> About:
        """What it is and supports, for people and machines."""

    @property
    def version(self) -> str | None:
        """The pinned version, or None for a program that we do not install."""

    @property
    def credentials(self) -> tuple[str, ...]:
        """Names of `providers.CREDENTIALS` that it can work with, best first.

        Where there is one, its model calls can be sent to the meter.
        """

    @property
    def secrets(self) -> tuple[str, ...]:
        """Environment names of keys that only the program itself can use (no meter for it)."""

    @property
    def reads_brief(self) -> bool:
        """Whether the brief is its standard input; otherwise that is empty."""

    @property
    def evidence(self) -> Mapping[str, str]:
        """Files to read after the run, by name: paths or globs below the scratch directory.

        Of several that match a glob the newest is read.
        """

    @property
    def sessions(self) -> tuple[str, ...]:
        """Globs below the scratch directory of the files that are a session, and nothing else
        (no settings, hooks or programs). `{session}` stands for its id. Empty: none is resumed.
        """

    def install(self, root: Path, /) -> Program:
        """Put this version under `root`, once; how to call it."""

    def files(self, assignment: Assignment, /) -> Mapping[str, str]:
        """Configuration files to write before the run, by path below the scratch directory."""

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        """The command line. AgentError if the configuration does not allow one."""

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        """What this agent needs beyond what every agent gets."""

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        """Judge a run by what was captured. Pure; believes nothing that it reads."""


# Terminal control sequences: CSI ... letter, OSC ... BEL or ST, and two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def printable(text: str) -> str:
    """Text without control, invisible and reordering characters; line ends and tabs stay."""
    return visible(_ESCAPES.sub("", text))


def sentence(text: str, *, limit: int = DETAIL_LIMIT) -> str:
    """One bounded line, fit for a detail."""
    line = " ".join(printable(text[: limit * 20]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def message(text: str, *, limit: int = MESSAGE_LIMIT) -> str:
    """An agent's message, printable and bounded in bytes; the beginning is kept."""
    encoded = printable(text[:limit]).strip().encode()
    return encoded[:limit].decode(errors="ignore")


def last_line(raw: bytes) -> str:
    """The last line of some output that is not blank, as a bounded sentence."""
    lines = printable(raw[-16_384:].decode(errors="replace")).splitlines()
    return sentence(next((line for line in reversed(lines) if line.strip()), ""))
