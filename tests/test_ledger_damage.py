"""Ledgers that were written, moved or deleted by hand: each is noticed, explained, and mended.

A pass changes nothing. `ledger verify` names what is wrong, `ledger repair` mends it, and what
was there before is still in the repository afterwards.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ao_actions.bookfiles import FINISHED, LARGEST, LEDGER, WITNESS, as_json
from ao_actions.core.model import Book, Fleet, Outcome, Phase
from ao_actions.errors import LedgerError
from ao_actions.git import WHOLE, Git
from ao_actions.ledger import Ledger
from ao_actions.upkeep import repair
from ao_actions.upkeep.finding import Kind
from ao_actions.upkeep.verify import examine
from tests.builders import NOW, a_claim, a_record, an_attempt, to_claim, to_finish, to_release
from tests.hub import Hub, Writer, write

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def lived(hub: Hub, writer: Writer) -> Ledger:
    """A ledger with a history: 42 was released and claimed again, 7 is claimed, 9 has finished."""
    ledger = writer()
    write(ledger, to_claim(42))
    write(ledger, to_claim(9, epoch=2))
    write(ledger, to_finish(9), to_release(42))
    write(ledger, to_claim(42, epoch=3), to_claim(7, epoch=4))
    return ledger


def wish(**given: object) -> repair.Wish:
    return repair.Wish(**{"at": LATER, "keeper": "maya", **given})  # type: ignore[arg-type]


def mended(writer: Writer, **given: object) -> tuple[str, ...]:
    """Repair, with what the dry run said; the ledger is sound then."""
    ledger = writer()
    said = repair.plan(ledger, examine(ledger), wish(**given)).lines
    ledger = writer()
    plan = repair.plan(ledger, examine(ledger), wish(**given))
    repair.perform(ledger, plan)
    assert plan.lines == said
    assert examine(writer()).findings == []
    writer().read()
    return plan.lines


def record_of(hub: Hub, issue: int, ref: str = LEDGER) -> dict:
    return hub.file(f"tasks/{issue:02}/{issue}.json", ref)


# ---- a ledger that is sound ----------------------------------------------------------------


def test_a_sound_ledger_has_nothing_to_mend(hub: Hub, writer: Writer, lived: Ledger) -> None:
    seen = examine(writer(), max_parallel=2)
    assert seen.findings == []
    assert seen.figures == {
        "commits": 4,
        "live": 2,
        "finished": 1,
        "epochs": 4,
        "most_claims": 2,
    }
    ledger = writer()
    assert repair.plan(ledger, examine(ledger), wish()).lines == ()


def test_no_ledger_is_sound(writer: Writer) -> None:
    assert examine(writer()).findings == []


def test_too_many_claims_are_found_where_they_were(hub: Hub, writer: Writer, lived: Ledger) -> None:
    findings = examine(writer(), max_parallel=1).findings
    assert {finding.kind for finding in findings} == {Kind.CROWDED}
    assert [finding.commit for finding in findings] == [
        hub.git("rev-parse", f"{LEDGER}~2"),
        hub.git("rev-parse", LEDGER),
    ]


# ---- files by hand -------------------------------------------------------------------------


@dataclass
class Hand:
    """A commit on top of the ledger, by somebody who knows git."""

    hub: Hub

    def commands(self, *lines: bytes, ref: str = LEDGER) -> None:
        start = f"commit {ref}\ncommitter x <x@y> 0 +0000\ndata 7\nby hand\nfrom {ref}^0\n"
        stream = b"".join([start.encode(), *lines])
        command = ["git", "fast-import", "--quiet", "--force"]
        subprocess.run(command, cwd=self.hub.path, input=stream, check=True)

    def write(self, path: str, content: bytes, mode: str = "100644", ref: str = LEDGER) -> None:
        head = f"M {mode} inline {path}\ndata {len(content)}\n".encode()
        self.commands(head, content, b"\n", ref=ref)

    def delete(self, path: str) -> None:
        self.commands(f"D {path}\n".encode())


def of_42(**given: object) -> bytes:
    base = {"epoch": 3, "claim": a_claim(), "attempts": (an_attempt(outcome=Outcome.LOST),)}
    return as_json(a_record(**{**base, **given}))


def without(record: bytes, key: str) -> bytes:
    value = json.loads(record)
    del value[key]
    return json.dumps(value).encode()


@dataclass
class Case:
    """What somebody did, what a pass says to it, what is found, and how the ledger is after."""

    do: Callable[[Hand], None]
    said: str
    kinds: set[Kind]
    path: str
    mended: Callable[[Hub], bool] = field(default=lambda hub: record_of(hub, 42)["epoch"] == 3)


PATH = "tasks/42/42.json"
CASES = {
    "bad JSON": Case(
        lambda hand: hand.write(PATH, b'{"issue": 42'), r"42.json is not JSON", {Kind.DAMAGED}, PATH
    ),
    "not UTF-8": Case(
        lambda hand: hand.write(PATH, of_42(owner="zoé").replace(b"\\u00e9", b"\xe9")),
        r"42.json is not JSON \('utf-8' codec",
        {Kind.DAMAGED},
        PATH,
    ),
    "no epoch": Case(
        lambda hand: hand.write(PATH, without(of_42(), "epoch")),
        r"42.json: epoch: missing",
        {Kind.DAMAGED},
        PATH,
    ),
    "JSON that is no object": Case(
        lambda hand: hand.write(PATH, b"[42]"),
        r"42.json is no JSON object",
        {Kind.DAMAGED},
        PATH,
    ),
    "a schema that is no number": Case(
        lambda hand: hand.write(PATH, of_42().replace(b'"schema": 3', b'"schema": "3"')),
        r"42.json: schema: a number is wanted",
        {Kind.DAMAGED},
        PATH,
    ),
    "a claim without an epoch": Case(
        lambda hand: hand.write(PATH, of_42(epoch=0)),
        r"42.json has a claim without an epoch",
        {Kind.DAMAGED},
        PATH,
    ),
    "an epoch that was never drawn": Case(
        lambda hand: hand.write(PATH, of_42(epoch=8)),
        r"a task has epoch 8, but the counter in fleet.json is at 4",
        {Kind.COUNTER},
        "fleet.json",
        lambda hub: hub.file("fleet.json")["epoch"] == 8,
    ),
    "another's epoch": Case(
        lambda hand: hand.write(PATH, of_42(epoch=4)),
        r"tasks 7 and 42 are both claimed with epoch 4",
        {Kind.TWICE},
        PATH,
        lambda hub: record_of(hub, 42)["claim"] is record_of(hub, 7)["claim"] is None,
    ),
    "a wrong shard": Case(
        lambda hand: hand.commands(b"R tasks/42/42.json tasks/43/42.json\n"),
        r"tasks/43/42.json is of task 42",
        {Kind.MISPLACED},
        "tasks/43/42.json",
    ),
    "an issue in two shards": Case(
        lambda hand: hand.write("tasks/43/42.json", of_42(epoch=1)),
        r"tasks/43/42.json is of task 42",
        {Kind.MISPLACED},
        "tasks/43/42.json",
        lambda hub: "damaged/tasks/43/42.json" in hub.files() and record_of(hub, 42)["epoch"] == 3,
    ),
    "a symbolic link": Case(
        lambda hand: hand.write(PATH, b"../07/7.json", mode="120000"),
        r"42.json is a symbolic link, not a plain file",
        {Kind.DAMAGED},
        PATH,
    ),
    "a submodule": Case(
        lambda hand: hand.commands(b"M 160000 " + b"1" * 40 + b" tasks/42/42.json\n"),
        r"42.json is a submodule, not a plain file",
        {Kind.DAMAGED},
        PATH,
    ),
    "a huge file": Case(
        lambda hand: hand.write(PATH, b"[" + b" " * LARGEST + b"]"),
        r"42.json has \d+ bytes, more than",
        {Kind.DAMAGED},
        PATH,
    ),
    "a file that is no record": Case(
        lambda hand: hand.write("tasks/notes.txt", b"remember the milk"),
        r"tasks/notes.txt is not JSON",
        {Kind.DAMAGED},
        "tasks/notes.txt",
        lambda hub: "damaged/tasks/notes.txt" in hub.files(),
    ),
    "no counter": Case(
        lambda hand: hand.delete("fleet.json"),
        r"has no fleet.json, and so no epoch counter",
        {Kind.DAMAGED},
        "fleet.json",
        lambda hub: hub.file("fleet.json")["epoch"] == 4,
    ),
    "a counter without its number": Case(
        lambda hand: hand.write("fleet.json", b'{"schema": 3}'),
        r"fleet.json: epoch: missing",
        {Kind.DAMAGED},
        "fleet.json",
        lambda hub: hub.file("fleet.json")["epoch"] == 4,
    ),
    "a counter that was set back": Case(
        lambda hand: hand.write("fleet.json", as_json(Fleet(epoch=1))),
        r"a task has epoch 4, but the counter in fleet.json is at 1",
        {Kind.COUNTER},
        "fleet.json",
        lambda hub: hub.file("fleet.json")["epoch"] == 4,
    ),
    "damage where no good version is": Case(
        lambda hand: hand.write("tasks/55/55.json", b"{}"),
        r"tasks/55/55.json",
        {Kind.DAMAGED},
        "tasks/55/55.json",
        lambda hub: (
            record_of(hub, 55)["stop"] is not None and record_of(hub, 55)["owner"] == "maya"
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_by_hand(hub: Hub, writer: Writer, lived: Ledger, name: str) -> None:
    case = CASES[name]
    case.do(Hand(hub))
    before = hub.refs()
    with pytest.raises(LedgerError, match=case.said) as error:
        write(writer(), to_claim(8, epoch=5))
    assert "ledger verify" in str(error.value)
    assert hub.refs() == before
    tip = [f for f in examine(writer()).findings if f.kind is not Kind.PAST]
    assert {f.kind for f in tip} >= case.kinds
    assert case.path in {f.path for f in tip}
    assert {f.commit for f in tip} == {before[LEDGER]}
    lines = mended(writer)
    assert case.mended(hub)
    assert hub.git("rev-parse", f"{LEDGER}~") == before[LEDGER]
    assert hub.log()[0].startswith(lines[0])
    write(writer(), to_claim(8, epoch=hub.file("fleet.json")["epoch"] + 1))


def test_a_newer_schema_is_left_to_a_newer_program(hub: Hub, writer: Writer, lived: Ledger) -> None:
    Hand(hub).write(PATH, of_42().replace(b'"schema": 3', b'"schema": 4'))
    before = hub.refs()
    with pytest.raises(LedgerError, match=r"has schema 4, this version knows 3.*Upgrade"):
        writer().read()
    ledger = writer()
    seen = examine(ledger)
    assert Kind.NEWER in {finding.kind for finding in seen.findings}
    plan = repair.plan(ledger, seen, wish())
    assert [finding.path for finding in plan.left] == [PATH]
    assert hub.refs() == before


def test_files_of_others_and_attributes_hide_no_record(
    hub: Hub, writer: Writer, lived: Ledger
) -> None:
    """`git archive` would leave these records out."""
    Hand(hub).write(".gitattributes", b"tasks export-ignore\n")
    assert set(writer().read().book.tasks) == {7, 42}
    assert examine(writer()).findings == []


def test_a_task_that_finished_is_not_live_again(hub: Hub, writer: Writer, lived: Ledger) -> None:
    """An old record that somebody brought back."""
    old = hub.git("show", f"{LEDGER}~2:tasks/09/9.json")
    Hand(hub).write("tasks/09/9.json", old.encode())
    [finding] = examine(writer()).findings
    assert (finding.kind, finding.path) == (Kind.ENDED, "tasks/09/9.json")
    mended(writer)
    assert "tasks/09/9.json" not in hub.files()
    assert record_of(hub, 9, FINISHED)["finished"] == "done"


@pytest.mark.parametrize("shape", ["a merge", "another root"])
def test_a_history_that_is_no_line(hub: Hub, writer: Writer, lived: Ledger, shape: str) -> None:
    """The files are sound, so the factory goes on; the history is looked at once."""
    tip = hub.git("rev-parse", LEDGER)
    tree = hub.git("rev-parse", f"{LEDGER}^{{tree}}")
    me = ("-c", "user.name=x", "-c", "user.email=x@y")
    other = hub.git(*me, "commit-tree", tree, "-m", "root")
    second = f"{LEDGER}~2" if shape == "a merge" else other
    both = hub.git(*me, "commit-tree", tree, "-p", tip, "-p", second, "-m", "merged by hand")
    hub.git("update-ref", LEDGER, both)
    assert set(writer().read().book.tasks) == {7, 42}
    [finding] = examine(writer()).findings
    assert (finding.kind, finding.commit) == (Kind.PAST, both)
    assert "a merge of 2 commits" in finding.what
    [line] = mended(writer)
    assert line.startswith(f"ledger: looked at: {both[:10]}")


def test_damage_to_a_finished_record(hub: Hub, writer: Writer, lived: Ledger) -> None:
    Hand(hub).write("tasks/09/9.json", b"{", ref=FINISHED)
    with pytest.raises(LedgerError, match=f"{FINISHED}:tasks/09/9.json is not JSON"):
        writer().history()
    mended(writer)
    assert record_of(hub, 9, FINISHED)["finished"] == "done"


# ---- refs by hand --------------------------------------------------------------------------


def refused(writer: Writer, hub: Hub, said: str) -> None:
    """A pass changes nothing, also one that has only to look."""
    before = hub.refs()
    with pytest.raises(LedgerError, match=said) as error:
        write(writer(), to_claim(8, epoch=1))
    assert "nothing was changed" in str(error.value)
    assert hub.refs() == before


def test_a_deleted_ledger_is_not_begun_anew(hub: Hub, writer: Writer, lived: Ledger) -> None:
    tip = hub.refs()[LEDGER]
    hub.git("update-ref", "-d", LEDGER)
    refused(writer, hub, "refs/ao/ledger is gone: refs/ao/finished, refs/ao/witness show that")
    [line] = mended(writer)
    assert line == f"ledger: restored to {tip[:10]}, from {WITNESS} (it was gone)"
    assert hub.git("rev-parse", f"{LEDGER}~") == tip
    assert writer().read().book.fleet.epoch == 4


@pytest.mark.parametrize("gone", [(LEDGER, WITNESS), (LEDGER, WITNESS, FINISHED)])
def test_a_ledger_that_is_gone_with_its_witness(
    hub: Hub, writer: Writer, lived: Ledger, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    """A clone on somebody's disk has it; without one the branches still show that it was."""
    clone = Hub(tmp_path / "clone.git")
    hub.git("clone", "--quiet", "--mirror", str(hub.path), str(clone.path))
    main = hub.git("rev-parse", LEDGER)
    for ref in gone:
        hub.git("update-ref", "-d", ref)
    hub.git("update-ref", "refs/heads/ao/42", main)
    refused(writer, hub, "refs/ao/ledger is gone: refs/.* show that there was one")
    with pytest.raises(LedgerError, match="no copy was found: nothing was changed"):
        mended(writer)
    lines = mended(writer, clone=clone.path)
    assert lines[0] == f"ledger: restored to {main[:10]}, from the clone {clone.path} (it was gone)"
    assert writer().read().book.fleet.epoch == 4
    assert record_of(hub, 9, FINISHED)["finished"] == "done"


