"""opencode, headless: `opencode run` with its stream of JSON records.

What is relied on here was seen on the pinned version with a scripted model (docs/agents.md).
Its sessions are in a database together with accounts and what else it stores, so a shell around
it brings in and takes out the one session as JSON, by opencode's own commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ao_actions.agents import resets
from ao_actions.agents.base import (
    About,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    Usage,
    last_line,
    message,
    sentence,
)
from ao_actions.agents.install import PINS, NpmPackage, install
from ao_actions.agents.records import (
    Record,
    Refusal,
    Verdict,
    count,
    finished,
    mapping,
    objects,
    refused,
    unfinished,
)
from ao_actions.agents.report import EVIDENCE, is_amount, is_count, read_report

# The native program without its launcher, which is a script for Node.js.
PIN = NpmPackage(
    agent="opencode",
    version="1.18.33",
    program="opencode-*/bin/opencode",
    lock=PINS / "opencode.json",
)

FOLDER = "opencode"  # below the scratch directory

# $1: FOLDER's path, $2: the session to resume or "", then how opencode is called. The brief is the
# standard input of `run` alone. TERM (the time limit) ends the program, and then what it did is
# still kept; a session that is cut while it is written is none.
SCRIPT = """\
folder=$1 session=$2
shift 2
trap : TERM
mkdir -p "$folder"
if [ -n "$session" ] && ! "$@" import "$folder/$session.json" </dev/null >&2; then
  echo "Session not found" >&2
  exit 1
fi
"$@" run --auto --format json --title ao-actions --print-logs --log-level ERROR \\
  ${session:+--session "$session"}
code=$?
if [ -z "$session" ]; then
  session=$("$@" session list --max-count 1 --format json </dev/null 2>/dev/null |
    sed -n 's/^ *"id": "\\(ses_[A-Za-z0-9]*\\)",$/\\1/p')
fi
if [ -n "$session" ] && "$@" export "$session" </dev/null >"$folder/part" 2>/dev/null; then
  mv "$folder/part" "$folder/$session.json"
fi
exit $code
"""

SETTINGS = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_PURE": "1",  # no plugins
}

# It installs a library for plugins beside its settings, from the registry and without a pin,
# unless there is one.
_LIBRARY = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": PIN.version}}}}
FILES = {
    "home/.config/opencode/node_modules/.keep": "",
    "home/.config/opencode/package-lock.json": json.dumps(_LIBRARY),
}

# What it appends to the base URL by itself is `/messages`, so the version is ours to give.
VERSIONS = {"anthropic": "/v1", "openai": ""}


class OpenCode:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="opencode",
        source="npm",
        versions=("1.18.33", "1.18.33"),
        note="Linux on x86-64 only: the registry that made its pin has no other platform",
    )
    version: str | None = PIN.version
    credentials = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
    secrets: tuple[str, ...] = ()
    reads_brief = True
    evidence: Mapping[str, str] = EVIDENCE
    sessions = (f"{FOLDER}/{{session}}.json",)

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return FILES

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        folder = str(assignment.scratch / FOLDER)
        return ["/bin/sh", "-c", SCRIPT, self.name, folder, assignment.session or "", *program]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = {**SETTINGS, "OPENCODE_CONFIG_CONTENT": json.dumps(_config(assignment))}
        if assignment.endpoint is not None:
            settings[assignment.endpoint.credential] = assignment.endpoint.key
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        records = tuple(objects(end.stdout))
        verdict = _verdict(assignment, _unwrapped(end), records)
        report = read_report(end.files.get("report"))
        unknown = _refused_session(assignment, end, records)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, (verdict.detail, report.note))), limit=600),
            message=report.message or message(_said(records)),
            usage=_usage(records),
            until=verdict.until,
            proven=verdict.proven,
            session=None if unknown else _session(records),
            session_refused=unknown,
            replies=report.replies,
        )


def _config(assignment: Assignment) -> dict[str, Any]:
    """What no file of the repository can override: it is merged last."""
    config: dict[str, Any] = {
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,  # a git repository of its own, for an undo that nobody will ask for
        # Without a key it would send the repository to a free model of its maker's.
        "disabled_providers": ["opencode"],
    }
    endpoint, model = assignment.endpoint, assignment.model
    if endpoint is not None:
        provider: dict[str, Any] = {}
        if endpoint.url is not None:
            base = endpoint.url.rstrip("/") + VERSIONS[endpoint.provider]
            provider["options"] = {"baseURL": base}
        if model is not None:
            name = model.removeprefix(f"{endpoint.provider}/")
            provider["models"] = {name: {}}  # a model that is newer than its own list
            model = f"{endpoint.provider}/{name}"
        config["provider"] = {endpoint.provider: provider}
    if model is not None:
        config["model"] = model
    if assignment.turns is not None:
        # In its last step it is told to say what is left to do, so that is one more.
        config["agent"] = {"build": {"steps": assignment.turns + 1}}
    return config


def _unwrapped(end: Exit) -> Exit:
    """The end as the program's own: the shell around it tells a signal as 128 and its number."""
    return replace(end, code=128 - end.code) if end.code > 128 else end


