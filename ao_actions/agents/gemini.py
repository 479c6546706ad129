"""Gemini CLI, headless: a stream of JSON records, and an exit code that is the HTTP status modulo
256.

What is relied on here was seen on the pinned version with a scripted model (docs/agents.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ao_actions.agents import resets
from ao_actions.agents.base import (
    About,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    Usage,
    message,
    sentence,
)
from ao_actions.agents.install import PINS, NpmPackage, install
from ao_actions.agents.records import (
    BUDGET,
    Record,
    Verdict,
    doubted,
    finished,
    mapping,
    objects,
    unfinished,
)
from ao_actions.agents.report import EVIDENCE, is_count, read_report

KEY = "GEMINI_API_KEY"

PIN = NpmPackage(
    agent="gemini",
    version="0.61.0",
    program="@google/gemini-cli/bundle/gemini.js",
    lock=PINS / "gemini.json",
    node=(20,),
)

# The program's own choice, "auto", asks a small model before each turn which one to ask.
MODEL = "gemini-2.5-pro"

FLAGS = (
    "--output-format",
    "stream-json",  # with "json" an error is printed between log lines only
    "--approval-mode",
    "yolo",  # otherwise the tools that write are not even offered
    "--skip-trust",
)

SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},  # without it a base URL is refused
    "general": {
        "enableAutoUpdate": False,
        "enableAutoUpdateNotification": False,
        # Not ten, which are minutes of waiting.
        "maxAttempts": 3,
    },
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    # An `@word` in the brief is a path to the program. Let it look for that very file, and not
    # search the checkout for each person that an issue mentions.
    "context": {"fileFiltering": {"enableRecursiveFileSearch": False}},
}

NO_KEY, BAD_INPUT, TURNS_USED = 41, 42, 53
LIMITED = (429 % 256, 503 % 256)


class Gemini:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="Gemini CLI", source="npm", versions=("0.61.0", "0.61.0"), bounds=("turns",)
    )
    version: str | None = PIN.version
    credentials = (KEY,)
    secrets: tuple[str, ...] = ()
    reads_brief = True
    evidence: Mapping[str, str] = EVIDENCE
    # A file's name has the beginning of its session's id only.
    sessions = ("home/.gemini/tmp/*/chats/session-*.jsonl",)

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, assignment: Assignment, /) -> Mapping[str, str]:
        turns = {} if assignment.turns is None else {"maxSessionTurns": assignment.turns}
        return {"home/.gemini/settings.json": json.dumps({**SETTINGS, "model": turns})}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        # Its tools write below the checkout and in the directory of the report, nowhere else.
        options = {
            "--include-directories": str(assignment.report.parent),
            "--model": assignment.model or MODEL,
            "--resume": assignment.session,
        }
        chosen = [f"{flag}={value}" for flag, value in options.items() if value is not None]
        return [*program, *FLAGS, *chosen]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        # One process: the launcher that it would otherwise be hands no signal on.
        settings = {"GEMINI_CLI_NO_RELAUNCH": "true"}
        endpoint = assignment.endpoint
        if endpoint is not None:
            settings[endpoint.credential] = endpoint.key
            if endpoint.url is not None:
                settings["GOOGLE_GEMINI_BASE_URL"] = endpoint.url
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        records = tuple(objects(end.stdout))
        final = _final(records)
        verdict = _verdict(assignment, end, records, final)
        report = read_report(end.files.get("report"))
        refused = _refused_session(assignment, end, records)
        notes = (verdict.detail, _denied(records), report.note)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, notes)), limit=600),
            message=report.message or message(_said(records)),
            usage=_usage(records, final),
            until=verdict.until,
            proven=verdict.proven,
            session=None if refused else _session(records),
            session_refused=refused,
            replies=report.replies,
        )


def _final(records: Iterable[Record]) -> Record | None:
    """The last result, unless the conversation went on after it."""
    final = None
    for record in records:
        final = record if record.get("type") == "result" else None
    return final


def _verdict(
    assignment: Assignment, end: Exit, records: tuple[Record, ...], final: Record | None
) -> Verdict:
    if final is None:
        why = f"it has no key: put one into the secret {KEY}" if end.code == NO_KEY else ""
        return unfinished("gemini", assignment, end, why=why)
    if final.get("status") != "success":
        return _failed(end, _error(records, final))
    said = _said(records).strip()
    if _LIMIT.fullmatch(said):
        # A gateway may send the limit as an ordinary answer; a model may also just say so.
        until = resets.in_text(said, end.ended)
        return Verdict(Outcome.LIMITED, sentence(said), until, proven=False)
    return finished("gemini", end)


# The whole message has to be the sentence: a limit that is merely mentioned is none.
_LIMIT = re.compile(
    r"You (?:have exhausted your daily|exceeded your current) quota[^\n.]{0,100}\.[^\n]{0,200}"
)


def _failed(end: Exit, error: str) -> Verdict:
    why = sentence(f"gemini: {error}")
    if BUDGET in error:
        return Verdict(Outcome.OUT_OF_BUDGET, why)
    if end.code in LIMITED:
        return Verdict(Outcome.LIMITED, why, resets.in_text(error, end.ended))
    if end.code == TURNS_USED:
        # A bound of the attempt, as its time is: what was done so far stands.
        return Verdict(Outcome.TIMEOUT, why)
    if end.code in (401 % 256, 403 % 256) or "API key" in error:
        return Verdict(Outcome.ERROR, doubted(why, KEY))
    return Verdict(Outcome.ERROR, why)


_API_ERROR = re.compile(r"\[API Error: (.*)\]", re.DOTALL)


def _error(records: Iterable[Record], final: Record) -> str:
    """The sentence of an error: the result's, or that of the last error before it."""
    errors = [r.get("message") for r in records if r.get("type") == "error"]
    said = mapping(final.get("error")).get("message") or (errors[-1] if errors else None)
    if not isinstance(said, str):
        return "it failed and does not say why"
    wrapped = _API_ERROR.match(said)
    return _inner(wrapped[1]) if wrapped else said


