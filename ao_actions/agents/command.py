"""`command`: any program as an agent. Its contract is in docs/agents.md."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from ao_actions.agents.base import (
    About,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    last_line,
    message,
)
from ao_actions.agents.report import EVIDENCE, read_report
from ao_actions.errors import AgentError

LIMITED = 75  # EX_TEMPFAIL of sysexits.h: try again later
SHOWN = 4096  # bytes of output that stand for a message


class Command:
    """The program is the user's, so nothing is installed or known about it."""

    name = "command"
    about = About(title="any program", source="yours")
    version: str | None = None
    credentials: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ("AO_AGENT_KEY",)
    reads_brief = True
    evidence: Mapping[str, str] = EVIDENCE
    sessions: tuple[str, ...] = ()

    def install(self, _root: Path, /) -> Program:
        return ()

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return {}

    def argv(self, assignment: Assignment, _program: Program, /) -> list[str]:
        try:
            argv = shlex.split(assignment.command or "")
        except ValueError as error:
            raise AgentError(f"the agent's `command` cannot be split into words: {error}") from None
        if not argv:
            raise AgentError("the agent `command` needs a `command:` in the configuration")
        return argv

    def environment(self, _assignment: Assignment, /) -> dict[str, str]:
        return {}

    def read(self, assignment: Assignment, end: Exit) -> Result:
        report = read_report(end.files.get("report"))
        outcome, why = _verdict(assignment, end)
        said = report.message
        if said is None:
            said = message(end.stdout[-SHOWN:].decode(errors="ignore"))
        return Result(
            outcome=outcome,
            detail="; ".join(filter(None, (why, report.note))),
            message=said,
            usage=report.usage,
            replies=report.replies,
        )


def _verdict(assignment: Assignment, end: Exit) -> tuple[Outcome, str]:
    if end.timed_out:
        return Outcome.TIMEOUT, f"the command was stopped at its limit of {assignment.seconds} s"
    if end.code == 0:
        return Outcome.DONE, "the command finished"
    if end.code == LIMITED:
        return Outcome.LIMITED, f"the command asked to be tried again later (exit code {LIMITED})"
    how = f"exit code {end.code}" if end.code > 0 else f"signal {-end.code}"
    last = last_line(end.stderr) or last_line(end.stdout) or "no output"
    return Outcome.ERROR, f"the command failed ({how}): {last}"
