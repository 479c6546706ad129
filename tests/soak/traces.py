"""What a soak leaves: in the world (each task once) and on the machine (nothing)."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ao_actions.localgithub.model import WorkflowRun
from tests.played.github import BOT, Played

STATUS = "<!-- ao:status -->"


def work_runs(world: Played) -> list[WorkflowRun]:
    with world.hub.world.lock:
        return [run for run in world.repo.runs if run.path.endswith("ao-work.yml")]


def merged(world: Played) -> int:
    return sum(pull.merged for pull in list(world.repo.pulls.values()))


def unfinished(world: Played) -> list[str]:
    """What is not over: issues, runs, records."""
    with world.hub.world.lock:
        issues = [
            f"issue {n}"
            for n, i in world.repo.issues.items()
            if i.state == "open" and not i.is_pull
        ]
    runs = [f"run {run.display_title}" for run in world.open_runs()]
    return [*issues, *runs, *(f"record {path}" for path in _paths(world, "refs/ao/ledger"))]


def _paths(world: Played, ref: str) -> list[str]:
    if world.hub.world.ref_oid("acme/widgets", ref) is None:
        return []
    paths = world.git("ls-tree", "-r", "--name-only", ref).split()
    return [path for path in paths if path.startswith("tasks/")]


def of_the_world(world: Played, tasks: int, attempts: Counter[str]) -> list[str]:
    """What is there twice, or not at all. `attempts` is filled."""
    records = [
        json.loads(world.git("show", f"refs/ao/finished:{path}"))
        for path in _paths(world, "refs/ao/finished")
    ]
    attempts.update(attempt["outcome"] for record in records for attempt in record["attempts"])
    wrong = [
        f"{record['issue']} is {record['finished']}" for record in records if not _done(record)
    ]
    if len(records) != tasks:
        wrong.append(f"{len(records)} finished records of {tasks} tasks")
    heads = Counter(pull.head_ref for pull in world.repo.pulls.values())
    wrong += [f"{count} pull requests from {name}" for name, count in heads.items() if count > 1]
    if len(heads) != tasks:
        wrong.append(f"{len(heads)} pull requests of {tasks} tasks")
    files = world.git("ls-tree", "--name-only", "main").split()
    if (count := sum(name.startswith("of-") for name in files)) != tasks:
        wrong.append(f"{count} files of {tasks} tasks")
    return wrong + list(_doubles(world, records))


def _done(record: dict[str, Any]) -> bool:
    return record["finished"] == "done" and record["claim"] is None


def _doubles(world: Played, records: list[dict[str, Any]]) -> Iterator[str]:
    for number, issue in world.repo.issues.items():
        ours = Counter(c.body.split("\n", 1)[0] for c in issue.comments if c.user == BOT)
        yield from (f"{n} times {mark} on #{number}" for mark, n in ours.items() if n > 1)
    titles = Counter(run.display_title for run in work_runs(world))
    yield from (f"{count} runs of {title}" for title, count in titles.items() if count > 1)
    epochs = Counter(attempt["epoch"] for record in records for attempt in record["attempts"])
    yield from (f"epoch {epoch} was drawn twice" for epoch, n in epochs.items() if n > 1)


def of_the_machine(root: Path, url: str) -> list[str]:
    """Processes, temporary files and ports that nobody ended."""
    wrong = [f"process {pid} goes on" for pid in _processes(root)]
    wrong += [f"{path} was left" for path in (root / "tmp").iterdir()]
    port = urlsplit(url).port
    assert port is not None
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            wrong.append(f"something listens on {port}")
    return wrong


def _processes(root: Path) -> Iterator[str]:
    """Those that work below the folder, or were told of it."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            place = str((process / "cwd").readlink())
            told = (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is somebody else's
        if place.startswith(f"{root}/") or f"{root}/".encode() in told:
            yield process.name


def open_files() -> int:
    """Of this process, in which the GitHub ran."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