def _final(records: Iterable[Record]) -> Record | None:
    """The record of the end: an error or the last step's, unless the work goes on after it."""
    final = None
    for record in records:
        kind, part = record.get("type"), mapping(record.get("part"))
        if kind == "error":
            final = record
        elif kind == "step_finish":
            final = record if part.get("reason") != "tool-calls" else None
        elif kind in ("step_start", "tool_use", "text"):
            final = None
    return final


def _verdict(assignment: Assignment, end: Exit, records: tuple[Record, ...]) -> Verdict:
    final = _final(records)
    if final is None:
        if end.code in (126, 127):  # the shell's word for it
            why = sentence(f"opencode could not be started: {last_line(end.stderr)}")
            return Verdict(Outcome.ERROR, why)
        waiting = _waiting(end, records) if end.timed_out else None
        return waiting or unfinished("opencode", assignment, end)
    if final.get("type") == "error":
        refusal = _refusal(mapping(final.get("error")), end)
        return refused("opencode", assignment, refusal, end.ended)
    reason = mapping(final.get("part")).get("reason")
    if reason != "stop":  # the model's answer was cut, filtered, or not one at all
        return Verdict(Outcome.ERROR, sentence(f"opencode: the last answer ended by {reason!r}"))
    steps = sum(record.get("type") == "step_finish" for record in records)
    if assignment.turns is not None and steps > assignment.turns:
        return Verdict(Outcome.TIMEOUT, f"opencode used up its {assignment.turns} turns")
    return finished("opencode", end)


def _refusal(error: Record, end: Exit) -> Refusal:
    data = mapping(error.get("data"))
    said = str(data.get("message") or error.get("name"))
    if said.startswith("Unexpected server error") and (logged := _CAUSE.findall(_log(end))):
        said = logged[-1]
    return Refusal(
        said=said,
        status=data.get("statusCode"),
        headers=mapping(data.get("responseHeaders")),
        body=str(data.get("responseBody") or ""),
    )


_CAUSE = re.compile(
    r'^timestamp=\S{1,40} level=ERROR .{0,200}? error="([^"]{1,300})"', re.MULTILINE
)


def _log(end: Exit) -> str:
    return end.stderr.decode(errors="replace")


# In its log on standard error, the failure of a request that it will send again.
_LOGGED = re.compile(
    r"^timestamp=(?P<time>\S{1,40}) level=ERROR [^\n]{0,200}message=\"stream error\" "
    r"[^\n]{0,400} error\.error=\"AI_APICallError: (?P<said>[^\n]{1,400})\"$",
    re.MULTILINE,
)
_LIMIT = re.compile(r"rate.?limit|usage limit|quota|too many requests|overloaded", re.IGNORECASE)


def _waiting(end: Exit, records: Iterable[Record]) -> Verdict | None:
    """Whether it was stopped while it slept until a limit's end, of which it prints no record."""
    logged = list(_LOGGED.finditer(_log(end)))
    if not logged or not _LIMIT.search(logged[-1]["said"]):
        return None
    stamps = (mapping(record).get("timestamp", 0) for record in records)
    try:
        since = datetime.fromisoformat(logged[-1]["time"]).timestamp()
    except (ValueError, OverflowError):
        return None
    if any(is_count(stamp) and stamp > since * 1000 for stamp in stamps):
        return None  # it got over that one
    said = logged[-1]["said"]
    why = sentence(f"opencode waited for the end of a limit: {said}")
    return Verdict(Outcome.LIMITED, why, resets.in_text(said, end.ended), proven=False)


def _said(records: Iterable[Record]) -> str:
    """The text of the last message that has one."""
    texts: dict[object, list[str]] = {}
    for record in records:
        part = mapping(record.get("part"))
        if record.get("type") == "text" and isinstance(part.get("text"), str):
            texts.setdefault(str(part.get("messageID")), []).append(part["text"])
    return "\n\n".join(list(texts.values())[-1]) if texts else ""


def _usage(records: Iterable[Record]) -> Usage:
    """The use of this run: of its own steps, for records of a resumed session do not come again."""
    parts = [mapping(r.get("part")) for r in records if r.get("type") == "step_finish"]
    tokens = [mapping(part.get("tokens")) for part in parts]
    caches = [mapping(each.get("cache")) for each in tokens]
    costs = [part["cost"] for part in parts if is_amount(part.get("cost"))]
    read = [each.get("input") for each in tokens]
    read += [cache.get(kind) for cache in caches for kind in ("read", "write")]
    return Usage(
        input_tokens=count(read),
        output_tokens=count(each.get(key) for each in tokens for key in ("output", "reasoning")),
        usd=float(sum(costs)) or None,  # a model without a price costs 0
        turns=len(parts) or None,
    )


_SESSION = re.compile(r"ses_[A-Za-z0-9]{10,60}")


def _session(records: Iterable[Record]) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line."""
    session = None
    for record in records:
        value = record.get("sessionID")
        if isinstance(value, str) and _SESSION.fullmatch(value):
            session = value
    return session


def _refused_session(assignment: Assignment, end: Exit, records: Iterable[Record]) -> bool:
    if assignment.session is None or end.code == 0 or any(True for _ in records):
        return False
    return b"Session not found" in end.stderr
