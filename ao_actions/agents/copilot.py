"""GitHub Copilot CLI, headless: its stream of JSON events, and the file of its session's events.

With an API key it works as a client of that key's provider and needs no GitHub; with a token of
GitHub's it uses GitHub's models, and no meter can stand between. What is relied on here was seen
on the pinned version with a scripted model (docs/agents.md); GitHub's own quota answers are read
by the schema of events that the program brings with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
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
    last_line,
    message,
    sentence,
)
from ao_actions.agents.install import PINS, SECONDS, NpmPackage, install
from ao_actions.agents.providers import PROVIDERS
from ao_actions.agents.records import BUDGET, Record, Verdict, count, mapping, objects, unfinished
from ao_actions.agents.report import EVIDENCE, read_report
from ao_actions.errors import AgentError

PIN = NpmPackage(
    agent="copilot",
    version="1.0.102",
    program="@github/copilot-*/copilot",
    lock=PINS / "copilot.json",
)

TOKEN = "COPILOT_GITHUB_TOKEN"  # noqa: S105  its name

FLAGS = (
    "--output-format=json",
    "--stream=off",
    # Without it paths outside of the checkout are denied, also to commands that only seem to use
    # one. The runner is the sandbox.
    "--allow-all",
    "--no-ask-user",
    "--no-auto-update",
    "--no-remote",
    "--disable-builtin-mcps",
    "--disable-client-telemetry",
    f"--secret-env-vars={TOKEN}",
)


class Copilot:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="GitHub Copilot CLI",
        source="npm",
        versions=("1.0.102", "1.0.102"),
        note="with an API key it needs a `model`; with GitHub's token it cannot be metered",
    )
    version: str | None = PIN.version
    credentials = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
    secrets: tuple[str, ...] = (TOKEN,)
    reads_brief = True
    evidence: Mapping[str, str] = {**EVIDENCE, "events": "copilot/session-state/*/events.jsonl"}
    sessions = ("copilot/session-state/{session}/events.jsonl",)

    def install(self, root: Path, /) -> Program:
        return unpacked(install(PIN, root)[0])

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return {}

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        if assignment.endpoint is not None and assignment.model is None:
            raise AgentError(
                f"copilot with {assignment.endpoint.credential} needs a `model:` in the "
                "configuration (`- name: copilot` and below it `model: gpt-5.5`, say)"
            )
        options = {"--model": assignment.model, "--resume": assignment.session}
        given = [f"{flag}={value}" for flag, value in options.items() if value is not None]
        return [*program, *FLAGS, *given]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = {"COPILOT_HOME": str(assignment.scratch / "copilot"), "USE_TGREP": "false"}
        endpoint = assignment.endpoint
        if endpoint is not None:
            settings |= {
                "COPILOT_OFFLINE": "true",  # it asks nobody but the provider
                "COPILOT_PROVIDER_TYPE": endpoint.provider,
                "COPILOT_PROVIDER_BASE_URL": endpoint.url or PROVIDERS[endpoint.provider].url,
                "COPILOT_PROVIDER_API_KEY": endpoint.key,
            }
            if endpoint.provider == "openai":
                settings["COPILOT_PROVIDER_WIRE_API"] = "responses"
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        events = tuple(objects(end.stdout))
        began = any(event.get("type") == "user.message" for event in events)
        kept = _kept(end.files.get("events")) if began else ()
        verdict = _verdict(assignment, end, events)
        report = read_report(end.files.get("report"))
        notes = (verdict.detail, _denied(events), report.note)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, notes)), limit=600),
            message=report.message or message(_said(events)),
            usage=_usage(kept),
            until=verdict.until,
            proven=verdict.proven,
            session=_session((*kept, *events)),
            session_refused=assignment.session is not None
            and _NO_SESSION.search(end.stderr) is not None,
            replies=report.replies,
        )


def unpacked(program: str) -> Program:
    """How to call the program with what it brings with it unpacked beside it, once.

    By itself it unpacks 235 MiB into every new HOME. AgentError if that fails.
    """
    target = Path(program).with_name("unpacked")
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=target.parent) as staging:
            _unpack(program, Path(staging))
            with contextlib.suppress(OSError):  # somebody else was first
                (Path(staging) / "pkg").rename(target)
    found = sorted(target.glob(f"*/{PIN.version}/index.js"))
    if len(found) != 1:
        raise AgentError(f"copilot is not whole; remove {target.parents[2]} to install it again")
    return ("/usr/bin/env", f"COPILOT_CLI_DIST_DIR={found[0].parent}", program)


def _unpack(program: str, directory: Path) -> None:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "COPILOT_PKG_CACHE_HOME": str(directory),
        "COPILOT_SEA_EXTRACT_ONLY": "1",
    }
    try:
        done = subprocess.run(
            [program, "--binary-version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"copilot could not be unpacked: {error}") from error
    if done.returncode != 0:
        raise AgentError(f"copilot could not be unpacked: {last_line(done.stderr)}")


_NO_SESSION = re.compile(
    rb"^Error: (?:No session, task, or name matched|Session '[^']*' was found but could not be)",
    re.MULTILINE,
)
_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _session(records: Iterable[Record]) -> str | None:
    """The session's id, only if it has the form of one: it will stand in a command line."""
    session = None
    for record in records:
        place = record if record.get("type") == "result" else mapping(record.get("data"))
        value = place.get("sessionId")
        if isinstance(value, str) and _SESSION.fullmatch(value):
            session = value
    return session


