"""git, run safely: no token on a command line, no hook, no prompt, no surprise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ao_actions.errors import GitError, ToolMissingError
from ao_actions.git import BOT, Git, Identity, Remote

TOKEN = "ghs_0123456789abcdef"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    path = tmp_path / "hub.git"
    git = Git.scratch(path)
    tree = git.run("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    commit = git.run("commit-tree", tree, "-m", "first")
    git.run("update-ref", "refs/heads/main", commit)
    return path


@pytest.fixture
def git(tmp_path: Path, hub: Path) -> Git:
    return Git.scratch(tmp_path / "scratch.git", Remote(str(hub)))


def a_commit(git: Git, message: str, *parents: str) -> str:
    tree = git.run("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    options = [word for parent in parents for word in ("-p", parent)]
    return git.run("commit-tree", tree, *options, "-m", message)


# ---- tainted objects -----------------------------------------------------------------------


def test_contents_and_sizes_in_order(git: Git) -> None:
    small = git.run("hash-object", "-w", "--stdin", input=b"a\nb")
    empty = git.run("hash-object", "-w", "--stdin", input=b"")
    assert git.blobs([small, "0" * 40, empty, small]) == [b"a\nb", None, b"", b"a\nb"]
    assert git.sizes([empty, small]) == [0, 3]
    assert git.blobs([]) == []
    with pytest.raises(GitError, match="an object is missing"):
        git.sizes([small, "0" * 40])


def test_a_bounded_command_says_why_it_failed(git: Git) -> None:
    with pytest.raises(GitError, match="git cat-file: fatal: Not a valid object name nothing"):
        git.bounded("cat-file", "-t", "nothing")


# ---- the token -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "config"),
    [
        pytest.param(
            "https://github.com/o/r.git",
            {
                "http.https://github.com/.extraheader": "AUTHORIZATION: basic "
                "eC1hY2Nlc3MtdG9rZW46Z2hzXzAxMjM0NTY3ODlhYmNkZWY="
            },
            id="sent to this host",
        ),
        pytest.param("/srv/r.git", {}, id="a path needs no token"),
        pytest.param("git@github.com:o/r.git", {}, id="ssh has its own keys"),
        pytest.param("file:///srv/r.git", {}, id="neither does a file"),
    ],
)
def test_the_token_goes_to_its_host_only(url: str, config: dict[str, str]) -> None:
    assert Remote(url, TOKEN).config() == config
    assert Remote(url).config() == {}


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(Remote("https://github.com/o/r", TOKEN))


def test_the_token_is_in_no_argument_and_no_file(tmp_path: Path) -> None:
    """A stand-in for git writes down what it is called with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "log"
    (programs / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nenv > {log}.env\n')
    (programs / "git").chmod(0o755)
    git = Git.scratch(tmp_path / "s.git", Remote("https://github.invalid/o/r", TOKEN))
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    git.attempt("fetch", "https://github.invalid/o/r", env=path)
    secret = git.remote.config().popitem()[1] if git.remote else ""
    assert log.read_text() == "fetch https://github.invalid/o/r\n"
    assert secret in Path(f"{log}.env").read_text()
    files = [file for file in git.directory.rglob("*") if file.is_file()]
    kept = "".join(file.read_text(errors="replace") for file in files)
    assert TOKEN not in kept
    assert secret not in kept


# ---- running -------------------------------------------------------------------------------


def test_what_a_command_prints(git: Git) -> None:
    assert git.run("rev-parse", "--is-bare-repository") == "true"
    done = git.attempt("hash-object", "--stdin", input=b"hello\n")
    assert (done.code, done.text) == (0, "ce013625030ba8dba906f756967f9e9ca394464a")
    assert done.out == b"ce013625030ba8dba906f756967f9e9ca394464a\n"


def test_a_command_that_fails(git: Git) -> None:
    with pytest.raises(GitError, match="git rev-parse: fatal: Needed a single revision") as error:
        git.run("rev-parse", "--verify", "nothing^{commit}")
    assert "fatal" in error.value.output
    assert git.attempt("rev-parse", "--verify", "--quiet", "nothing").code == 1


def test_a_full_disk_is_named_where_git_only_says_what_it_could_not_write(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=4096))
    with pytest.raises(GitError, match=r"\(the disk is full: 4096 bytes are left in .*\)"):
        git.run("rev-parse", "--verify", "nothing")
    with pytest.raises(GitError, match="the disk is full"):
        Git(git.directory, Remote("/nowhere")).fetch("refs/heads/main")


