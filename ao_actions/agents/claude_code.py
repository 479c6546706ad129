"""Claude Code, headless: `claude -p` with its stream of JSON records.

What is relied on here was seen on the pinned version with a scripted model (docs/agents.md).
The record decides and not the exit code: the program ends with 0 where all was denied, and says
`subtype: success` on an API error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
    message,
    sentence,
)
from ao_actions.agents.install import PINS, NpmPackage, install
from ao_actions.agents.records import (
    BUDGET,
    Record,
    Verdict,
    count,
    finished,
    mapping,
    objects,
    unfinished,
)
from ao_actions.agents.report import EVIDENCE, is_amount, read_report

# The package is a launcher; the native program comes in the platform's package, which npm chooses.
# Without its install script the launcher stays a stub, so the program is taken from there.
# By range, npm on an old Node.js silently takes an older version: only the exact one will do.
PIN = NpmPackage(
    agent="claude-code",
    version="2.1.330",
    program="@anthropic-ai/claude-code-*/claude",
    lock=PINS / "claude-code.json",
)

FLAGS = (
    "-p",  # the prompt is read from standard input, which has no length limit as arguments have
    "--output-format",
    "stream-json",  # the only format that carries the reset time of a limit
    "--verbose",  # stream-json demands it
    "--permission-mode",
    "acceptEdits",  # and not bypassPermissions, which root may not use
    "--allowedTools",
    "Bash",
)

SETTINGS = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # A background command or a timer would keep the program alive to our wall limit.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_CRON": "1",
    # By default every error, a wrong key too, is retried ten times, for three minutes.
    "CLAUDE_CODE_MAX_RETRIES": "4",
    "API_TIMEOUT_MS": "600000",
}


class ClaudeCode:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="Claude Code", source="npm", versions=("2.1.197", "2.1.330"), bounds=("turns", "usd")
    )
    version: str | None = PIN.version
    credentials = ("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY")
    secrets: tuple[str, ...] = ()
    reads_brief = True
    evidence: Mapping[str, str] = EVIDENCE
    sessions = ("claude/projects/*/{session}.jsonl",)

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return {}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        # Edits are accepted below the checkout and in the directory of the report, nowhere else.
        argv = [*program, *FLAGS, "--add-dir", str(assignment.report.parent)]
        options = {
            "--model": assignment.model,
            "--max-turns": assignment.turns,
            "--max-budget-usd": assignment.max_usd,  # of this run, also in a resumed session
            "--resume": assignment.session,
        }
        return argv + [f"{flag}={value}" for flag, value in options.items() if value is not None]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = {**SETTINGS, "CLAUDE_CONFIG_DIR": str(assignment.scratch / "claude")}
        endpoint = assignment.endpoint
        if endpoint is not None:
            settings[endpoint.credential] = endpoint.key
            if endpoint.url is not None:
                settings["ANTHROPIC_BASE_URL"] = endpoint.url
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        records = tuple(objects(end.stdout))
        verdict = _verdict(assignment, end, records)
        final = _final(records) or {}
        report = read_report(end.files.get("report"))
        refused = _refused_session(assignment, end, records)
        said = final.get("result")
        notes = (verdict.detail, _denied(final), report.note)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, notes)), limit=600),
            message=report.message or message(said if isinstance(said, str) else ""),
            usage=_usage(records, resumed=assignment.session is not None),
            until=verdict.until,
            proven=verdict.proven,
            session=None if refused else _session(records),
            session_refused=refused,
            replies=report.replies,
        )


def _final(records: Iterable[Record]) -> Record | None:
    """The record of the end: the last result, unless the conversation went on after it."""
    final = None
    for record in records:
        if record.get("type") == "result":
            final = record
        elif record.get("type") in ("assistant", "user"):
            final = None
    return final


def _verdict(assignment: Assignment, end: Exit, records: tuple[Record, ...]) -> Verdict:
    final = _final(records)
    if final is not None and final.get("is_error") is False and final.get("subtype") == "success":
        return _finished(final, end)
    rejected, until = _limit(records, end.ended)
    if final is not None:
        return _failed(final, until, end.ended)
    if rejected:
        return Verdict(Outcome.LIMITED, "the model's usage limit is reached", until)
    return unfinished("claude-code", assignment, end)


def _finished(final: Record, end: Exit) -> Verdict:
    said = final.get("result")
    limited, until = _limit_in_text(said if isinstance(said, str) else "", end.ended)
    if limited:
        # A gateway may send the limit as an ordinary answer; a model may also just say so.
        return Verdict(Outcome.LIMITED, sentence(str(said)), until, proven=False)
    return finished("claude-code", end)


def _failed(final: Record, until: datetime | None, now: datetime) -> Verdict:
    subtype, status = final.get("subtype"), final.get("api_error_status")
    errors = final.get("errors")
    said = final.get("result") or (errors[0] if isinstance(errors, list) and errors else subtype)
    why = sentence(f"claude-code: {said}")
    if subtype == "error_max_budget_usd" or BUDGET in str(said):
        return Verdict(Outcome.OUT_OF_BUDGET, why)
    if subtype == "error_max_turns":
        # A bound of the attempt, as its time is: what was done so far stands.
        return Verdict(Outcome.TIMEOUT, why)
    if status in (429, 529) or final.get("api_error") == "usage_limit_reached":
        return Verdict(Outcome.LIMITED, why, until or _limit_in_text(str(said), now)[1])
    return Verdict(Outcome.ERROR, why)


def _limit(records: Iterable[Record], now: datetime) -> tuple[bool, datetime | None]:
    """Whether the last rate_limit_event refused, and until when."""
    info: object = None
    for record in records:
        if record.get("type") == "rate_limit_event":
            info = record.get("rate_limit_info")
    if not isinstance(info, dict) or info.get("status") != "rejected":
        return False, None
    return True, resets.epoch(info.get("resetsAt"), now)


# The whole message has to be the sentence: a limit that is merely mentioned is none.
_LIMIT = re.compile(
    r"(?:You['\u2019]ve hit your (?:[\w .-]{1,30} )?limit|You['\u2019]re out of extra usage)"
    r" \u00b7 resets [^()]{1,40}(?: \([^()]{1,40}\))?"
    r"|You['\u2019]ve reached your [\w .-]{1,30} limit\. Run /usage-credits to continue[^\n]{0,80}"
    r"|Claude AI usage limit reached\|\d{9,11}"
)


def _limit_in_text(text: str, now: datetime) -> tuple[bool, datetime | None]:
    """Whether a message is the sentence of a limit, and the reset time that it names."""
    text = text.strip()
    if _LIMIT.fullmatch(text):
        return True, resets.in_text(text, now)
    return False, None


def _denied(final: Record) -> str:
    denials = final.get("permission_denials")
    if not isinstance(denials, list) or not denials:
        return ""
    tools = {str(denial.get("tool_name")) for denial in denials if isinstance(denial, dict)}
    return f"{len(denials)} tool calls were not allowed ({', '.join(sorted(tools))})"


def _usage(records: Iterable[Record], *, resumed: bool) -> Usage:
    """The use of this run. A run has several results if something woke it after its first.

    Tokens are each result's own. `total_cost_usd` is the session's, so for a resumed session the
    run's cost is the sum of what each result adds.
    """
    results = [record for record in records if record.get("type") == "result"]
    inputs = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    total = results[-1].get("total_cost_usd") if results else None
    added = _sum(
        model.get("costUSD")
        for result in results
        for model in mapping(result.get("model_usage_since_last_result")).values()
        if isinstance(model, dict)
    )
    usages = [mapping(result.get("usage")) for result in results]
    return Usage(
        input_tokens=count(usage.get(key) for usage in usages for key in inputs),
        output_tokens=count(usage.get("output_tokens") for usage in usages),
        usd=added if resumed else _sum([total]),
        turns=count(result.get("num_turns") for result in results),
    )


def _sum(values: Iterable[Any]) -> float | None:
    amounts = [float(value) for value in values if is_amount(value)]
    return sum(amounts) if amounts else None


_NO_SESSION = "No conversation found with session ID"
_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _session(records: Iterable[Record]) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line."""
    session = None
    for record in records:
        value = record.get("session_id")
        if isinstance(value, str) and _SESSION.fullmatch(value):
            session = value
    return session


def _refused_session(assignment: Assignment, end: Exit, records: Iterable[Record]) -> bool:
    """Whether the session that it was to resume was not found: the text mode says so on stderr."""
    if assignment.session is None or end.code == 0:
        return False
    errors = [str(record.get("errors")) for record in records if record.get("type") == "result"]
    return any(_NO_SESSION in text for text in (*errors, end.stderr.decode(errors="replace")))