def _inner(text: str) -> str:
    """The provider's own sentence, where the error is its JSON."""
    body = next(objects(text.encode(errors="replace")), {})
    inner = mapping(body.get("error")).get("message")
    return inner if isinstance(inner, str) and inner else text


def _said(records: Iterable[Record]) -> str:
    """What it said last: the pieces since its last use of a tool."""
    pieces: list[str] = []
    for record in records:
        if record.get("type") == "message" and record.get("role") == "assistant":
            pieces.append(str(record.get("content")))
        elif record.get("type") in ("message", "tool_use", "tool_result"):
            pieces.clear()
    return "".join(pieces)


def _denied(records: Iterable[Record]) -> str:
    errors = [mapping(record.get("error")).get("message") for record in records]
    outside = [error for error in errors if str(error).startswith("Path not in workspace")]
    return f"{len(outside)} uses of files outside the checkout were denied" if outside else ""


def _usage(records: Iterable[Record], final: Record | None) -> Usage:
    """The use of this run, in a resumed session too."""
    stats = mapping((final or {}).get("stats"))
    tokens = {key: stats.get(key) for key in ("input_tokens", "output_tokens")}
    known = {key: value for key, value in tokens.items() if is_count(value)}
    return Usage(**known, turns=_turns(records) or None)


def _turns(records: Iterable[Record]) -> int:
    """How often the model answered: each answer begins where no other one was being given."""
    turns, answering = 0, False
    for record in records:
        answers = record.get("type") == "tool_use" or record.get("role") == "assistant"
        turns += answers and not answering
        answering = answers
    return turns


_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _session(records: Iterable[Record]) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line."""
    for record in records:
        value = record.get("session_id")
        if record.get("type") == "init" and isinstance(value, str) and _SESSION.fullmatch(value):
            return value
    return None


def _refused_session(assignment: Assignment, end: Exit, records: tuple[Record, ...]) -> bool:
    refused = end.code == BAD_INPUT and b"Error resuming session:" in end.stderr
    return assignment.session is not None and refused and not records
