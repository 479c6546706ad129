"""The ledger's history: told by task, made short, and never lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ao_actions.bookfiles import FINISHED, LEDGER, WITNESS
from ao_actions.core import actions
from ao_actions.core.model import Phase
from ao_actions.errors import LedgerError
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from ao_actions.upkeep import compact, history
from ao_actions.upkeep.verify import examine
from tests.builders import NOW, POLICY, to_claim, to_finish, to_release
from tests.hub import Hub, Writer

DAY = timedelta(days=1)


def on(day: int, ledger: Ledger, *steps: object) -> datetime:
    at = NOW + day * DAY
    ledger.transact(lambda _tip: steps, POLICY, clock=lambda: at)  # type: ignore[arg-type,return-value]
    return at


@pytest.fixture
def lived(writer: Writer) -> Ledger:
    """Ten days; task 42 has a past of two claims, 9 has finished."""
    ledger = writer()
    on(0, ledger, to_claim(42))
    on(1, ledger, actions.Note(issue=42, run_id=500, because=""))
    on(2, ledger, to_claim(9, epoch=2))
    on(3, ledger, to_finish(9), to_release(42))
    on(8, ledger, to_claim(42, epoch=3, reason=Phase.CI_FAILED))
    on(9, ledger, to_claim(7, epoch=4))
    return ledger


STORY = [
    (0, 1, "claimed, epoch 1, queued", None),
    (1, 1, "noted what was seen", 500),
    (3, 1, "released, epoch 1, lost", 500),
    (8, 3, "claimed, epoch 3, ci_failed", None),
]


def story(ledger: Ledger, issue: int = 42) -> list[tuple[int, int | None, str, int | None]]:
    entries = history.log(ledger.git, issue)
    return [((e.at - NOW).days, e.epoch, e.what, e.run_id) for e in entries]


def compacted(writer: Writer, keep: int, day: int = 10) -> tuple[str, ...]:
    """What the dry run said, and then was done."""
    said = compact.plan(writer(nonce=lambda: "n"), at=NOW + day * DAY, keep=keep * DAY)
    ledger = writer(nonce=lambda: "n")
    plan = compact.plan(ledger, at=NOW + day * DAY, keep=keep * DAY)
    compact.perform(ledger, plan)
    assert plan == said
    return plan.lines


# ---- log -----------------------------------------------------------------------------------


def test_a_task_s_history_is_what_its_commits_say(writer: Writer, lived: Ledger) -> None:
    assert story(writer()) == STORY
    assert story(writer(), 9) == [
        (2, 2, "claimed, epoch 2, queued", None),
        (3, 2, "done", None),
    ]
    assert story(writer(), 1) == []


def test_a_commit_by_hand_is_told_with_its_author(hub: Hub, writer: Writer, lived: Ledger) -> None:
    files = {path: hub.git("show", f"{LEDGER}:{path}") for path in hub.files()}
    hub.put({**files, "tasks/42/42.json": files["tasks/42/42.json"].replace("ann", "bob")})
    assert [what for _, _, what, _ in story(writer())][-1] == "(nothing) (by x)"


def test_a_history_is_a_table_for_people(writer: Writer, lived: Ledger) -> None:
    names, _, line, *_ = history.table(history.log(writer().git, 42))
    assert names.split() == ["WHEN", "(UTC)", "COMMIT", "EPOCH", "RUN", "WHAT"]
    assert line.startswith("2026-01-06 12:00:00  ")
    assert line.endswith("  1      500           noted what was seen")
    assert history.table([]) == []


def test_no_ledger_has_no_history(writer: Writer) -> None:
    assert story(writer()) == []


def test_a_history_is_told_without_fetching_what_others_wrote(
    hub: Hub, writer: Writer, lived: Ledger, tmp_path: Path
) -> None:
    """Of a server that can leave files out, as GitHub can."""
    compacted(writer, 5)
    hub.git("config", "uploadpack.allowFilter", "true")
    git = Git.scratch(tmp_path / "told.git", Remote(hub.path.as_uri()))
    assert story(Ledger(git)) == STORY
    here = git.run("rev-list", "--objects", "--missing=print", "--all").splitlines()
    files = {line.split()[-1] for line in here if line.endswith(".json")}
    assert files == {"tasks/42/42.json"}


# ---- compaction ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keep", "left"), [pytest.param(0, 1, id="all of it"), pytest.param(5, 3, id="but five days")]
)
def test_compaction_makes_the_history_short_and_loses_nothing(
    hub: Hub, writer: Writer, lived: Ledger, keep: int, left: int
) -> None:
    before, tip = hub.refs(), writer().read()
    lines = compacted(writer, keep)
    assert lines[0].startswith(
        f"{LEDGER}: {7 - left} of 6 commits go to refs/ao/archive/2026-01-15"
    )
    after = hub.refs()
    assert int(hub.git("rev-list", "--count", LEDGER)) == left
    assert before[LEDGER] in after.values()
    assert after[WITNESS] == after[LEDGER]
    assert hub.git("diff", before[LEDGER], LEDGER) == ""
    assert writer().read().book == tip.book
    assert story(writer()) == STORY
    seen = examine(writer())
    assert seen.findings == []
    assert len(seen.commits) == 7  # one says that it was compacted
    assert hub.log()[-1].startswith("ledger: compacted, ")


def test_work_goes_on_after_compaction_and_it_can_be_done_again(
    hub: Hub, writer: Writer, lived: Ledger
) -> None:
    old = writer()
    tip = old.read()
    draft = old.draft(tip, tip.book, ["made before"], at=NOW)
    compacted(writer, 5)
    assert not old.push(draft)
    on(11, old, to_release(7, 4))
    on(12, old, to_finish(7))
    compacted(writer, 0, day=13)
    assert story(writer()) == STORY
    assert set(writer().history()) == {7, 9}
    assert examine(writer()).findings == []
    archives = [ref for ref in hub.refs() if ref.startswith("refs/ao/archive/")]
    assert len(archives) == 3  # of the ledger twice, of the finished records once
    assert int(hub.git("rev-list", "--count", FINISHED)) == 1


def test_a_young_ledger_is_left_alone(hub: Hub, writer: Writer, lived: Ledger) -> None:
    assert compact.plan(writer(), at=NOW + 10 * DAY, keep=90 * DAY).lines == ()


def test_a_pass_that_wrote_meanwhile_wins(hub: Hub, writer: Writer, lived: Ledger) -> None:
    ledger = writer()
    plan = compact.plan(ledger, at=NOW + 10 * DAY, keep=0 * DAY)
    on(10, writer(), to_release(7, 4))
    before = hub.refs()
    with pytest.raises(LedgerError, match="was moved by somebody meanwhile: nothing was changed"):
        compact.perform(ledger, plan)
    assert hub.refs() == before


def test_there_is_nothing_to_compact_without_a_ledger(writer: Writer) -> None:
    assert compact.plan(writer(), at=NOW, keep=0 * DAY).lines == ()


def test_a_line_is_of_the_epoch_that_it_names(writer: Writer) -> None:
    """A commit may end one claim of a task and give it the next."""
    ledger = writer()
    on(0, ledger, to_claim(42))
    on(1, ledger, actions.Note(issue=42, run_id=500, because=""))
    on(2, ledger, to_release(42), to_claim(42, epoch=2))
    assert story(writer())[2:] == [
        (2, 1, "released, epoch 1, lost", 500),
        (2, 2, "claimed, epoch 2, queued", None),
    ]


def test_a_lost_archive_is_named(hub: Hub, writer: Writer, lived: Ledger) -> None:
    compacted(writer, 0)
    archives = [ref for ref in hub.refs() if ref.startswith("refs/ao/archive/")]
    for ref in archives:
        hub.git("update-ref", "-d", ref)
    hub.git("gc", "--quiet", "--prune=now")
    [finding] = examine(writer()).findings
    assert "of the ledger's history is not there" in finding.what
    assert set(writer().read().book.tasks) == {7, 42}


def test_a_first_commit_that_does_not_fit_its_archive_is_named(
    hub: Hub, writer: Writer, lived: Ledger
) -> None:
    old = hub.refs()[LEDGER]
    tree = hub.git("rev-parse", f"{old}~1^{{tree}}")
    me = ("-c", "user.name=x", "-c", "user.email=x@y")
    root = hub.git(*me, "commit-tree", tree, "-m", f"forged\n\nforged\n\nEarlier: {old}")
    hub.git("update-ref", "refs/ao/archive/x", old)
    hub.git("update-ref", LEDGER, root)
    hub.git("update-ref", WITNESS, root)
    assert f"does not begin with what {old[:10]} left" in [
        f.what for f in examine(writer()).findings
    ]
