"""How long `decide` takes on 10,000 issues, 300 of them under way."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from ao_actions.core.decide import decide
from ao_actions.core.lookup import unknowns
from ao_actions.core.model import Book, Fleet, TaskRecord
from ao_actions.core.observed import Issue, Pull, Snapshot
from ao_actions.core.policy import Policy

ISSUES, LIVE = 10_000, 300
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def main() -> None:
    issues = {
        number: Issue(
            number=number,
            title=f"Issue {number}",
            url="",
            is_open=True,
            labels=frozenset({"ao:ready"}),
            created_at=NOW - timedelta(minutes=number),
        )
        for number in range(1, ISSUES + 1)
    }
    tasks = {
        number: TaskRecord(
            issue=number,
            epoch=number,
            branch=f"ao/{number}",
            owner="maya",
            published=("a" * 40,),
            created_at=NOW,
        )
        for number in range(1, LIVE + 1)
    }
    pulls = {
        number: Pull(
            number=number + ISSUES,
            url="",
            state="OPEN",
            author="ao",
            head="a" * 40,
            head_at=NOW,
            base="main",
        )
        for number in tasks
    }
    snapshot = Snapshot(
        now=NOW,
        default_branch="main",
        book=Book(fleet=Fleet(epoch=LIVE), tasks=tasks),
        issues=issues,
        pulls=pulls,
    )
    policy = Policy(max_parallel=10)
    for name, step in (("unknowns", unknowns), ("decide", decide)):
        started = time.perf_counter()
        step(snapshot, policy)
        print(f"{name:9} {1000 * (time.perf_counter() - started):7.1f} ms")


if __name__ == "__main__":
    main()
