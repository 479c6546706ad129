"""The ledger in real repositories: what is read, written, refused and retried."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from ao_actions.bookfiles import FINISHED, LEDGER, WITNESS
from ao_actions.core import actions
from ao_actions.core.model import Book, Fleet, Outcome, Phase
from ao_actions.errors import GitError, LedgerError
from ao_actions.git import Git, Remote
from ao_actions.gitsays import Done
from ao_actions.ledger import Ledger, Tip
from ao_actions.patience import Patience
from tests.builders import NOW, POLICY, to_claim, to_finish, to_release
from tests.hub import Hub, Writer, write


def claim_next(issue: int) -> Callable[[Tip], tuple[actions.Action, ...]]:
    """Decide for the tip: claim the issue unless somebody has."""

    def propose(tip: Tip) -> tuple[actions.Action, ...]:
        record = tip.book.tasks.get(issue)
        if record is not None and record.claim is not None:
            return ()
        return (to_claim(issue, epoch=tip.book.fleet.epoch + 1),)

    return propose


# ---- reading and writing -------------------------------------------------------------------


def test_a_repository_without_a_ledger_has_an_empty_one(hub: Hub, writer: Writer) -> None:
    assert writer().read() == Tip("", Book())
    assert writer().history() == {}
    assert hub.refs() == {}


def test_what_was_written_is_read(hub: Hub, writer: Writer) -> None:
    written = write(writer(), to_claim(42), to_claim(7, epoch=2))
    tip = writer().read()
    assert tip == written.tip
    assert tip.oid == hub.refs()[LEDGER]
    assert tip.book.fleet == Fleet(epoch=2, day=f"{NOW:%Y-%m-%d}", usd_today=10.0)
    assert {number: record.epoch for number, record in tip.book.tasks.items()} == {42: 1, 7: 2}


def test_a_transaction_is_one_commit_that_says_what_happened(hub: Hub, writer: Writer) -> None:
    ledger = writer(nonce=lambda: "n1")
    write(ledger, to_claim(42))
    write(ledger, to_release(42), to_claim(42, epoch=2, reason=Phase.CI_FAILED))
    assert hub.log() == [
        "task 42: released, epoch 1, lost (and 1 more)",
        "task 42: claimed, epoch 1, queued",
    ]
    assert hub.git("log", "-1", "--format=%B%n%ae %at %cn", LEDGER).splitlines() == [
        "task 42: released, epoch 1, lost (and 1 more)",
        "",
        "task 42: released, epoch 1, lost",
        "task 42: claimed, epoch 2, ci_failed",
        "",
        "Nonce: n1",
        "",
        f"ao-actions@users.noreply.github.com {int(NOW.timestamp())} ao-actions",
    ]


def test_tasks_are_spread_over_a_hundred_folders(hub: Hub, writer: Writer) -> None:
    write(writer(), to_claim(42), to_claim(7, epoch=2), to_claim(1007, epoch=3))
    assert hub.files() == [
        "fleet.json",
        "tasks/07/1007.json",
        "tasks/07/7.json",
        "tasks/42/42.json",
    ]


def test_only_what_changed_is_written(hub: Hub, writer: Writer) -> None:
    ledger = writer()
    write(ledger, to_claim(42), to_claim(7, epoch=2))
    write(ledger, to_release(42))
    assert hub.git("diff", "--name-only", f"{LEDGER}~", LEDGER) == "tasks/42/42.json"


def test_effects_alone_write_nothing(hub: Hub, writer: Writer) -> None:
    effect = actions.Cancel(issue=42, run_id=5, because="")
    written = write(writer(), effect)
    assert written.plan == (effect,)
    assert hub.refs() == {}


def test_the_plan_is_handed_back_with_its_effects(writer: Writer) -> None:
    effect = actions.Dispatch(issue=42, epoch=1, reason=Phase.QUEUED, because="")
    assert write(writer(), to_claim(42), effect).plan == (to_claim(42), effect)


# ---- the end, and the return ---------------------------------------------------------------


def test_a_finished_record_moves_in_the_same_push(hub: Hub, writer: Writer) -> None:
    ledger = writer()
    write(ledger, to_claim(42), to_claim(7, epoch=2))
    write(ledger, to_finish(42))
    assert hub.files() == ["fleet.json", "tasks/07/7.json"]
    assert hub.files(FINISHED) == ["tasks/42/42.json"]
    assert hub.log(FINISHED) == ["task 42: done"]
    record = hub.file("tasks/42/42.json", FINISHED)
    assert (record["finished"], record["claim"]) == ("done", None)
    write(ledger, to_finish(7))
    assert hub.files(FINISHED) == ["tasks/07/7.json", "tasks/42/42.json"]
    assert set(writer().history()) == {7, 42}
    assert writer().read().book.tasks == {}


@pytest.mark.parametrize("ref", [LEDGER, FINISHED])
def test_both_refs_move_or_neither(hub: Hub, writer: Writer, ref: str) -> None:
    ledger, other = writer(), writer()
    write(ledger, to_claim(42), to_claim(7, epoch=2))
    write(ledger, to_finish(7))
    tip = ledger.read()
    book = replace(tip.book, tasks={}, finished={42: tip.book.tasks[42]})
    draft = ledger.draft(tip, book, ["task 42: done"], at=NOW)
    files = {path: hub.git("show", f"{ref}:{path}") for path in hub.files(ref)}
    hub.put(files, ref)
    before = hub.refs()
    assert not ledger.push(draft)
    assert hub.refs() == before
    assert 42 in other.read().book.tasks


def test_a_returning_issue_brings_its_past_back(hub: Hub, writer: Writer) -> None:
    write(writer(), to_claim(42))
    write(writer(), to_finish(42, phase=Phase.WITHDRAWN))
    write(writer(), to_claim(42, epoch=2, round=2, branch="ao/42-2"))
    record = writer().read().book.tasks[42]
    assert [attempt.outcome for attempt in record.attempts] == [Outcome.WITHDRAWN]
    assert (record.branch, record.round, record.epoch) == ("ao/42-2", 2, 2)
    assert record.finished is None


def test_recall_finds_only_what_is_there(writer: Writer) -> None:
    ledger = writer()
    assert ledger.recall(ledger.read(), [42]) == Tip("", Book())
    write(ledger, to_claim(42), to_claim(7, epoch=2))
    write(ledger, to_finish(42), to_finish(7))
    tip = ledger.read()
    assert ledger.recall(tip, []) is tip
    recalled = ledger.recall(tip, [42, 43])
    assert set(recalled.book.finished) == {42}
    assert ledger.recall(recalled, [42]) is recalled
    assert set(ledger.recall(recalled, [42, 7]).book.finished) == {42, 7}


def test_the_counter_outlives_every_task(writer: Writer) -> None:
    write(writer(), to_claim(42))
    write(writer(), to_finish(42))
    assert writer().read().book.fleet.epoch == 1


# ---- writing against others ----------------------------------------------------------------


def test_a_lost_race_is_decided_again(hub: Hub, writer: Writer) -> None:
    slow, fast = writer(), writer()
    write(fast, to_claim(7))
    seen: list[Tip] = []

    def propose(tip: Tip) -> tuple[actions.Action, ...]:
        if not seen:
            write(fast, to_claim(8, epoch=2))
        seen.append(tip)
        return claim_next(42)(tip)

    written = slow.transact(propose, POLICY, clock=lambda: NOW)
    assert [tip.book.fleet.epoch for tip in seen] == [1, 2]
    assert written.plan == (to_claim(42, epoch=3),)
    assert set(writer().read().book.tasks) == {7, 8, 42}
    assert len(hub.log()) == 3


def test_a_plan_for_another_ledger_is_decided_again(writer: Writer) -> None:
    """A transition that does not fit is not forced: the ledger is read once more."""
    write(writer(), to_claim(7))
    epochs = iter([1, 2])
    written = writer().transact(
        lambda _tip: (to_claim(42, epoch=next(epochs)),), POLICY, clock=lambda: NOW
    )
    assert written.tip.book.tasks[42].epoch == 2


def test_a_plan_that_never_fits_gives_up(hub: Hub, writer: Writer) -> None:
    write(writer(), to_claim(7))
    before = hub.refs()
    with pytest.raises(LedgerError, match="moved by others 3 times in a row"):
        write(writer(), to_claim(42, epoch=1))
    assert hub.refs() == before


def test_a_ledger_that_always_moves_is_left_to_the_next_pass(writer: Writer) -> None:
    pauses: list[float] = []
    slow, fast = writer(pause=pauses.append), writer()
    epochs = count(1)

    def propose(tip: Tip) -> tuple[actions.Action, ...]:
        number = next(epochs)
        last = (to_finish(99 + number),) if number > 1 else ()
        write(fast, *last, to_claim(100 + number, epoch=number))
        return claim_next(42)(tip)

    with pytest.raises(LedgerError, match="the next pass tries again"):
        slow.transact(propose, POLICY, clock=lambda: NOW, tries=8)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert 42 not in writer().read().book.tasks


def test_two_writers_of_the_same_change_never_both_win(hub: Hub, writer: Writer) -> None:
    """git calls a push of what is there already a success: the nonce makes each commit unique."""
    first, second = writer(), writer()
    tips = [ledger.read() for ledger in (first, second)]
    drafts = [
        ledger.draft(tip, Book(fleet=Fleet(epoch=1)), ["task 42: claimed"], at=NOW)
        for ledger, tip in zip((first, second), tips, strict=True)
    ]
    assert [ledger.push(draft) for ledger, draft in zip((first, second), drafts, strict=True)] == [
        True,
        False,
    ]
    assert hub.refs() == dict.fromkeys((LEDGER, WITNESS), drafts[0].tip.oid)


def test_with_one_nonce_they_would(writer: Writer) -> None:
    """Why there is a nonce."""
    pushed = []
    for _ in range(2):
        ledger = writer(nonce=lambda: "the same")
        draft = ledger.draft(Tip("", Book()), Book(fleet=Fleet(epoch=1)), ["x"], at=NOW)
        pushed.append(ledger.push(draft))
    assert pushed == [True, True]


def test_the_first_commit_has_no_parent_however_often_it_is_tried(writer: Writer) -> None:
    ledger = writer()
    drafts = [ledger.draft(Tip("", Book()), Book(), ["x"], at=NOW) for _ in range(2)]
    parents = [ledger.git.run("log", "--format=%P", draft.tip.oid) for draft in drafts]
    assert parents == ["", ""]
    assert drafts[0].tip.oid != drafts[1].tip.oid


# ---- answers that get lost, and refusals ---------------------------------------------------


class DeafGit(Git):
    """Pushes, and does not hear that it worked."""

    def push(self, moves: Mapping[str, tuple[str, str]]) -> Done:
        super().push(moves)
        return Done(1, b"", "fatal: the remote end hung up unexpectedly")


class CutGit(Git):
    """Loses the connection before anything is sent."""

    def push(self, moves: Mapping[str, tuple[str, str]]) -> Done:
        return Done(128, b"", "fatal: unable to access: Could not resolve host")


def test_a_push_whose_answer_is_lost_is_known_to_be_done(hub: Hub, writer: Writer) -> None:
    written = write(writer(DeafGit), to_claim(42))
    assert written.plan == (to_claim(42),)
    assert hub.refs() == dict.fromkeys((LEDGER, WITNESS), written.tip.oid)
    assert len(hub.log()) == 1


def test_a_lost_answer_after_which_others_wrote_is_read_from_the_ledger(
    hub: Hub, writer: Writer
) -> None:
    """The claim stands although its writer cannot know it: the next look shows it."""
    other = writer()

    class SlowGit(DeafGit):
        def push(self, moves: Mapping[str, tuple[str, str]]) -> Done:
            done = super().push(moves)
            write(other, to_claim(7, epoch=2))
            return done

    written = writer(SlowGit).transact(claim_next(42), POLICY, clock=lambda: NOW)
    assert written.plan == ()
    assert {n: record.epoch for n, record in written.tip.book.tasks.items()} == {42: 1, 7: 2}
    assert len(hub.log()) == 2


def test_a_connection_that_is_cut_is_an_error(hub: Hub, writer: Writer) -> None:
    ledger = writer(CutGit)
    ledger.git.patience = Patience(lambda _seconds: None, lambda: 0.5)
    with pytest.raises(GitError, match=r"the push was refused: fatal: unable to access"):
        write(ledger, to_claim(42))
    assert hub.refs() == {}


def test_a_remote_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    git = Git.scratch(tmp_path / "scratch.git", Remote(str(tmp_path / "nowhere.git")))
    with pytest.raises(GitError, match=r"nowhere\.git"):
        Ledger(git).read()


def test_a_refusal_of_the_remote_is_not_a_race(hub: Hub, writer: Writer) -> None:
    write(writer(), to_claim(7))
    hook = hub.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = hub.refs()
    with pytest.raises(GitError, match="GH013: Repository rule violations found") as error:
        write(writer(), to_claim(42, epoch=2))
    assert "pre-receive hook declined" in str(error.value)
    assert "pre-receive hook declined" in error.value.output
    assert hub.refs() == before


# ---- a ledger that must not be touched -----------------------------------------------------


def a_file(**changes: object) -> str:
    record = {
        "schema": 1,
        "issue": 42,
        "epoch": 3,
        "branch": "ao/42",
        "owner": "ann",
        "created_at": "2026-01-05T12:00:00Z",
    }
    return json.dumps({**record, **changes})


FLEET = '{"schema": 1, "epoch": 3}'


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"fleet.json": FLEET, "tasks/42/42.json": a_file(schema=4)},
            r"tasks/42/42.json has schema 4, this version knows 3.*Upgrade ao-actions",
            id="a newer record",
        ),
        pytest.param(
            {"fleet.json": '{"schema": 4, "epoch": 3, "moods": []}'},
            r"fleet.json has schema 4",
            id="a newer fleet, with what it has more",
        ),
        pytest.param(
            {"fleet.json": FLEET, "tasks/42/42.json": a_file(mood="good")},
            r"tasks/42/42.json: mood: unknown key",
            id="an unknown key",
        ),
        pytest.param(
            {"fleet.json": FLEET, "tasks/42/42.json": "{"},
            r"tasks/42/42.json is not JSON",
            id="not JSON",
        ),
        pytest.param({"fleet.json": "[]"}, r"fleet.json is no JSON object", id="not an object"),
        pytest.param(
            {"fleet.json": FLEET, "tasks/42/42.json": a_file(schema="1")},
            r"42.json: schema: a number is wanted",
            id="a schema that is no number",
        ),
        pytest.param(
            {"fleet.json": '{"epoch": 2}', "tasks/42/42.json": a_file()},
            r"a task has epoch 3, but the counter in fleet.json is at 2: the ledger was rolled",
            id="the counter fell",
        ),
        pytest.param(
            {"tasks/42/42.json": a_file()}, r"has no fleet.json, and so no epoch", id="no counter"
        ),
        pytest.param(
            {"fleet.json": FLEET, "tasks/43/43.json": a_file()},
            r"tasks/43/43.json is of task 42",
            id="a file under another's name",
        ),
    ],
)
def test_a_ledger_that_is_not_understood_is_left_alone(
    hub: Hub, writer: Writer, files: dict[str, str], message: str
) -> None:
    hub.put(files)
    before = hub.refs()
    with pytest.raises(LedgerError, match=message) as error:
        write(writer(), to_claim(7, epoch=4))
    assert "nothing was changed" in str(error.value)
    assert hub.refs() == before


def test_a_counter_behind_the_finished_records_was_rolled_back(hub: Hub, writer: Writer) -> None:
    hub.put({"tasks/42/42.json": a_file(epoch=9, finished="done")}, FINISHED)
    hub.put({"fleet.json": FLEET})
    before = hub.refs()
    with pytest.raises(LedgerError, match="a task has epoch 9"):
        write(writer(), to_claim(42, epoch=4))
    assert hub.refs() == before


def test_an_older_record_is_read_and_rewritten(hub: Hub, writer: Writer) -> None:
    """Schema 1 knew only when a pause ends."""
    end = "2099-01-01T00:00:00Z"
    fleet = {"schema": 1, "epoch": 3, "paused": {"codex": end}}
    hub.put({"fleet.json": json.dumps(fleet), "tasks/42/42.json": a_file(not_before=end)})
    assert writer().read().book.fleet.paused["codex"].issue is None
    write(writer(), to_claim(42, epoch=4))
    assert hub.file("tasks/42/42.json")["schema"] == 3
    assert hub.file("fleet.json")["paused"]["codex"]["until"] == end


def test_other_files_are_left_alone(hub: Hub, writer: Writer) -> None:
    hub.put({"fleet.json": '{"epoch": 0}', "README": "hello"})
    write(writer(), to_claim(42))
    assert hub.files() == ["README", "fleet.json", "tasks/42/42.json"]


def test_a_damaged_object_store_is_named(tmp_path: Path, hub: Hub, writer: Writer) -> None:
    ledger = writer()
    hub.put({"fleet.json": FLEET})
    ledger.read()
    for file in (ledger.git.directory / "objects").rglob("*.pack"):
        file.unlink()
    with pytest.raises(LedgerError, match=f"{LEDGER} cannot be read"):
        ledger.files(LEDGER)


def test_records_are_readable_by_people(hub: Hub, writer: Writer) -> None:
    write(writer(), to_claim(42))
    text = hub.git("show", f"{LEDGER}:tasks/42/42.json")
    assert text.splitlines()[:3] == ["{", ' "agent": null,', ' "attempts": [],']
