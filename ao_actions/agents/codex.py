"""Codex, headless: `codex exec --json`, its events, and the file that it keeps of its session.

What is relied on here was seen on the pinned version with a scripted model (docs/agents.md).
The event of the turn's end decides. Why it failed, when a limit ends and what this run used stand
only in the session's file ("rollout"): the events' figures are those of the whole session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
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
from ao_actions.agents.records import BUDGET, Record, Verdict, count, mapping, objects, unfinished
from ao_actions.agents.report import EVIDENCE, is_amount, read_report

# The package is a launcher in JavaScript; the native program comes in the platform's package.
PIN = NpmPackage(
    agent="codex",
    version="0.169.0",
    program="@openai/codex-*/vendor/*/bin/codex",
    lock=PINS / "codex.json",
)

KEY = "OPENAI_API_KEY"
RETRIES = 3

# A provider of our own, for the built-in one tries WebSockets first. The runner is the sandbox:
# Codex's own needs user namespaces, which containers and Ubuntu's runners refuse, and it would
# hold the report and git's index from being written.
CONFIG = """\
model_provider = "ao"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[features]
plugins = false
apps = false
goals = false
multi_agent = false
daemon_auto_start = false
unbounded_connection_retries = false

[shell_environment_policy]
exclude = ["{key}"]

[model_providers.ao]
name = "OpenAI"
base_url = {url}
env_key = "{key}"
wire_api = "responses"
request_max_retries = 4
stream_max_retries = {retries}
"""


class Codex:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="Codex",
        source="npm",
        versions=("0.169.0", "0.169.0"),
        note="an API key only: a ChatGPT log-in was not tried",
    )
    version: str | None = PIN.version
    credentials = (KEY,)
    secrets: tuple[str, ...] = ()
    reads_brief = True
    evidence: Mapping[str, str] = {**EVIDENCE, "rollout": "codex/sessions/*/*/*/rollout-*.jsonl"}
    sessions = ("codex/sessions/*/*/*/rollout-*-{session}.jsonl",)

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, assignment: Assignment, /) -> Mapping[str, str]:
        endpoint = assignment.endpoint
        url = (endpoint.url if endpoint else None) or PROVIDERS["openai"].url
        # These retries obey a `retry-after` of any length, in silence. The meter lets no long one
        # through; without it the first limit has to end the run.
        retries = RETRIES if endpoint is not None and endpoint.metered else 0
        config = CONFIG.format(key=KEY, url=json.dumps(url), retries=retries)
        return {"codex/config.toml": config}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        argv = [*program, "exec", "--json", "--skip-git-repo-check"]
        if assignment.model is not None:
            argv.append(f"--model={assignment.model}")
        if assignment.session is not None:
            argv += ["resume", assignment.session]
        return [*argv, "-"]  # the prompt is read from standard input

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = {"CODEX_HOME": str(assignment.scratch / "codex")}
        if assignment.endpoint is not None:
            settings[KEY] = assignment.endpoint.key
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        events = tuple(objects(end.stdout))
        thread = _thread(events)
        kept = _kept(end.files.get("rollout"), thread)
        verdict = _verdict(assignment, end, events, kept)
        report = read_report(end.files.get("report"))
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, (verdict.detail, report.note))), limit=600),
            message=report.message or message(_said(events)),
            usage=_usage(events, kept, resumed=assignment.session is not None),
            until=verdict.until,
            proven=verdict.proven,
            session=thread,
            session_refused=_refused_session(assignment, end, thread),
            replies=report.replies,
        )


_THREAD = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _thread(events: Iterable[Record]) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line."""
    thread = None
    for event in events:
        value = event.get("thread_id")
        if event.get("type") == "thread.started" and isinstance(value, str):
            thread = value if _THREAD.fullmatch(value) else None
    return thread


def _refused_session(assignment: Assignment, end: Exit, thread: str | None) -> bool:
    return assignment.session is not None and thread is None and b"thread/resume" in end.stderr


def _kept(rollout: bytes | None, thread: str | None) -> tuple[Record, ...]:
    """What the session's file has of this run: the payloads since its last turn began.

    Nothing from the file of another session (a sub-agent's, or an earlier one's).
    """
    payloads: list[Record] = []
    threads = set()
    for record in objects(rollout or b""):
        payload = {"record": record.get("type"), **mapping(record.get("payload"))}
        if payload.get("type") == "task_started":
            payloads.clear()
        payloads.append(payload)
        threads.add(str(payload.get("thread_id")))
    return tuple(payloads) if thread in threads else ()


