"""A ledger from what GitHub shows, for when every copy of it is gone.

Branches and open pull requests show which tasks there were, names of runs which epochs were
given out. What was spent and tried is not to be seen, nor who made a branch's last commit, so
every task asks its owner. Comments are no source, for anybody can write them.
"""

from __future__ import annotations

import re
from typing import Any

from ao_actions.core.model import Book, Fleet, Stop, TaskRecord
from ao_actions.core.transitions import branch_name
from ao_actions.forge.client import Client
from ao_actions.ledger import Ledger

REASON = "the ledger was lost, and with it what was tried and spent for this task"
ASK = "Look at its branch and pull request, then /ao retry (a new round) or /ao stop."
WORKFLOW = "ao-work.yml"
PAGES = 10  # of runs, newest first; GitHub gives no more than 1,000
_RUN = re.compile(r"ao #([1-9]\d{0,15})\.([1-9]\d{0,15}) \w+")


def rebuild(client: Client, ledger: Ledger, *, keeper: str) -> Book:
    """A book of all open issues that have a task's branch, or had a run.

    :raises AoError: GitHub did not answer
    """
    client.settle()
    given = _epochs(client)
    prefix = f"refs/heads/{ledger.branches}"
    pulls = {
        pull["head"]["ref"]: pull["number"]
        for pull in client.pages("pulls", state="open")
        if (pull["head"]["repo"] or {}).get("full_name") == client.repository
    }
    rounds: dict[int, int] = {}
    branches = ledger.git.remote_refs(f"{prefix}*")
    for ref in branches:
        found = re.fullmatch(r"([1-9]\d{0,15})(?:-([1-9]\d{0,3}))?", ref.removeprefix(prefix))
        if found:
            issue, turn = int(found[1]), int(found[2] or 1)
            rounds[issue] = max(turn, rounds.get(issue, 0))
    opened = {issue["number"]: issue for issue in client.pages("issues", state="open")}
    tasks = {}
    for number in sorted(opened.keys() & (rounds.keys() | given.keys())):
        turn = rounds.get(number, 1)
        branch = branch_name(ledger.branches, number, turn)
        head = branches.get(f"refs/heads/{branch}")
        tasks[number] = TaskRecord(
            issue=number,
            epoch=given.get(number, 0),
            branch=branch,
            pull=pulls.get(branch),
            owner=_owner(opened[number]) or keeper,
            round=turn,
            published=(head,) if head else (),
            stop=Stop(reason=REASON, ask=ASK, at=client.now()),
            created_at=client.now(),
        )
    return Book(fleet=Fleet(epoch=max(given.values(), default=0)), tasks=tasks)


def _owner(issue: Any) -> str | None:
    people = (each["login"] for each in issue.get("assignees") or [] if each["type"] == "User")
    return next(people, None)


def _epochs(client: Client) -> dict[int, int]:
    """The highest epoch of each issue, by the names of its runs."""
    found: dict[int, int] = {}
    for page in range(1, PAGES + 1):
        path = f"actions/workflows/{WORKFLOW}/runs"
        runs = client.get(path, per_page=100, page=page)["workflow_runs"]
        for run in runs:
            name = _RUN.fullmatch(str(run.get("display_title")))
            if name:
                issue, epoch = int(name[1]), int(name[2])
                found[issue] = max(epoch, found.get(issue, 0))
        if len(runs) < 100:
            break
    return found