def test_a_limit_that_is_lower_than_ours_stays(git: Git) -> None:
    """Whoever started us may have set it: then nobody may raise it."""
    program = "import sys, pathlib; from ao_actions.git import Git; "
    program += "print(Git(pathlib.Path(sys.argv[1])).bounded('rev-parse', '--is-bare-repository'))"
    limited = f'ulimit -f 1000 -t 60; exec {sys.executable} -c "$0" "$1"'
    command = ["bash", "-c", limited, program, str(git.directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("b'true\\n'\n", "")


def test_a_command_that_fails_without_a_word(git: Git) -> None:
    with pytest.raises(GitError, match="git rev-parse: exit code 1"):
        git.run("rev-parse", "--verify", "--quiet", "nothing")


def test_an_argument_is_no_shell(git: Git, tmp_path: Path) -> None:
    git.attempt("rev-parse", f"$(touch {tmp_path}/owned); touch {tmp_path}/owned")
    assert not (tmp_path / "owned").exists()


def test_bytes_that_are_no_text(git: Git) -> None:
    oid = git.run("hash-object", "-w", "--stdin", input=b"\xff\x00\n")
    assert git.attempt("cat-file", "blob", oid).out == b"\xff\x00\n"


def test_without_git_it_says_what_to_install(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="install git"):
        git.run("version")


def test_commits_are_ours_unless_said_otherwise(git: Git) -> None:
    tree = git.run("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    human = Identity("Ann", "ann@example.com")
    for commit, name in (
        (git.run("commit-tree", tree, "-m", "x"), BOT.name),
        (git.run("commit-tree", tree, "-m", "x", identity=human), "Ann"),
    ):
        assert git.run("log", "-1", "--format=%an %cn", commit) == f"{name} {name}"


def test_hooks_do_not_run(tmp_path: Path) -> None:
    work = tmp_path / "work"
    git = Git(work)
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    hook = work / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git.run("commit", "--quiet", "--allow-empty", "-m", "x")
    assert git.run("log", "--format=%s") == "x"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% owned", "https://github.invalid/o/r"], ids=["ext", "no prompt"]
)
def test_no_foreign_transport_and_no_prompt(tmp_path: Path, url: str) -> None:
    git = Git.scratch(tmp_path / "s.git", Remote(url))
    git.patience.pause = lambda _seconds: None
    with pytest.raises(GitError):
        git.fetch("main")
    assert not list(tmp_path.rglob("owned"))


def test_a_scratch_repository_may_have_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git = Git.scratch(Path("deep/scratch.git"))
    assert git.directory == tmp_path / "deep" / "scratch.git"
    assert (tmp_path / "deep" / "scratch.git" / "HEAD").exists()
    assert not (git.directory / "hooks").exists()


# ---- fetching ------------------------------------------------------------------------------


def test_fetch(git: Git, hub: Path) -> None:
    assert git.fetch("+refs/heads/main:refs/base")
    assert git.run("rev-parse", "refs/base") == Git(hub).run("rev-parse", "refs/heads/main")


def test_fetch_of_what_is_not_there(git: Git) -> None:
    assert not git.fetch("+refs/ao/ledger:refs/ao/ledger")
    assert not git.fetch("+refs/heads/main:refs/base", "+refs/ao/ledger:refs/ao/ledger")
    assert git.attempt("rev-parse", "--verify", "--quiet", "refs/base").code == 1


@pytest.mark.parametrize(("depth", "commits"), [(1, 1), (2, 2), (None, 3)])
def test_depth(git: Git, hub: Path, depth: int | None, commits: int) -> None:
    bare = Git(hub)
    head = bare.run("rev-parse", "refs/heads/main")
    for message in ("second", "third"):
        head = a_commit(bare, message, head)
    bare.run("update-ref", "refs/heads/main", head)
    git.remote = Remote(f"file://{hub}")
    assert git.fetch("+refs/heads/main:refs/base", depth=depth)
    assert git.run("rev-list", "--count", "refs/base") == str(commits)


def test_fetch_without_blobs(git: Git, hub: Path) -> None:
    Git(hub).run("config", "uploadpack.allowFilter", "true")
    git.remote = Remote(f"file://{hub}")
    assert git.fetch("+refs/heads/main:refs/base", filters="blob:none")


def test_a_remote_that_is_not_there(tmp_path: Path) -> None:
    git = Git.scratch(tmp_path / "s.git", Remote(str(tmp_path / "nowhere")))
    with pytest.raises(GitError, match=r"git fetch .*nowhere: "):
        git.fetch("main")
    with pytest.raises(GitError, match=r"git ls-remote .*nowhere: "):
        git.remote_refs("main")


# ---- pushing -------------------------------------------------------------------------------


def test_refs_move_together(git: Git, hub: Path) -> None:
    git.fetch("+refs/heads/main:refs/base")
    old = git.run("rev-parse", "refs/base")
    new = a_commit(git, "second", old)
    done = git.push({"refs/heads/main": (old, new), "refs/ao/x": ("", new)})
    assert done.code == 0
    assert git.remote_refs("refs/*") == {"refs/heads/main": new, "refs/ao/x": new}


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param("", id="it must not exist, and does"),
        pytest.param("1" * 40, id="it was elsewhere"),
    ],
)
def test_one_stale_lease_moves_nothing(git: Git, lease: str) -> None:
    git.fetch("+refs/heads/main:refs/base")
    old = git.run("rev-parse", "refs/base")
    new = a_commit(git, "second", old)
    done = git.push({"refs/heads/main": (lease, new), "refs/ao/x": ("", new)})
    assert done.code != 0
    assert "!" in done.text
    assert git.remote_refs("refs/*") == {"refs/heads/main": old}


def test_a_ref_that_is_gone_does_not_come_back(git: Git) -> None:
    git.fetch("+refs/heads/main:refs/base")
    old = git.run("rev-parse", "refs/base")
    new = a_commit(git, "second", old)
    assert git.push({"refs/heads/gone": (old, new)}).code != 0
    assert git.remote_refs("refs/*") == {"refs/heads/main": old}


def test_remote_refs_matches_patterns(git: Git) -> None:
    assert set(git.remote_refs("refs/heads/main")) == {"refs/heads/main"}
    assert git.remote_refs("refs/heads/other") == {}