def _kept(events: bytes | None) -> tuple[Record, ...]:
    """What the session's file has of this run: its events since the session was last resumed."""
    kept: list[Record] = []
    started: list[Record] = []
    for record in objects(events or b""):
        if record.get("type") == "session.start":
            started.append(record)
        if record.get("type") == "session.resume":
            kept.clear()
        kept.append(record)
    return (*started, *kept)


def _verdict(assignment: Assignment, end: Exit, events: tuple[Record, ...]) -> Verdict:
    error, failure, final = _ending(events)
    if error or _status(failure) in _LIMITS:
        return _failed(assignment, error or failure, failure, end)
    if final is not None and final.get("exitCode") == 0:
        late = " and was then stopped at the time limit" if end.timed_out else ""
        return Verdict(Outcome.DONE, f"copilot finished{late}")
    return unfinished("copilot", assignment, end, why=_complaint(end.stderr))


def _ending(events: Iterable[Record]) -> tuple[Record, Record, Record | None]:
    """The last error and the last failed call, as far as no answer followed; and the last record,
    if the agent had said its last word: when it is interrupted, that too is an exit code of 0."""
    error: Record = {}
    failure: Record = {}
    final = None
    answered = False
    for event in events:
        match event.get("type"):
            case "assistant.turn_start" | "abort":
                answered = False
            case "assistant.message":
                error, failure, final = {}, {}, None
                answered = not mapping(event.get("data")).get("toolRequests")
            case "session.error":
                error = mapping(event.get("data"))
            case "model.call_failure":
                failure = mapping(event.get("data"))
            case "result":
                final = event
            case _:
                pass
    return error, failure, final if answered else None


_LIMITS = (429, 503, 529)
_QUOTAS = {"session_quota_exceeded": Outcome.OUT_OF_BUDGET, "billing_not_configured": Outcome.ERROR}


def _failed(assignment: Assignment, error: Record, failure: Record, end: Exit) -> Verdict:
    raw = str(failure.get("errorMessage", ""))
    said = error.get("message") or _provider_says(raw)
    why = sentence(f"copilot: {said}")
    kind, code = error.get("errorType"), str(error.get("errorCode"))
    if BUDGET in raw or BUDGET in str(said):
        return Verdict(Outcome.OUT_OF_BUDGET, sentence(f"copilot: {_provider_says(raw) or said}"))
    if kind == "quota" and code in _QUOTAS:
        return Verdict(_QUOTAS[code], why)
    if "insufficient_quota" in raw:
        return Verdict(Outcome.ERROR, why)  # time does not mend it
    if kind in ("rate_limit", "quota") or _status(error) in _LIMITS:
        return Verdict(Outcome.LIMITED, why, resets.in_text(str(said), end.ended))
    if kind == "authentication":
        endpoint = assignment.endpoint
        name = endpoint.credential if endpoint else TOKEN
        return Verdict(Outcome.ERROR, f"{why}; does the secret {name} hold a valid key?")
    return Verdict(Outcome.ERROR, why)


def _status(data: Record) -> int | None:
    status = data.get("statusCode")
    return status if isinstance(status, int) else None


def _provider_says(raw: str) -> str:
    """The sentence in a provider's error object, or the text itself."""
    try:
        said = mapping(json.loads(raw)).get("message")
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, str) else raw


def _complaint(stderr: bytes) -> str:
    """The first line that calls itself an error: advice for people at a terminal follows it."""
    for line in stderr.splitlines():
        if line.startswith(b"Error: "):
            way_out = f" (set one of {', '.join((*Copilot.credentials, *Copilot.secrets))})"
            return last_line(line) + (way_out if b"authentication" in line else "")
    return ""


def _denied(events: Iterable[Record]) -> str:
    ended = (
        mapping(event.get("data"))
        for event in events
        if event.get("type") == "tool.execution_complete"
    )
    denied = [data for data in ended if mapping(data.get("error")).get("code") == "denied"]
    return f"{len(denied)} tool calls were not allowed" if denied else ""


def _said(events: Iterable[Record]) -> str:
    """The last message of the agent that is not empty."""
    said = ""
    for event in events:
        content = mapping(event.get("data")).get("content")
        if event.get("type") == "assistant.message" and isinstance(content, str):
            said = content or said
    return said


def _usage(kept: Iterable[Record]) -> Usage:
    """The use of this run: each answer of a model has a record; a sum would be the session's."""
    calls = [
        mapping(mapping(record.get("data")).get("usage"))
        for record in kept
        if record.get("type") == "session.usage_record"
    ]
    return Usage(
        input_tokens=count(call.get("inputTokens") for call in calls),
        output_tokens=count(call.get("outputTokens") for call in calls),
        turns=len(calls) or None,
    )
