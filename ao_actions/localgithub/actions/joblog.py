"""A job's log and steps, built from act's --json records as they come.

The text is laid out as GitHub's own: a time before each line, `##[group]`, `##[error]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ao_actions.localgithub.model import Annotation, Step

Record = dict[str, Any]
_LEVELS = {"error": "failure", "warning": "warning", "notice": "notice"}
_MARKS = {"error": "##[error]", "warning": "##[warning]", "notice": "##[notice]"}
_NOISE = ("valid docker connection", "Error: Job '")  # act's own summary, said already
_EXIT = re.compile(r"exit status (\d+)")


@dataclass(slots=True)
class _Entry:
    """One step of the file: its record, and what was seen of it."""

    step: Step
    key: str
    outcome: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    forgiven: bool = False  # continue-on-error
    cancelled: bool = False
    failed_line: bool = False


class JobLog:
    """Reads records, keeps steps, annotations, outputs and summary, and writes the log files."""

    def __init__(
        self, file: Path, steps: list[Record], now: Callable[[], datetime], secrets: Iterable[str]
    ) -> None:
        self._now = now
        self._secrets: list[str] = []
        self.hide(secrets)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._folder = file.with_suffix("")
        self._folder.mkdir(exist_ok=True)
        self._file = file.open("w", encoding="utf-8", errors="replace")
        self._part: Any = None
        self._part_number = 0
        self._transitions = 0
        self.annotations: list[Annotation] = []
        self.summaries: dict[str, str] = {}
        self.job_result: str | None = None
        self._raw = steps
        first = Step(1, "Set up job", "in_progress", started_at=now())
        self._entries = {
            str(raw.get("id") or index): _Entry(
                Step(index + 2, step_name(raw), "queued"), str(raw.get("id") or index)
            )
            for index, raw in enumerate(steps)
        }
        last = Step(len(steps) + 2, "Complete job", "queued")
        self._first, self._last = first, last
        self.steps = [first, *(entry.step for entry in self._entries.values()), last]

    # -- writing

    def write(self, text: str, step: Step | None = None) -> None:
        chosen = step or self._first
        if chosen.number != self._part_number:
            if self._part is not None:
                self._part.close()
            name = re.sub(r"[^\w .()\[\]-]", "", chosen.name)[:80]
            part = self._folder / f"{chosen.number}_{name}.txt"
            self._part = part.open("a", encoding="utf-8", errors="replace")
            self._part_number = chosen.number
        stamp = self._now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        for line in text.removesuffix("\n").replace("\r\n", "\n").split("\n"):
            self._file.write(f"{stamp} {line}\n")
            self._part.write(f"{stamp} {line}\n")

    def fail(self, message: str) -> None:
        """A failure of the runner or the service, not of a step."""
        self.write(f"##[error]{message}", self._current())
        self._annotate("failure", message, {})

    def close(self) -> None:
        self._file.close()
        if self._part is not None:
            self._part.close()

    def _current(self) -> Step:
        running = [step for step in self.steps if step.status == "in_progress"]
        return running[-1] if running else self._first

    # -- reading

    def read(self, record: Record) -> bool:
        """Takes one record; whether a step began or ended with it."""
        before = self._transitions
        self._read(record)
        return self._transitions != before

    def _read(self, record: Record) -> None:
        if "jobResult" in record:
            self.job_result = str(record["jobResult"])
            return
        ids = record.get("stepID")
        if not isinstance(ids, list) or not ids:
            self._read_setup(record)
            return
        entry = self._entries.get(str(ids[0]))
        if entry is None or record.get("stage") == "Pre":
            return
        self._read_step(entry, record, outermost=len(ids) == 1)

    def _read_setup(self, record: Record) -> None:
        message = str(record.get("msg", "")).strip()
        if "stepid" in record or not message or any(noise in message for noise in _NOISE):
            return
        mark = "##[error]" if record.get("level") in {"error", "fatal"} else ""
        self.write(f"{mark}{message}", self._current())

    def _read_step(self, entry: _Entry, record: Record, *, outermost: bool) -> None:
        message = str(record.get("msg", ""))
        main = record.get("stage") == "Main"
        if main and message.startswith("⭐ Run Main") and outermost:
            self._start(entry, record)
        elif "command" in record:
            self._read_command(entry, record, outermost=outermost)
        elif record.get("raw_output"):
            self.write(message, entry.step)
        elif main and "stepResult" in record:
            if outermost:
                entry.outcome = str(record["stepResult"])
        elif message.startswith("Failed but continue next step"):
            entry.forgiven = entry.forgiven or outermost
        elif message.startswith("this step has been cancelled"):
            entry.cancelled = True
            self._fail(entry, "The operation was canceled.")
        elif record.get("level") == "error":
            found = _EXIT.search(message)
            self._fail(
                entry,
                f"Process completed with exit code {found[1]}." if found else message.strip(),
            )

    def _start(self, entry: _Entry, record: Record) -> None:
        self._settle(before=entry)
        if self._first.status != "completed":
            self._complete(self._first, "success")
        step, raw = entry.step, self._raw[entry.step.number - 2]
        step.status, step.started_at = "in_progress", self._now()
        self._transitions += 1
        shown = str(record.get("step") or "")  # the name or script with its expressions filled in
        if "name" in raw:
            step.name = shown or step.name
        elif "run" in raw and shown:
            raw = {**raw, "run": shown}
        head, details = _introduction(raw)
        self.write(f"##[group]{head}", step)
        for line in details:
            self.write(self.mask(line), step)
        self.write("##[endgroup]", step)

    def _settle(self, before: _Entry | None = None) -> None:
        """Steps whose end act reported are completed; those it passed over were skipped."""
        for entry in self._entries.values():
            if before is not None and entry.step.number >= before.step.number:
                return
            if entry.step.status == "completed":
                continue
            if entry.outcome is None and entry.step.status == "queued":
                self._complete(entry.step, "skipped")
                continue
            conclusion = entry.outcome or "failure"
            if entry.cancelled:
                conclusion = entry.outcome = "cancelled"
            elif entry.forgiven and conclusion == "failure":
                conclusion = "success"
            self._complete(entry.step, conclusion)

    def _complete(self, step: Step, conclusion: str) -> None:
        self._transitions += 1
        step.status, step.conclusion, step.completed_at = "completed", conclusion, self._now()
        step.started_at = step.started_at or step.completed_at

    def _fail(self, entry: _Entry, message: str) -> None:
        """The reason of a failed step, said once however deep it was."""
        if entry.failed_line:
            return
        entry.failed_line = True
        self.write(f"##[error]{self.mask(message)}", entry.step)
        self._annotate("failure", message, {})

    def _read_command(self, entry: _Entry, record: Record, *, outermost: bool) -> None:
        command, argument = str(record["command"]), str(record.get("arg", ""))
        if command == "set-output":
            if outermost:
                entry.outputs[str(record.get("name"))] = argument
        elif command == "summary":
            if outermost:
                self.summaries[entry.key] = self.mask(str(record.get("content", "")))
        elif command == "add-mask":
            self.hide([argument])
        elif command in _LEVELS:
            self.write(f"{_MARKS[command]}{self.mask(argument)}", entry.step)
            self._annotate(_LEVELS[command], argument, record.get("kvPairs") or {})
        elif command in {"group", "endgroup"}:
            self.write(f"##[{command}]{self.mask(argument)}", entry.step)
        elif command == "debug":
            return  # shown only with step debug logging, as on GitHub

    def _annotate(self, level: str, message: str, where: Record) -> None:
        def line(name: str, default: int) -> int:
            text = str(where.get(name, ""))
            return int(text) if text.isdigit() else default

        start = line("line", 1)
        self.annotations.append(
            Annotation(
                path=str(where.get("file") or ".github"),
                start_line=start,
                end_line=line("endLine", start),
                annotation_level=level,
                message=self.mask(message),
                title=self.mask(str(where.get("title") or "")),
            )
        )

    def hide(self, secrets: Iterable[str]) -> None:
        """Masks these from now on; of one with several lines, each line too."""
        pieces = {piece for secret in secrets for piece in (secret, *secret.splitlines())}
        known = {*self._secrets, *(piece for piece in pieces if piece.strip())}
        self._secrets = sorted(known, key=len, reverse=True)

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    # -- the end

    def finish(self, *, lost: bool = False) -> None:
        """Every step gets its end. A lost runner leaves what ran as it was seen last."""
        if self._first.status != "completed":
            self._complete(self._first, "failure" if self.job_result != "success" else "success")
        if lost:
            for step in self.steps:
                if step.status == "in_progress":
                    self._complete(step, "cancelled")
        self._settle()
        self._complete(self._last, "skipped" if lost else "success")

    @property
    def summary(self) -> str:
        return "\n".join(text.rstrip("\n") for text in self.summaries.values())

    def step_context(self) -> dict[str, dict[str, Any]]:
        """The `steps` context at the job's end."""
        return {
            entry.key: {
                "outputs": entry.outputs,
                "outcome": entry.outcome or "skipped",
                "conclusion": entry.step.conclusion,
            }
            for entry in self._entries.values()
            if not entry.key.isdigit()
        }

    def holds_secret(self, text: str) -> bool:
        return any(secret in text for secret in self._secrets)


def step_name(raw: Record) -> str:
    if raw.get("name"):
        return str(raw["name"])
    if "uses" in raw:
        return f"Run {raw['uses']}"
    lines = str(raw.get("run", "")).strip().splitlines()
    return f"Run {lines[0] if lines else ''}"


def _introduction(raw: Record) -> tuple[str, list[str]]:
    """What GitHub prints before a step's own output: its script or its inputs."""
    if "uses" in raw:
        inputs = raw.get("with") or {}
        lines = [f"  {key}: {_flat(value)}" for key, value in inputs.items()]
        return f"Run {raw['uses']}", (["with:", *lines] if lines else [])
    script = str(raw.get("run", "")).strip().splitlines() or [""]
    return f"Run {script[0]}", [*script, f"shell: {raw.get('shell', 'bash -e {0}')}"]


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
