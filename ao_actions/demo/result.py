"""What came of a demo: one value for machines, a table for people. Read from the ledger, the
world and the jobs' logs, not from what the demo did."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions.core import budget, codec
from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.model import Attempt, Pause, TaskRecord
from ao_actions.demo.narrator import Narrator
from ao_actions.localgithub.model import Comment, Repository, Review, ReviewComment
from ao_actions.localgithub.server import LocalGitHub

NOTICE = "<!-- ao:limit "
METERED = "the meter counts, and keeps the key"
RESUMED = "the session of the last attempt goes on"
REFUSED = "does not take the session"
NOBODY = "no agent is needed"
_REPLY = re.compile(
    re.escape(REPLY_MARK).replace(re.escape("{item}"), "(.+)") + r"\n(.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known at the end. `records`: the ledger's, by issue; `rows`: `status` of those that
    are not finished; `pauses`: agents and their pauses, as seen whenever nothing moved."""

    hub: LocalGitHub
    repository: str
    records: Mapping[int, TaskRecord]
    rows: Iterable[Mapping[str, Any]]
    pauses: Iterable[tuple[str, Pause]]
    seconds: float

    def value(self) -> dict[str, Any]:
        """The demo's `--json`."""
        world = self.hub.world
        with world.lock:
            repo = world.repositories[self.repository]
            heads = [pull.head_ref for pull in repo.pulls.values()]
            tasks = self._tasks(repo)
            return {
                "repository": self.repository,
                "seconds": round(self.seconds, 1),
                "tasks": tasks,
                "agent_attempts": Counter(
                    attempt["reason"]
                    for task in tasks
                    for attempt in task["attempts"]
                    if attempt["by_agent"]
                ),
                "pauses": [{"agent": name, **codec.encode(pause)} for name, pause in self.pauses],
                "notices": _notices(repo),
                "runs": [_run(run) for run in sorted(repo.runs, key=lambda run: run.id)],
                "requests": {
                    kind: world.requests.get(kind, 0) for kind in ("rest", "graphql", "git")
                },
                "duplicates": len(heads) - len(set(heads)),
            }

    def _tasks(self, repo: Repository) -> list[dict[str, Any]]:
        rows = {row["issue"]: row for row in self.rows}
        issues = {n: issue.title for n, issue in repo.issues.items() if not issue.is_pull}
        return [
            self._task(number, title, rows.get(number)) for number, title in sorted(issues.items())
        ]

    def _task(self, number: int, title: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
        record = self.records.get(number)
        phase = row["phase"] if row else "queued"
        if record is not None and record.finished is not None:
            phase = record.finished.value
        return {
            "issue": number,
            "title": title,
            "phase": phase,
            "pull": record.pull if record else None,
            "wip": list(record.wip) if record else [],
            "attempts": [self._attempt(a) for a in record.attempts] if record else [],
            **self._account(number, record),
        }

    def _account(self, number: int, record: TaskRecord | None) -> dict[str, Any]:
        """What became of the feedback: the ledger's side of it, and GitHub's."""
        said = list(_said(self.hub.world.repositories[self.repository], number))
        return {
            "handled": list(record.handled) if record else [],
            "reruns": [codec.encode(rerun) for rerun in record.reruns] if record else [],
            "replies": [
                {"item": found[1], "body": found[2].strip()}
                for each in said
                if (found := _REPLY.fullmatch(each.body))
            ],
            "reactions": [
                {"to": each.body, "content": reaction.content, "by": reaction.user}
                for each in said
                for reaction in each.reactions
            ],
        }

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        log = self._log(attempt.run_id)
        return {
            "epoch": attempt.epoch,
            "reason": attempt.reason.value,
            "agent": attempt.agent,
            "outcome": attempt.outcome.value,
            "detail": attempt.detail,
            "counted": attempt.outcome not in budget.UNCOUNTED,
            "head": attempt.head,
            "spent": codec.encode(attempt.spent),
            "metered": METERED in log,
            "resumed": RESUMED in log and REFUSED not in log,
            "by_agent": NOBODY not in log,
        }

    def _log(self, run_id: int | None) -> str:
        folder = self.hub.world.root / "logs" / str(run_id)
        return "".join(
            file.read_text(encoding="utf-8", errors="replace") for file in folder.glob("*/*.txt")
        )


def _said(repo: Repository, number: int) -> Iterator[Comment | Review | ReviewComment]:
    """Everything said on an issue and its pull requests."""
    yield from repo.issues[number].comments
    for pull in repo.pulls.values():
        if re.fullmatch(rf"ao/{number}(-\d+)?", pull.head_ref):
            yield from repo.issues[pull.number].comments
            yield from pull.reviews
            yield from pull.review_comments


def _notices(repo: Repository) -> list[dict[str, Any]]:
    return [
        {"issue": number, "body": comment.body}
        for number, issue in sorted(repo.issues.items())
        for comment in issue.comments
        if NOTICE in comment.body
    ]


def _run(run: Any) -> dict[str, Any]:
    return {
        "workflow": Path(run.path).name,
        "name": run.display_title,
        "event": run.event,
        "conclusion": run.conclusion,
    }


def show(result: Mapping[str, Any], narrator: Narrator) -> None:
    """The final table, for people."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("issue", "title", "phase", "pull", "attempts"):
        table.add_column(title, no_wrap=title != "attempts")
    agents = {attempt["agent"] for task in result["tasks"] for attempt in task["attempts"]}
    for task in result["tasks"]:
        attempts = ", ".join(_words(a, named=len(agents) > 1) for a in task["attempts"])
        pull = f"#{task['pull']}" if task["pull"] else "-"
        table.add_row(f"#{task['issue']}", task["title"], task["phase"], pull, attempts)
    console = narrator.console()
    console.print()
    console.print(table)
    requests = result["requests"]
    console.print(
        f"\n{len(result['runs'])} workflow runs in {result['seconds']:g} s; "
        f"{requests['rest']} REST, {requests['graphql']} GraphQL and {requests['git']} git "
        f"requests; {result['duplicates']} duplicate pull requests",
        highlight=False,
    )
    if seen := result.get("seen"):
        console.print(
            "the agent searched environments, command lines and files: it found the model's key "
            f"{seen['key']} times, the meter's dummy {seen['dummy']} times",
            highlight=False,
        )


def _words(attempt: Mapping[str, Any], *, named: bool) -> str:
    words = [f"{attempt['reason']}: {attempt['outcome']}"]
    words += [f"by {attempt['agent']}"] if named else []
    words += ["in the same session"] if attempt["resumed"] else []
    return " ".join(words)


def dump(result: Mapping[str, Any]) -> str:
    return json.dumps(result, indent=2)
