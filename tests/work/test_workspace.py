"""Places of attempts, and what is ours to empty."""

import tempfile
from pathlib import Path

import pytest

from ao_actions.errors import ConfigError
from ao_actions.git import Git
from ao_actions.work import checkout, workspace
from ao_actions.work.workspace import Places
from tests.work.origin import Origin


def test_a_new_machine_works_below_its_temporary_folder(tmp_path: Path) -> None:
    places = workspace.places({"RUNNER_TEMP": str(tmp_path)}, "o/r", 7)
    assert places == Places.under(tmp_path / "ao")
    assert places.mirror is None


def test_a_lasting_machine_has_a_folder_per_task(tmp_path: Path) -> None:
    env = {"RUNNER_TEMP": "/elsewhere", "AO_WORK_ROOT": str(tmp_path)}
    places = workspace.places(env, "o/r", 7)
    assert places.checkout == tmp_path / "o__r" / "7" / "checkout"
    assert places.agents == workspace.places(env, "o/other", 8).agents
    assert places.mirror == tmp_path / "o__r" / "mirror.git"


def test_another_user_can_get_to_them(tmp_path: Path) -> None:
    places = workspace.places({"RUNNER_TEMP": str(tmp_path)}, "o/r", 7, shared=True)
    assert places.checkout.is_relative_to(tempfile.gettempdir())
    lasting = workspace.places({"AO_WORK_ROOT": str(tmp_path)}, "o/r", 7, shared=True)
    assert lasting.checkout.is_relative_to(tmp_path)


def test_it_has_to_be_an_absolute_path() -> None:
    with pytest.raises(ConfigError, match="AO_WORK_ROOT must be an absolute path, not 'work'"):
        workspace.places({"AO_WORK_ROOT": "work"}, "o/r", 7)


@pytest.mark.parametrize("name", ["checkout", "scratch", "store.git", "handoff"])
def test_what_somebody_else_made_is_never_emptied(
    origin: Origin, tmp_path: Path, name: str
) -> None:
    precious = tmp_path / "root" / name / "thesis.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    with pytest.raises(ConfigError, match=rf"{name} was not made by ao-actions: move it away"):
        checkout.prepare(
            Places.under(tmp_path / "root"), origin.remote, head="", base="main", merge=False
        )
    assert precious.read_text() == "years of work"


def kept(origin: Origin, root: Path, issue: int, head: str = "") -> checkout.Checkout:
    places = Places.kept(root, "o/r", issue)
    return checkout.prepare(places, origin.remote, head=head, base="main", merge=False)


def test_a_mirror_is_kept_and_brought_up_to_date(origin: Origin, tmp_path: Path) -> None:
    root = tmp_path / "lasting"
    first = kept(origin, root, 1)
    head = origin.commit("main", {"later.py": "later = 1\n"})
    second = kept(origin, root, 2)
    assert second.start == head != first.start
    assert (second.path / "later.py").exists()
    mirror = Git(root / "o__r" / "mirror.git")
    assert mirror.run("rev-parse", "main") == head
    # the history is the machine's, not copied for each task
    borrowed = Git(second.path).run("count-objects", "-v").splitlines()
    assert "in-pack: 0" in borrowed
    assert Git(second.path).run("remote") == ""
    (second.path / "new.py").write_text("n = 1\n")
    commit = checkout.commit(second)
    assert commit is not None
    checkout.bundle(second, commit, tmp_path / "handoff")
    assert (tmp_path / "handoff" / "work.bundle").exists()


def test_an_attempt_on_a_branch_with_a_mirror(origin: Origin, tmp_path: Path) -> None:
    head = origin.commit("ao/1", {"a.py": "a = 1\n"}, start=origin.tip("main"))
    tree = kept(origin, tmp_path, 1, head)
    assert tree.start == head
    assert (tree.path / "a.py").exists()


def test_nothing_is_left_on_a_lasting_machine_but_the_hand_off(
    origin: Origin, tmp_path: Path
) -> None:
    places = Places.kept(tmp_path, "o/r", 1)
    kept(origin, tmp_path, 1)
    places.scratch.mkdir()
    places.handoff.mkdir()
    workspace.leave(places)
    left = sorted(path.name for path in places.checkout.parent.iterdir())
    assert left == [workspace.MARKER, "handoff"]
    assert places.mirror is not None
    assert places.mirror.exists()


def test_unfinished_work_is_laid_over_the_checkout(origin: Origin) -> None:
    origin.commit("main", {"old.py": "old = 1\n", "same.py": "same = 1\n"})
    first = origin.attempt()
    (first.path / "new.py").write_text("n = 1\n")
    (first.path / "same.py").write_text("same = 2\n")
    (first.path / "old.py").unlink()
    bundle = origin.bundle(first)
    second = origin.attempt()
    assert checkout.adopt(second, bundle)
    assert (second.path / "new.py").read_text() == "n = 1\n"
    assert (second.path / "same.py").read_text() == "same = 2\n"
    assert not (second.path / "old.py").exists()
    assert Git(second.path).run("rev-parse", "HEAD") == second.start  # uncommitted
    made = checkout.commit(second)
    assert made is not None
    tree = first.store.run("rev-parse", "refs/ao/work^{tree}")
    assert second.store.run("rev-parse", f"{made}^{{tree}}") == tree


def test_work_for_another_commit_is_not(origin: Origin, tmp_path: Path) -> None:
    first = origin.attempt()
    (first.path / "new.py").write_text("n = 1\n")
    bundle = origin.bundle(first)
    origin.commit("main", {"later.py": "later = 1\n"})
    second = origin.attempt()
    assert not checkout.adopt(second, bundle)
    assert not (second.path / "new.py").exists()
    (tmp_path / "garbage").write_bytes(b"# v2 git bundle\ngarbage")
    assert not checkout.adopt(second, tmp_path / "garbage")