def _verdict(
    assignment: Assignment, end: Exit, events: tuple[Record, ...], kept: tuple[Record, ...]
) -> Verdict:
    final: Record = {}
    for event in events:
        if event.get("type") in ("turn.started", "turn.completed", "turn.failed"):
            final = event
    if final.get("type") == "turn.completed":
        return _finished(_said(events), end)
    if final.get("type") == "turn.failed":
        said = mapping(final.get("error")).get("message")
        return _failed(said if isinstance(said, str) else "it did not say why", kept, end.ended)
    return unfinished("codex", assignment, end)


# The whole message has to be the sentence: a limit that is merely mentioned is none.
_LIMIT = re.compile(
    r"You['\u2019]ve hit your usage limit\.[^\n]{0,300}\btry again (?:later|at [^\n]{4,40})\.?"
)


def _finished(said: str, end: Exit) -> Verdict:
    if _LIMIT.fullmatch(said.strip()):
        # A gateway may send the limit as an ordinary answer; a model may also just say so.
        until = resets.in_text(said, end.ended)
        return Verdict(Outcome.LIMITED, sentence(f"codex: {said}"), until, proven=False)
    late = " and was then stopped at the time limit" if end.timed_out else ""
    return Verdict(Outcome.DONE, f"codex finished{late}")


_LIMITS = ("usage_limit_exceeded", "rate_limit_exceeded", "server_overloaded")
_STATUS = re.compile(r"^(?:exceeded retry limit, last|unexpected) status:? (\d{3})\b")


def _failed(said: str, kept: tuple[Record, ...], now: datetime) -> Verdict:
    why = sentence(f"codex: {said}")
    kind, status = _error(kept)
    if found := _STATUS.match(said):
        status = status or int(found[1])
    if BUDGET in said:
        return Verdict(Outcome.OUT_OF_BUDGET, why)
    if said.startswith("Quota exceeded"):
        return Verdict(Outcome.ERROR, why)  # time does not mend it
    if kind in _LIMITS or status in (429, 503, 529) or _LIMIT.match(said):
        return Verdict(Outcome.LIMITED, why, _until(kept, now) or resets.in_text(said, now))
    if status in (401, 403):
        return Verdict(Outcome.ERROR, f"{why}; does the secret {KEY} hold a valid key?")
    return Verdict(Outcome.ERROR, why)


def _error(kept: Iterable[Record]) -> tuple[str, int | None]:
    """The kind of the error in the session's file, and the HTTP status that it names."""
    info: object = None
    for payload in kept:
        if payload.get("type") == "task_complete":
            info = mapping(payload.get("error")).get("codex_error_info")
    if isinstance(info, str):
        return info, None
    kind, inner = next(iter(mapping(info).items()), ("", None))
    status = mapping(inner).get("http_status_code")
    return kind, status if isinstance(status, int) else None


def _until(kept: Iterable[Record], now: datetime) -> datetime | None:
    """When the last of the windows that are used up is reset."""
    windows: Record = {}
    for payload in kept:
        if payload.get("type") == "token_count":
            limits = mapping(payload.get("rate_limits"))
            # after the answer that refuses, some accounts send a record without windows
            windows = limits if mapping(limits.get("primary")) else windows
    used_up = (
        resets.epoch(window.get("resets_at"), now)
        for window in map(mapping, (windows.get("primary"), windows.get("secondary")))
        if is_amount(window.get("used_percent")) and window["used_percent"] >= 100
    )
    return max(filter(None, used_up), default=None)


def _said(events: Iterable[Record]) -> str:
    """The last message of the agent."""
    said = ""
    for event in events:
        item = mapping(event.get("item"))
        if event.get("type") == "item.completed" and item.get("type") == "agent_message":
            said = item["text"] if isinstance(item.get("text"), str) else said
    return said


def _usage(events: Iterable[Record], kept: Iterable[Record], *, resumed: bool) -> Usage:
    """The use of this run: from the session's file, or of the session if it has no other."""
    steps = [payload for payload in kept if payload.get("record") == "token_usage_record"]
    if steps:
        used = [mapping(steps[-1].get("turn_token_usage"))]
    else:
        used = [] if resumed else [mapping(event.get("usage")) for event in events]
    return Usage(
        input_tokens=count(usage.get("input_tokens") for usage in used),
        output_tokens=count(usage.get("output_tokens") for usage in used),
        turns=len(steps) or None,
    )
