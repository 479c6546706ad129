"""Where each task stands: for a terminal, a job summary and machines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ao_actions.core import actions, codec, selection, text
from ao_actions.core.model import Phase
from ao_actions.core.observed import Snapshot, Task
from ao_actions.core.phase import waits_for_agent
from ao_actions.core.policy import Policy
from ao_actions.core.tasks import verdicts


def rows(snapshot: Snapshot, policy: Policy) -> list[dict[str, Any]]:
    """One object per task: issue, title, phase, because, resumes_at (of a task that a model's
    limit holds up), pull, owner, epoch, attempts."""
    found = []
    for task, verdict in verdicts(snapshot, policy):
        record = task.record
        if record is None and verdict.phase not in (Phase.QUEUED, Phase.PAUSED):
            continue  # its task has just ended
        because = verdict.because
        if verdict.phase in selection.CLAIMABLE:
            because = selection.hold(task, verdict, snapshot, policy) or because
        found.append(
            {
                "issue": task.issue.number,
                "title": task.issue.title,
                "phase": verdict.phase.value,
                "because": because,
                "resumes_at": _resumes_at(task, policy),
                "pull": task.pull.number if task.pull else None,
                "owner": record.owner if record else None,
                "epoch": record.epoch if record else None,
                "attempts": [
                    {"epoch": a.epoch, "reason": a.reason.value, "outcome": a.outcome.value}
                    for a in (record.attempts if record else ())
                ],
            }
        )
    return found


def _resumes_at(task: Task, policy: Policy) -> Any:
    if task.turn is None or not waits_for_agent(task, policy):
        return None
    return codec.encode(task.turn.at)


def plan_rows(steps: Iterable[tuple[actions.Action, str]]) -> list[dict[str, Any]]:
    """One object per action: its kind, its fields and what came of it."""
    return [
        {"action": type(action).__name__, **codec.encode(action), "result": result}
        for action, result in steps
    ]


def table(rows_: list[dict[str, Any]]) -> str:
    """The rows as plain text columns."""
    if not rows_:
        return "No tasks: no open issue has the label, and nothing is under way."
    cells = [["ISSUE", "PHASE", "PR", "ATTEMPTS", "WHY", "TITLE"]]
    cells += [
        [
            f"#{row['issue']}",
            row["phase"],
            f"#{row['pull']}" if row["pull"] else "-",
            str(len(row["attempts"])),
            _cut(row["because"], 60),
            _cut(row["title"], 40),
        ]
        for row in rows_
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def markdown(rows_: list[dict[str, Any]], lines: Iterable[str]) -> str:
    """The job summary of a pass: what was done, then where each task stands."""
    done = [f"- {_plain(line)}" for line in lines] or ["- nothing had to be done"]
    body = ["### ao-actions", "", *done]
    if rows_:
        body += ["", "| issue | phase | why | PR |", "| --- | --- | --- | --- |"]
        body += [
            f"| #{row['issue']} | {row['phase']} | {_plain(row['because'])} "
            f"| {'#' + str(row['pull']) if row['pull'] else ''} |"
            for row in rows_
        ]
    return "\n".join(body)


def needs_human(rows_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows_ if row["phase"] == Phase.NEEDS_HUMAN]


def _plain(words: str) -> str:
    """For a list or a table's cell in Markdown: no other cell, link or element comes of it."""
    flat = " ".join(text.visible(words).split())[:500]
    for sign, harmless in (("|", "/"), ("<", "&lt;"), ("@", "@\u2060"), ("](", "]\u2060(")):
        flat = flat.replace(sign, harmless)
    return flat


def _cut(words: str, width: int) -> str:
    flat = " ".join(text.visible(words).split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"
