"""What age does to a ledger: 300 live tasks, 10,000 finished, a year of hourly passes; and
100,000 commits. Sizes, fetches, pushes and reads, before and after `ao-actions ledger compact`.

    .venv/bin/python bench/ledger_ageing.py [--small]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ao_actions.bookfiles import FINISHED, LEDGER, WITNESS, as_json, path_of
from ao_actions.core.model import Attempt, Fleet, Outcome, Phase, Spent, TaskRecord
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.upkeep import compact, history
from ao_actions.upkeep.verify import examine

START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "acme/old"


def main() -> None:
    small = "--small" in sys.argv[1:]
    tenth = 10 if small else 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for title, passes in (("a year, 8,760 passes", 8_760), ("100,000 commits", 100_000)):
            hub = root / f"{passes}.git"
            subprocess.run(["git", "init", "-q", "--bare", str(hub)], check=True)
            git(hub, "config", "uploadpack.allowFilter", "true")  # as GitHub does
            with clock(f"{title}: made"):
                grow(hub, passes // tenth, 10_000 // tenth, 300 // tenth)
            measure(root / f"m{passes}", hub, Remote(hub.as_uri()))
        http(root, 1_000 // tenth, 1_000 // tenth, 30)


def http(root: Path, passes: int, finished: int, live: int) -> None:
    """The same, smaller, over HTTP."""
    with LocalGitHub(root / "github") as github:
        github.world.add_user("maya")
        token = github.world.add_token("maya").value
        repo = github.world.create_repository(NAME)
        repo.collaborators["maya"] = "admin"
        hub = Path(github.world.git(NAME, "rev-parse", "--absolute-git-dir").strip())
        with clock(f"over HTTP, {passes:,} passes, {finished:,} finished, {live} live: made"):
            grow(hub, passes, finished, live)
        measure(root / "http", hub, Remote(f"{github.url}/{NAME}.git", token))


# ---- a ledger that is old ------------------------------------------------------------------


def a_record(issue: int, epoch: int, attempts: int = 3) -> TaskRecord:
    """As large as records get on the way to a merge."""
    tried = tuple(
        Attempt(
            epoch=epoch - attempts + n + 1,
            round=1,
            reason=Phase.CI_FAILED if n else Phase.QUEUED,
            agent="claude-code",
            outcome=Outcome.CHANGES,
            detail=f"{n + 2} files changed",
            head=f"{issue:040x}",
            run_id=1_000_000 + epoch + n,
            started_at=START,
            ended_at=START,
            spent=Spent(usd=1.25, tokens=120_000 + issue, seconds=480),
        )
        for n in range(attempts)
    )
    return TaskRecord(
        issue=issue,
        epoch=epoch,
        branch=f"ao/{issue}",
        owner="maya",
        attempts=tried,
        pull=issue + 20_000,
        published=tuple(f"{issue + n:040x}" for n in range(attempts)),
        handled=tuple(f"checks:{issue + n:040x}" for n in range(attempts)),
        spent=Spent(usd=3.75, tokens=360_000, seconds=1_440),
        status_comment=str(3_000_000 + issue),
        created_at=START,
    )


def grow(hub: Path, passes: int, finished: int, live: int) -> None:
    """Every pass changes a task; now and then one finishes and the next one begins."""
    with subprocess.Popen(
        ["git", "fast-import", "--quiet", "--force"], cwd=hub, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        for part in stream(passes, finished, live):
            process.stdin.write(part)
    tip = git(hub, "rev-parse", LEDGER)
    git(hub, "update-ref", WITNESS, tip)
    git(hub, "gc", "--quiet")


def stream(passes: int, finished: int, live: int) -> Iterator[bytes]:
    tasks = {issue: a_record(issue, 3 * issue) for issue in range(1, live + 1)}
    epoch, newest = 3 * live, live
    files = {path_of(issue): as_json(record) for issue, record in tasks.items()}
    yield commit(LEDGER, 0, "the first tasks", {**files, "fleet.json": as_json(Fleet(epoch=epoch))})
    ended = 0
    for turn in range(1, passes + 1):
        gone = []
        while ended < finished * turn // passes:
            issue = min(tasks)
            record = replace(tasks.pop(issue), finished=Phase.DONE, finished_at=START)
            ended += 1
            yield commit(FINISHED, turn, f"task {issue}: done", {path_of(issue): as_json(record)})
            gone.append(issue)
            newest, epoch = newest + 1, epoch + 3
            tasks[newest] = a_record(newest, epoch)
        issue = sorted(tasks)[turn % len(tasks)]
        tasks[issue] = replace(tasks[issue], status_comment=str(3_000_000 + turn))
        files = {path_of(issue): as_json(tasks[issue])}
        if gone:
            new = range(newest - len(gone) + 1, newest + 1)
            files |= {path_of(n): as_json(tasks[n]) for n in new}
            files["fleet.json"] = as_json(Fleet(epoch=epoch))
        lines = [*(f"task {n}: done" for n in gone), f"task {issue}: noted what was seen"]
        yield commit(LEDGER, turn, "\n".join(lines), files, gone)


def commit(
    ref: str, turn: int, said: str, files: dict[str, bytes], gone: list[int] | None = None
) -> bytes:
    at = int((START + timedelta(hours=turn)).timestamp())
    message = f"{said.splitlines()[0]}\n\n{said}\n\nNonce: {turn:016x}\n".encode()
    parts = [f"commit {ref}\ncommitter ao-actions <ao@x> {at} +0000\n".encode(), data(message)]
    parts += [f"D {path_of(issue)}\n".encode() for issue in gone or ()]
    parts += [f"M 100644 inline {p}\n".encode() + data(content) for p, content in files.items()]
    return b"".join(parts)


def data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


# ---- figures -------------------------------------------------------------------------------


def measure(root: Path, hub: Path, remote: Remote) -> None:
    count = 0

    def ledger() -> Ledger:
        nonlocal count
        count += 1
        return Ledger(Git.scratch(root / f"{count}.git", remote))

    def passes(when: str) -> None:
        line = f"  {when}: {git(hub, 'rev-list', '--count', LEDGER)} commits"
        print(f"{line}, {folder_size(hub) / 1e6:.1f} MB on the server")
        cold = ledger()
        with clock("    fetch, depth 1, cold (both refs)"):
            cold.git.fetch(f"+{LEDGER}:{LEDGER}", f"+{WITNESS}:{WITNESS}")
        print(f"      {folder_size(cold.git.directory / 'objects') / 1e3:.0f} kB")
        with clock("    fetch again, nothing new"):
            cold.git.fetch(f"+{LEDGER}:{LEDGER}", f"+{WITNESS}:{WITNESS}")
        with clock("    read(), warm"):
            tip = cold.read()
        draft = cold.draft(tip, tip.book, ["a pass"], at=at(hub))
        with clock("    push of one commit"):
            assert cold.push(draft)
        with clock("    recall() of a finished task, cold"):
            cold.recall(tip, [1])
        with clock("    history() of all finished tasks"):
            cold.history()

    passes("before")
    with clock("    log of one task"):
        history.log(ledger().git, 1)
    with clock("    verify"):
        seen = examine(ledger())
    assert not seen.findings, seen.findings[:3]
    print(f"      {seen.figures}")
    one = ledger()
    with clock("    compact --keep-days 90"):
        plan = compact.plan(one, at=at(hub), keep=timedelta(days=90))
        if plan.lines:
            compact.perform(one, plan)
    for line in plan.lines:
        print(f"      {line}")
    git(hub, "gc", "--quiet", "--prune=now")
    passes("after")
    assert not examine(ledger()).findings


def at(hub: Path) -> datetime:
    return datetime.fromtimestamp(int(git(hub, "log", "-1", "--format=%ct", LEDGER)), UTC)


def git(hub: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=hub, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def clock(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - started:.2f} s", flush=True)


if __name__ == "__main__":
    main()
