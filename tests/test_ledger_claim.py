"""Many processes claim from one ledger: nothing is claimed twice, the cap holds at every commit.

The ledger's own history is the witness: every commit that it ever had is replayed.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ao_actions.bookfiles import FINISHED, LEDGER
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from tests import ledger_racers

PROCESSES = 64
TASKS = 200


@dataclass
class Replay:
    """The hot ledger as it was, commit by commit."""

    claims: dict[int, int] = field(default_factory=dict)  # issue to epoch
    tasks: set[int] = field(default_factory=set)
    epochs: list[int] = field(default_factory=list)
    most: int = 0
    counter: int = 0

    def commit(self, changes: dict[str, dict | None]) -> None:
        before = dict(self.claims)
        for path, content in changes.items():
            if path == "fleet.json":
                assert content is not None
                assert content["epoch"] >= self.counter, "the counter fell"
                self.counter = content["epoch"]
            else:
                self.task(int(Path(path).stem), content)
        new = {issue: epoch for issue, epoch in self.claims.items() if before.get(issue) != epoch}
        assert not set(new) & set(before), "a task was claimed while it had a claim"
        self.epochs += sorted(new.values())
        self.most = max(self.most, len(self.claims))

    def task(self, issue: int, record: dict | None) -> None:
        self.claims.pop(issue, None)
        if record is None:
            self.tasks.remove(issue)
            return
        self.tasks.add(issue)
        if record["claim"] is not None:
            self.claims[issue] = record["epoch"]


def history(hub: Path) -> Iterator[dict[str, dict | None]]:
    """What each commit of the ledger changed, oldest first."""
    options = ["--reverse", "--raw", "--root", "--no-abbrev", "--no-renames", "-m"]
    log = git(hub, "log", "--format=commit %P", *options, LEDGER).split("commit ")[1:]
    commits = [entry.splitlines() for entry in log]
    assert [len(lines[0].split()) for lines in commits] == [0] + [1] * (len(commits) - 1)
    changed = [[line.split() for line in lines if line.startswith(":")] for lines in commits]
    oids = {fields[3] for commit in changed for fields in commit} - {"0" * 40}
    blobs = {oid: json.loads(content) for oid, content in contents(hub, sorted(oids))}
    for commit in changed:
        yield {fields[5]: blobs.get(fields[3]) for fields in commit}


def contents(hub: Path, oids: list[str]) -> Iterator[tuple[str, str]]:
    output = git(hub, "cat-file", "--batch", stdin="\n".join(oids))
    for oid in oids:
        head, _, output = output.partition("\n")
        name, _, size = head.split()
        assert name == oid
        yield oid, output[: int(size)]
        output = output[int(size) + 1 :]


def git(hub: Path, *args: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *args], cwd=hub, input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.extra
@pytest.mark.timeout(900)  # half a minute on two idle cores
def test_sixty_four_processes_claim_two_hundred_tasks(tmp_path: Path) -> None:
    hub = tmp_path / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(hub)], check=True)
    ledger = Ledger(Git.scratch(tmp_path / "referee.git", Remote(str(hub))))
    ledger_racers.seed(ledger, TASKS)

    command = [sys.executable, "-m", "tests.ledger_racers", str(hub), str(tmp_path)]
    root = Path(__file__).parent.parent
    race = subprocess.run(
        [*command, str(PROCESSES)], cwd=root, capture_output=True, text=True, check=False
    )
    assert race.stderr == ""
    assert race.returncode == 0

    replay = Replay()
    for changes in history(hub):
        replay.commit(changes)
        assert len(replay.claims) <= ledger_racers.POLICY.max_parallel, "over max_parallel"
    assert replay.epochs == list(range(1, replay.counter + 1)), "an epoch twice, or none"
    assert replay.claims == {}
    assert replay.tasks == set()
    assert replay.most > 1, "they did not run side by side"

    finished = ledger.history()
    assert set(finished) == set(range(1, TASKS + 1)), "a task was lost"
    assert all(record.claim is None for record in finished.values())
    ended = {a.epoch: issue for issue, record in finished.items() for a in record.attempts}
    assert sorted(ended) == replay.epochs

    notes = [path.read_text().splitlines() for path in tmp_path.glob("won*.txt")]
    won = [tuple(map(int, line.split()))[::-1] for lines in notes for line in lines]
    assert sorted(won) == sorted(ended.items()), "a racer held what the ledger did not give it"
    assert len(notes) > 1, "one took all"
    assert len(git(hub, "log", "--format=%H", FINISHED).split()) <= TASKS
