"""Cursor's agent, headless. No registry serves it, so nothing here was seen: what is relied on is
its documentation (docs/agents.md), and the tests run a stand-in that follows it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ao_actions.agents.base import (
    About,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    Usage,
    message,
    printable,
    sentence,
)
from ao_actions.agents.records import Record, Verdict, doubted, finished, objects, unfinished
from ao_actions.agents.report import EVIDENCE, read_report
from ao_actions.errors import ToolMissingError

KEY = "CURSOR_API_KEY"

# The prompt is an argument, which may not be as long as a brief.
PROMPT = "Read the file `{brief}` to its end, in parts if it is long, and do what it says."

FLAGS = (
    "--print",
    "--output-format",
    "stream-json",
    "--force",  # otherwise it asks before each command
    "--trust",  # otherwise it asks whether it may work in this directory
)


class Cursor:
    """One row in the table of agents."""

    name = "cursor"
    about = About(
        title="Cursor's agent",
        source="its vendor's installer",
        observed=False,
        note="tested by a stand-in only; not installed by ao-actions; sessions are not kept",
    )
    version: str | None = None
    credentials: tuple[str, ...] = ()  # its model calls go to its vendor and nowhere else
    secrets = (KEY,)
    reads_brief = False
    evidence: Mapping[str, str] = EVIDENCE
    sessions: tuple[str, ...] = ()  # a database of an undocumented form

    def install(self, _root: Path, /) -> Program:
        """Find it, where its installer puts it or on PATH.

        :raises ToolMissingError: it is not there
        """
        path = os.pathsep.join(
            (os.environ.get("PATH", os.defpath), str(Path.home() / ".local/bin"))
        )
        if found := shutil.which("cursor-agent", path=path):
            return (found,)
        # Its other name is any agent's: take it only where it leads to Cursor's.
        if (found := shutil.which("agent", path=path)) and "cursor" in str(Path(found).resolve()):
            return (found,)
        raise ToolMissingError(
            "cursor-agent is neither on PATH nor in ~/.local/bin, and no package registry has it: "
            "install it on this runner, as https://cursor.com/docs/cli/installation says"
        )

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return {}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        model = () if assignment.model is None else ("--model", assignment.model)
        return [*program, *FLAGS, *model, PROMPT.format(brief=assignment.brief)]

    def environment(self, _assignment: Assignment, /) -> dict[str, str]:
        return {}

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        final = _final(end)
        verdict = _verdict(assignment, end, final)
        report = read_report(end.files.get("report"))
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, (verdict.detail, report.note))), limit=600),
            message=report.message or message(_said(final)),
            usage=Usage(),
            until=verdict.until,
            proven=verdict.proven,
            replies=report.replies,
        )


def _final(end: Exit) -> Record | None:
    """The record of the end, which is the last one."""
    final = None
    for record in objects(end.stdout):
        final = record if record.get("type") == "result" else None
    return final


def _said(final: Record | None) -> str:
    said = (final or {}).get("result")
    return said if isinstance(said, str) else ""


# A limit is no record but a text, with the date of the next month's bill as its end.
_LIMIT = re.compile(r"^(?:Error: )?(You['\u2019]ve hit your usage limit.*)$", re.MULTILINE)

_KEY = re.compile(r"api key|authenticat|log ?in", re.IGNORECASE)


def _verdict(assignment: Assignment, end: Exit, final: Record | None) -> Verdict:
    if final is not None and (final.get("subtype"), final.get("is_error")) == ("success", False):
        return finished("cursor", end)
    errors = printable(end.stderr[-16_384:].decode(errors="replace"))
    said = _said(final)
    if limit := _LIMIT.search(f"{said}\n{errors}"):
        return Verdict(Outcome.LIMITED, sentence(f"cursor: {limit[1]}"), proven=False)
    if final is not None:
        return Verdict(
            Outcome.ERROR, sentence(f"cursor: {said or 'it failed and does not say why'}")
        )
    verdict = unfinished("cursor", assignment, end)
    if verdict.outcome is Outcome.ERROR and _KEY.search(errors):
        return Verdict(Outcome.ERROR, doubted(verdict.detail, KEY))
    return verdict
