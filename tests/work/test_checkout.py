"""The checkout that an agent gets, and what is taken from it: files, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ao_actions.errors import GitError
from ao_actions.work import checkout, handoff
from ao_actions.work.workspace import Places
from tests.work.origin import Origin, changed


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
    assert sorted(changed(tree, commit)) == ["README.md", "new.py", "src/code.py"]


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


def test_a_merge_without_a_conflict_is_a_merge_too(origin: Origin) -> None:
    head = origin.commit("ao/1", {"more.py": "y = 2\n"}, start=origin.tip("main"))
    base = origin.commit("main", {"other.py": "o = 1\n"})
    tree = origin.attempt(head, merge=True)
    commit = checkout.commit(tree)
    assert commit is not None
    assert tree.store.run("rev-list", "--parents", "-1", commit).split()[1:] == [head, base]
    assert tree.store.run("show", f"{commit}:other.py") == "o = 1"


def test_what_cannot_be_merged_is_not_called_merged(origin: Origin) -> None:
    """A merge commit without the base's files would take back all that the base has."""
    git = origin.git()
    empty = git.run("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    other = git.run("commit-tree", empty, "-m", "another history")
    git.push({"refs/heads/ao/1": ("", other)})
    with pytest.raises(GitError, match=r"main cannot be merged: .*unrelated histories"):
        origin.attempt(other, merge=True)


def test_a_base_may_have_any_name(origin: Origin) -> None:
    head = origin.commit("ao/1", {"a.py": "a = 1\n"}, start=origin.tip("main"))
    base = origin.commit("work", {"b.py": "b = 1\n"}, start=origin.tip("main"))
    place = origin.place()
    tree = checkout.prepare(Places.under(place), origin.remote, head=head, base="work", merge=True)
    assert (tree.start, tree.merging) == (head, base)
    assert (tree.path / "b.py").exists()


def test_a_base_that_is_gone(origin: Origin) -> None:
    place = origin.place()
    with pytest.raises(GitError):
        checkout.prepare(Places.under(place), origin.remote, head="", base="gone", merge=False)


def test_relative_paths(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tree = checkout.prepare(
        Places.under(Path("r")), origin.remote, head="", base="main", merge=False
    )
    assert tree.path == tmp_path / "r" / "checkout"
    (tree.path / "new.py").write_text("n = 1\n")
    commit = checkout.commit(tree)
    assert commit is not None
    checkout.bundle(tree, commit, Path("r/handoff"))
    assert (tmp_path / "r" / "handoff" / handoff.BUNDLE).exists()


def test_a_second_attempt_finds_nothing_of_the_first(origin: Origin) -> None:
    place = origin.place()
    for _ in range(2):
        tree = checkout.prepare(
            Places.under(place), origin.remote, head="", base="main", merge=False
        )
        assert not (tree.path / "left.py").exists()
        (tree.path / "left.py").write_text("left\n")


def test_a_program_in_the_agent_s_home_does_not_run(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may write a ~/.gitconfig; its filters would run with the keys of this process."""
    tree = origin.attempt()
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[filter "evil"]\nclean = touch {tmp_path}/ran; cat\n'
        f"[core]\nfsmonitor = touch {tmp_path}/ran\n"
    )
    monkeypatch.setenv("HOME", str(home))
    (tree.path / ".gitattributes").write_text("* filter=evil\n")
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    assert checkout.commit(tree) is not None
    assert not (tmp_path / "ran").exists()


def test_a_checkout_whose_git_is_gone_still_has_files(origin: Origin) -> None:
    tree = origin.attempt()
    shutil.rmtree(tree.path / ".git")
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    commit = checkout.commit(tree)
    assert commit is not None
    assert changed(tree, commit) == ["src/code.py"]


def test_what_is_ignored_and_tracked_is_taken(origin: Origin) -> None:
    origin.commit("main", {".gitignore": "*.py\n"})
    tree = origin.attempt()
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    (tree.path / "new.py").write_text("n = 1\n")
    commit = checkout.commit(tree)
    assert commit is not None
    assert changed(tree, commit) == ["src/code.py"]


def test_an_executable_stays_one(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "run.sh").write_text("#!/bin/sh\n")
    (tree.path / "run.sh").chmod(0o755)
    commit = checkout.commit(tree)
    assert commit is not None
    assert tree.store.run("ls-tree", commit, "run.sh").startswith("100755 ")


def test_modes_that_publish_would_refuse_are_mended(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    (tree.path / "src" / "code.py").chmod(0o755)
    (tree.path / "README.md").chmod(0o755)
    for name, content in (("data.bin", b"\x7fELF"), ("run.sh", b"#!/bin/sh\n")):
        (tree.path / name).write_bytes(content)
        (tree.path / name).chmod(0o755)
    commit = checkout.commit(tree)
    assert commit is not None
    modes = {
        line.split("\t")[1]: line.split()[0]
        for line in tree.store.run("ls-tree", "-r", commit).splitlines()
    }
    assert modes == {
        ".gitignore": "100644",
        "README.md": "100644",
        "data.bin": "100644",
        "run.sh": "100755",
        "src/code.py": "100644",
    }


def test_a_changed_mode_alone_is_no_change(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "README.md").chmod(0o755)
    assert checkout.commit(tree) is None


def test_a_merge_keeps_the_modes_of_the_base(origin: Origin) -> None:
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    git = origin.git()
    tip = origin.tip("main")
    git.fetch(tip)
    entries = git.run("ls-tree", tip).replace("100644 blob", "100755 blob")
    made = git.run("mktree", input=f"{entries}\n".encode())
    new = git.run("commit-tree", made, "-p", tip, "-m", "executable")
    git.push({"refs/heads/main": (tip, new)})
    tree = origin.attempt(head, merge=True)
    commit = checkout.commit(tree)
    assert commit is not None
    assert tree.store.run("ls-tree", commit, "README.md").startswith("100755 ")


def test_a_submodule_that_was_there_is_no_change(origin: Origin) -> None:
    git = origin.git()
    tip = origin.tip("main")
    git.fetch(tip)
    entries = git.run("ls-tree", tip) + f"\n160000 commit {tip}\tsub\n"
    made = git.run("mktree", input=entries.encode())
    new = git.run("commit-tree", made, "-p", tip, "-m", "a submodule")
    git.push({"refs/heads/main": (tip, new)})
    tree = origin.attempt()
    assert tree.start == new
    assert checkout.commit(tree) is None
    (tree.path / "new.py").write_text("n = 1\n")
    commit = checkout.commit(tree)
    assert commit is not None
    assert changed(tree, commit) == ["new.py"]
