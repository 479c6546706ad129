"""Kimi Code, headless: a stream of chat messages, errors as a line on standard error, and the
tokens in the session's file.

What is relied on here was seen on the pinned version with a scripted model (docs/agents.md).
"""

from __future__ import annotations

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
from ao_actions.agents.providers import PROVIDERS
from ao_actions.agents.records import (
    BUDGET,
    Record,
    Verdict,
    count,
    doubted,
    finished,
    mapping,
    objects,
    unfinished,
)
from ao_actions.agents.report import EVIDENCE, read_report

KEY = "MOONSHOT_API_KEY"

PIN = NpmPackage(
    agent="kimi",
    version="2.1.0",
    program="@moonshot-ai/kimi-code/dist/main.mjs",
    lock=PINS / "kimi.json",
    node=(22, 19),
)

MODEL = "kimi-k2.7-code"

# The prompt can only be an argument, which may not be as long as a brief.
PROMPT = "Read the file `{brief}` to its end, in parts if it is long, and do what it says."
RESUMED = "The file `{brief}` has been written anew. " + PROMPT

SETTINGS = {
    "KIMI_DISABLE_TELEMETRY": "1",
    "KIMI_CODE_NO_AUTO_UPDATE": "1",
    "KIMI_DISABLE_CRON": "1",  # a timer would keep the program alive to our wall limit
    # and so would a server that was left in the background: wait for it this long at the end
    "KIMI_CODE_BACKGROUND_PRINT_WAIT_CEILING_S": "300",
    "KIMI_LOOP_MAX_ATTEMPTS_PER_STEP": "4",  # not ten, which are minutes
}

SESSION_FOLDER = "home/.kimi-code/sessions/*/{session}"


class Kimi:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="Kimi Code",
        source="npm",
        versions=("2.1.0", "2.1.0"),
        bounds=("turns",),
        note="kimi-cli, an older program of the same name, is refused",
    )
    version: str | None = PIN.version
    credentials = (KEY,)
    secrets: tuple[str, ...] = ()
    reads_brief = False
    evidence: Mapping[str, str] = {
        **EVIDENCE,
        "state": SESSION_FOLDER.format(session="*") + "/state.json",
        "wire": SESSION_FOLDER.format(session="*") + "/agents/main/wire.jsonl",
    }
    sessions = (SESSION_FOLDER + "/state.json", SESSION_FOLDER + "/agents/*/wire.jsonl")

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return {}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        # `--prompt` allows what it does by itself; there is no other way that asks nobody.
        session = assignment.session
        prompt = (PROMPT if session is None else RESUMED).format(brief=assignment.brief)
        argv = [*program, f"--prompt={prompt}", "--output-format=stream-json"]
        return argv if session is None else [*argv, f"--session={session}"]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = dict(SETTINGS)
        if assignment.turns is not None:
            settings["KIMI_LOOP_MAX_STEPS_PER_TURN"] = str(assignment.turns)
        endpoint = assignment.endpoint
        if endpoint is not None:
            settings["KIMI_MODEL_NAME"] = assignment.model or MODEL
            settings["KIMI_MODEL_API_KEY"] = endpoint.key
            settings["KIMI_MODEL_BASE_URL"] = endpoint.url or PROVIDERS[endpoint.provider].url
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        records = tuple(objects(end.stdout))
        verdict = _verdict(assignment, end, records)
        report = read_report(end.files.get("report"))
        answers = [record for record in records if record.get("role") == "assistant"]
        refused = _refused_session(assignment, end, answers)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, (verdict.detail, report.note))), limit=600),
            message=report.message or message(_said(answers)),
            usage=_usage(end, len(answers)) if answers else Usage(),
            until=verdict.until,
            proven=verdict.proven,
            session=None if refused else _session(records, end),
            session_refused=refused,
            replies=report.replies,
        )


def _verdict(assignment: Assignment, end: Exit, records: tuple[Record, ...]) -> Verdict:
    if _hint(records) is not None:
        return finished("kimi", end)
    limit = _limit(records)
    if limit is not None and end.code != 0:
        # What it prints itself; a tool's output stands on standard error too.
        return Verdict(
            Outcome.LIMITED, sentence(f"kimi: {limit}"), resets.in_text(limit, end.ended)
        )
    error = _error(end)
    if error is None or end.timed_out or end.code == 0:
        return unfinished("kimi", assignment, end)
    return _failed(error, end)


def _failed(error: str, end: Exit) -> Verdict:
    why = sentence(f"kimi: {error}")
    if BUDGET in error:
        return Verdict(Outcome.OUT_OF_BUDGET, why)
    if error.startswith(("provider.rate_limit:", "provider.overloaded:")):
        until = resets.in_text(error, end.ended)
        return Verdict(Outcome.LIMITED, why, until, proven=False)
    if error.startswith("loop.max_steps_exceeded:"):
        # A bound of the attempt, as its time is: what was done so far stands.
        return Verdict(Outcome.TIMEOUT, why)
    if error.startswith(("provider.auth_error:", "No model configured")):
        return Verdict(Outcome.ERROR, doubted(why, KEY))
    return Verdict(Outcome.ERROR, why)


def _hint(records: Iterable[Record]) -> object:
    """The id in the last record of a run that went to its end."""
    hint = None
    for record in records:
        hint = record.get("session_id") if record.get("type") == "session.resume_hint" else None
    return hint


def _limit(records: tuple[Record, ...]) -> str | None:
    """What the provider said, if the last thing that it did was to try again after a limit."""
    last = records[-1] if records else {}
    if last.get("type") == "turn.step.retrying" and last.get("status_code") in (429, 503, 529):
        return str(last.get("error_message"))
    return None


_ERROR = re.compile(r"^error: failed to run prompt: (.+)$", re.MULTILINE)


def _error(end: Exit) -> str | None:
    """The last such line on standard error."""
    errors = _ERROR.findall(end.stderr[-16_384:].decode(errors="replace"))
    return errors[-1].strip() if errors else None


def _said(answers: Iterable[Record]) -> str:
    """The last answer that has words."""
    texts = [answer.get("content") for answer in answers]
    return next((text for text in reversed(texts) if isinstance(text, str) and text), "")


def _usage(end: Exit, turns: int) -> Usage:
    """The use of this run: what came since the last prompt, if the file still has that."""
    used: list[Record] | None = None
    for record in objects(end.files.get("wire", b"")):
        if (
            record.get("type") == "turn.prompt"
            and mapping(record.get("origin")).get("kind") == "user"
        ):
            used = []
        elif record.get("type") == "usage.record" and used is not None:
            used.append(mapping(record.get("usage")))
    inputs = ("inputOther", "inputCacheRead", "inputCacheCreation")
    return Usage(
        input_tokens=count(usage.get(key) for usage in used or () for key in inputs),
        output_tokens=count(usage.get("output") for usage in used or ()),
        turns=turns,
    )


_SESSION = re.compile(r"session_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _session(records: tuple[Record, ...], end: Exit) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line.

    A run that failed does not print it, but has left the session.
    """
    state = next(objects(end.files.get("state", b"").replace(b"\n", b" ")), {})
    for value in (_hint(records), state.get("id")):
        if isinstance(value, str) and _SESSION.fullmatch(value):
            return value
    return None


_NO_SESSION = re.compile(r'Session "[^"]*" (?:not found|was created under a different directory)')


def _refused_session(assignment: Assignment, end: Exit, answers: list[Record]) -> bool:
    refused = end.code != 0 and _NO_SESSION.match(_error(end) or "") is not None
    return assignment.session is not None and refused and not answers
