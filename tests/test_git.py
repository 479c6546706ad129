"""git as we run it: no token on a command line, no hook, no surprise."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.errors import GitError
from ao_actions.git import Git, Remote


def test_the_token_is_for_one_host_and_never_shown() -> None:
    remote = Remote("https://github.example/acme/x.git", "secret-token")
    assert list(remote.config()) == ["http.https://github.example/.extraheader"]
    assert "secret-token" not in repr(remote)
    assert Remote("/some/path", "secret-token").config() == {}


def test_a_repository_s_hooks_are_not_run(tmp_path: Path) -> None:
    git = Git(tmp_path)
    git.run("init", "--quiet", str(tmp_path))
    hook = tmp_path / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    git.run("commit", "--quiet", "--allow-empty", "-m", "x")
    assert not (tmp_path / "hooked").exists()


def test_input_goes_in_and_output_comes_out(tmp_path: Path) -> None:
    git = Git.scratch(tmp_path / "x.git")
    oid = git.run("hash-object", "-w", "--stdin", input=b"\x00\xff")
    assert git.attempt("cat-file", "blob", oid).out == b"\x00\xff"


def test_a_failure_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"git cat-file: .*nothing"):
        Git.scratch(tmp_path / "x.git").run("cat-file", "-p", "nothing")


def test_a_remote_that_is_not_there_is_named(tmp_path: Path) -> None:
    git = Git.scratch(tmp_path / "x.git", Remote(str(tmp_path / "none")))
    with pytest.raises(GitError, match="none"):
        git.fetch("refs/heads/main")
    with pytest.raises(GitError, match="none"):
        git.remote_refs()


def test_refs_move_together_or_not_at_all(tmp_path: Path) -> None:
    hub = Git.scratch(tmp_path / "hub.git")
    git = Git.scratch(tmp_path / "x.git", Remote(str(tmp_path / "hub.git")))
    tree = git.run("mktree", input=b"")
    one = git.run("commit-tree", tree, "-m", "one")
    two = git.run("commit-tree", tree, "-p", one, "-m", "two")
    a, b = "refs/heads/a", "refs/ao/b"
    assert git.push({a: ("", one), b: ("", one)}).code == 0
    refused = git.push({a: (one, two), b: (two, two)})
    assert refused.code != 0
    assert refused.text.count("[rejected]") == 2
    assert hub.run("rev-parse", a) == hub.run("rev-parse", b) == one
    assert git.remote_refs(a) == {a: one}
    assert git.push({a: ("", two)}).code != 0
