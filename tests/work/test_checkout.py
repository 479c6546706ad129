"""The checkout that an agent gets, and what is taken from it: files, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ao_actions.work import checkout
from tests.work.origin import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path)


def test_a_new_task_begins_at_the_base(origin: Origin) -> None:
    tree = origin.attempt()
    assert tree.start == origin.tip("main")
    assert (tree.path / "src" / "code.py").read_text() == "x = 1\n"


def test_an_attempt_goes_on_from_its_branch(origin: Origin) -> None:
    head = origin.commit("ao/1", {"more.py": "y = 2\n"}, start=origin.tip("main"))
    origin.commit("main", {"later.py": "z = 3\n"})
    tree = origin.attempt(head)
    assert tree.start == head
    assert (tree.path / "more.py").exists()
    assert not (tree.path / "later.py").exists()


def test_nothing_changed_is_no_commit(origin: Origin) -> None:
    assert checkout.commit(origin.attempt()) is None


def test_new_changed_and_deleted_files_are_taken_ignored_ones_are_not(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "new.py").write_text("n = 1\n")
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    (tree.path / "README.md").unlink()
    (tree.path / "debug.log").write_text("noise\n")
    commit = checkout.commit(tree)
    assert commit is not None
    assert sorted(checkout.changed_files(tree, commit)) == ["README.md", "new.py", "src/code.py"]


def test_what_the_agent_did_to_git_does_not_count(origin: Origin) -> None:
    """Its own commits, index, hooks, filters and configuration have no part in the commit."""
    tree = origin.attempt()
    (tree.path / ".git" / "hooks").mkdir(exist_ok=True)
    hook = tree.path / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch {tree.path}/../hooked\n")
    hook.chmod(0o755)

    def git(*args: str) -> None:
        subprocess.run(["git", "-C", str(tree.path), *args], check=True, capture_output=True)

    git("config", "filter.evil.clean", f"touch {tree.path}/../filtered; cat")
    (tree.path / ".gitattributes").write_text("* filter=evil\n")
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "mine", "--no-verify")
    for made in ("hooked", "filtered"):  # by the agent's own git, which is its own affair
        (tree.path.parent / made).unlink(missing_ok=True)
    commit = checkout.commit(tree)
    assert commit is not None
    parents = tree.store.run("rev-list", "--parents", "-1", commit).split()[1:]
    assert parents == [tree.start]
    assert not (tree.path.parent / "filtered").exists()
    assert not (tree.path.parent / "hooked").exists()


def test_an_agent_finds_no_remote_and_no_token(origin: Origin) -> None:
    tree = origin.attempt()
    config = (tree.path / ".git" / "config").read_text()
    assert "remote" not in config
    assert "extraheader" not in config


def test_a_conflict_is_there_to_be_resolved(origin: Origin) -> None:
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    base = origin.commit("main", {"src/code.py": "x = 3\n", "other.py": "o = 1\n"})
    tree = origin.attempt(head, merge=True)
    assert tree.merging == base
    assert "<<<<<<<" in (tree.path / "src" / "code.py").read_text()
    (tree.path / "src" / "code.py").write_text("x = 5\n")
    commit = checkout.commit(tree)
    assert commit is not None
    parents = tree.store.run("rev-list", "--parents", "-1", commit).split()[1:]
    assert parents == [head, base]
    assert tree.store.run("show", f"{commit}:other.py") == "o = 1"