def test_a_branch_that_only_looks_like_ours_begins_no_trouble(hub: Hub, writer: Writer) -> None:
    tree = hub.git("hash-object", "-t", "tree", "-w", "/dev/null")
    commit = hub.git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", tree, "-m", "x")
    for name in ("ao/notes", "ao/42/x", "other/42", "main"):
        hub.git("update-ref", f"refs/heads/{name}", commit)
    write(writer(), to_claim(7))


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_ledger_that_was_rolled_back(hub: Hub, writer: Writer, lived: Ledger, back: int) -> None:
    """An older commit is as sound as it was then: only the witness shows that time went on."""
    tip = hub.refs()[LEDGER]
    hub.git("update-ref", LEDGER, f"{tip}~{back}")
    refused(writer, hub, "was rolled back, or moved by force: refs/ao/witness is where")
    assert Kind.ROLLED_BACK in {finding.kind for finding in examine(writer()).findings}
    mended(writer)
    assert hub.git("rev-parse", f"{LEDGER}~") == tip


def test_a_repair_makes_nothing_right_that_was_read_before(
    hub: Hub, writer: Writer, lived: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody mends the ledger between a pass's look at it and the look at its history; no epoch
    was lost, which would give it away."""
    write(lived, to_finish(7))
    tip = hub.refs()[LEDGER]
    hub.git("update-ref", LEDGER, f"{tip}~1")
    fetch, meanwhile = Git.fetch, [lambda: mended(writer)]

    def late(git: Git, *refs: str, **options: Any) -> bool:
        if options.get("depth") == WHOLE and meanwhile:
            meanwhile.pop()()
        return fetch(git, *refs, **options)

    ledger = writer()
    monkeypatch.setattr(Git, "fetch", late)
    with pytest.raises(LedgerError, match="was rolled back"):
        ledger.read()
    assert not meanwhile
    assert set(ledger.read().book.tasks) == {42}


def test_a_ledger_of_somebody_else(hub: Hub, writer: Writer, lived: Ledger) -> None:
    """Pushed by force: what it was goes on, and what was pushed is kept."""
    tip = hub.refs()[LEDGER]
    hub.git("update-ref", "-d", LEDGER)
    strange = hub.put({"fleet.json": '{"epoch": 9}'})
    refused(writer, hub, "was rolled back, or moved by force")
    mended(writer)
    assert hub.git("rev-parse", f"{LEDGER}~") == tip
    assert strange in hub.refs().values()


def test_a_commit_by_hand_that_goes_forward_is_taken(
    hub: Hub, writer: Writer, lived: Ledger
) -> None:
    Hand(hub).write("README", b"hello")
    write(writer(), to_claim(8, epoch=5))
    assert hub.refs()[LEDGER] == hub.refs()[WITNESS]


def test_a_counter_by_hand_that_goes_back_is_not(hub: Hub, writer: Writer) -> None:
    """No task is live, so only the commit before shows what the counter was."""
    write(writer(), to_claim(42))
    write(writer(), to_finish(42))
    Hand(hub).write("fleet.json", as_json(Fleet(epoch=0)))
    refused(writer, hub, "rolled back")
    mended(writer)
    assert writer().read().book.fleet.epoch == 1


def test_to_a_commit_that_somebody_names(hub: Hub, writer: Writer, lived: Ledger) -> None:
    old = hub.git("rev-parse", f"{LEDGER}~2")
    lines = mended(writer, to=old)
    assert lines[0].startswith(f"ledger: restored to {old[:10]}, as was asked for (it was at ")
    assert writer().read().book.fleet.epoch == 4
    with pytest.raises(LedgerError, match="--to 1234567: no ref of ours"):
        mended(writer, to="1234567")


def test_finished_records_that_were_deleted(hub: Hub, writer: Writer, lived: Ledger) -> None:
    """An issue that comes back would begin with a full budget."""
    before = record_of(hub, 9, FINISHED)
    hub.git("update-ref", "-d", FINISHED)
    with pytest.raises(LedgerError, match="refs/ao/finished is gone: 4 epochs were given out"):
        write(writer(), to_claim(9, epoch=5))
    with pytest.raises(LedgerError, match="refs/ao/finished is gone"):
        write(writer(), to_finish(7))
    mended(writer)
    after = record_of(hub, 9, FINISHED)
    for record in (before, after):
        [attempt] = record["attempts"]
        del attempt["detail"]
    assert before == after


def test_a_repository_without_finished_tasks_has_no_such_ref(writer: Writer) -> None:
    write(writer(), to_claim(42))
    write(writer(), to_claim(43, epoch=2))
    assert set(writer().read().book.tasks) == {42, 43}


def test_a_ledger_older_than_witnesses_gets_one(hub: Hub, writer: Writer, lived: Ledger) -> None:
    hub.git("update-ref", "-d", WITNESS)
    assert examine(writer()).findings == []
    write(writer(), to_claim(8, epoch=5))
    assert hub.refs()[WITNESS] == hub.refs()[LEDGER]


def test_a_repair_does_not_push_over_what_others_wrote(
    hub: Hub, writer: Writer, lived: Ledger
) -> None:
    Hand(hub).write("README", b"hello")
    ledger = writer()
    plan = repair.plan(ledger, examine(ledger), wish(to=f"{hub.refs()[LEDGER]}"))
    write(writer(), to_claim(8, epoch=5))
    before = hub.refs()
    with pytest.raises(LedgerError, match="was moved by somebody meanwhile"):
        repair.perform(ledger, plan)
    assert hub.refs() == before


def test_a_book_from_elsewhere_begins_a_lost_ledger(hub: Hub, writer: Writer) -> None:
    tree = hub.git("hash-object", "-t", "tree", "-w", "/dev/null")
    commit = hub.git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", tree, "-m", "x")
    hub.git("update-ref", "refs/heads/ao/42", commit)
    book = Book(fleet=Fleet(epoch=17), tasks={42: a_record(epoch=12)})
    mended(writer, rebuilt=lambda: book)
    assert writer().read().book == book
    write(writer(), to_claim(50, epoch=18))
    write(writer(), to_finish(50, phase=Phase.WITHDRAWN))
    assert set(writer().history()) == {50}
