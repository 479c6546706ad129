"""What an agent made is tainted: each rule refuses, and what passes is re-made as ours."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ao_actions.config import Config
from ao_actions.core.model import Phase
from ao_actions.git import Git
from ao_actions.work import checkout, handoff
from ao_actions.work.checkout import Checkout
from ao_actions.work.handoff import TaintedError
from ao_actions.work.inspection import inspect, remake
from tests.builders import NOW
from tests.work.origin import Origin, claim_for


def inspected(origin: Origin, tree: Checkout, bundle: Path, config: Config | None = None) -> Git:
    git = origin.git()
    new = tree.start == origin.tip("main")
    inspect(git, bundle, claim_for(tree, new=new), config or Config())
    return git


def test_a_good_change_is_re_made_by_us(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "src" / "code.py").write_text("x = 2\n")
    bundle = origin.bundle(tree)
    git = origin.git()
    accepted = inspect(git, bundle, claim_for(tree, new=True), Config())
    assert accepted.paths == ("src/code.py",)
    assert accepted.parents == (tree.start,)
    commit = remake(git, accepted, "Ours\n\nBody\n", at=NOW)
    shown = git.run("show", "--no-patch", "--format=%an|%s|%P|%ct", commit)
    assert shown == f"ao-actions|Ours|{tree.start}|{int(NOW.timestamp())}"


def refusal(origin: Origin, tree: Checkout, config: Config | None = None) -> str:
    with pytest.raises(TaintedError) as caught:
        inspected(origin, tree, origin.bundle(tree), config)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".GitHub/workflows/ci.yml",
        ".github/ao.yml",
        "CODEOWNERS",
        "docs/codeowners",
    ],
)
def test_protected_paths(origin: Origin, path: str) -> None:
    tree = origin.attempt()
    (tree.path / path).parent.mkdir(parents=True, exist_ok=True)
    (tree.path / path).write_text("x\n")
    assert "is protected" in refusal(origin, tree)


def test_a_symbolic_link(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "link").symlink_to("/etc/passwd")
    assert "symbolic link" in refusal(origin, tree)


def test_a_submodule(origin: Origin) -> None:
    tree = origin.attempt()
    entries = tree.store.run("ls-tree", tree.start) + f"\n160000 commit {tree.start}\tsub\n"
    assert "submodule" in crafted(origin, tree, entries)


@pytest.mark.parametrize(
    "name", ["git~1", ".GITMODULES", "gitmod~1", "a\\.git", ".git ", ".Git.", ".git::$INDEX"]
)
def test_names_that_are_git_s_own(origin: Origin, name: str) -> None:
    tree = origin.attempt()
    blob = tree.store.run("hash-object", "-w", "--stdin", input=b"x")
    entries = tree.store.run("ls-tree", tree.start) + f"\n100644 blob {blob}\t{name}\n"
    assert re.search("the name is git's own|hasDotgit", crafted(origin, tree, entries))


def test_a_name_that_cannot_be_shown(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "a\x1b[31m.py").write_text("x\n")
    assert "cannot be shown" in refusal(origin, tree)


def crafted(origin: Origin, tree: Checkout, entries: str) -> str:
    """A bundle with a tree that no work tree would give."""
    made = tree.store.run("mktree", input=entries.encode())
    commit = tree.store.run("commit-tree", made, "-p", tree.start, "-m", "x")
    with pytest.raises(TaintedError) as caught:
        inspected(origin, tree, origin.bundle(tree, commit))
    return str(caught.value)


def test_too_many_files_and_lines(origin: Origin) -> None:
    tree = origin.attempt()
    for number in range(3):
        (tree.path / f"f{number}.txt").write_text("1\n2\n")
    small = replace(Config(), max_changed_files=2)
    assert "max_changed_files" in refusal(origin, tree, small)
    short = replace(Config(), max_changed_lines=5)
    assert "6 lines" in refusal(origin, tree, short)
    inspected(origin, tree, origin.bundle(tree), replace(Config(), max_changed_lines=6))


def test_a_binary_file_passes(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "logo.png").write_bytes(os.urandom(5000))
    inspected(origin, tree, origin.bundle(tree))


def test_a_bundle_on_another_commit_than_the_claimed(origin: Origin) -> None:
    head = origin.commit("ao/1", {"a.py": "a = 1\n"}, start=origin.tip("main"))
    tree = origin.attempt()
    (tree.path / "b.py").write_text("b = 1\n")
    claim = claim_for(replace(tree, start=head), new=False)
    with pytest.raises(TaintedError, match="does not stand on"):
        inspect(origin.git(), origin.bundle(tree), claim, Config())


def test_a_new_task_must_stand_on_the_base(origin: Origin) -> None:
    head = origin.commit("other", {"a.py": "a = 1\n"}, start=origin.tip("main"))
    tree = origin.attempt(head)
    (tree.path / "b.py").write_text("b = 1\n")
    with pytest.raises(TaintedError):
        inspect(origin.git(), origin.bundle(tree), claim_for(tree, new=True), Config())


def test_an_older_base_is_still_the_base(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "b.py").write_text("b = 1\n")
    for number in range(checkout.DEPTH + 5):
        origin.commit("main", {"count.txt": f"{number}\n"})
    git = origin.git()
    assert inspect(git, origin.bundle(tree), claim_for(tree, new=True), Config()).paths == ("b.py",)


def test_a_merge_counts_only_what_the_agent_did(origin: Origin) -> None:
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    origin.commit("main", {"src/code.py": "x = 3\n", ".github/workflows/ci.yml": "on: push\n"})
    tree = origin.attempt(head, merge=True)
    (tree.path / "src" / "code.py").write_text("x = 5\n")
    claim = claim_for(tree, new=False)
    assert claim.reason is Phase.CONFLICTED
    accepted = inspect(origin.git(), origin.bundle(tree), claim, Config())
    assert accepted.paths == ("src/code.py",)
    (tree.path / ".github" / "workflows" / "ci.yml").write_text("on: pull_request_target\n")
    with pytest.raises(TaintedError, match="is protected"):
        inspect(origin.git(), origin.bundle(tree), claim, Config())


def test_a_bundle_that_is_none(origin: Origin, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"# v2 git bundle\nnonsense")
    tree = origin.attempt()
    with pytest.raises(TaintedError, match="no bundle of version 2"):
        inspected(origin, tree, garbage)
    cut = tmp_path / "cut"
    (tree.path / "b.py").write_text("b = 1\n")
    cut.write_bytes(origin.bundle(tree).read_bytes()[:-20])
    with pytest.raises(TaintedError, match="cannot be unpacked"):
        inspected(origin, tree, cut)


def test_a_bundle_with_two_refs(origin: Origin, tmp_path: Path) -> None:
    tree = origin.attempt()
    (tree.path / "b.py").write_text("b = 1\n")
    commit = checkout.commit(tree)
    assert commit is not None
    for ref in (handoff.BUNDLE_REF, "refs/heads/main"):
        tree.store.run("update-ref", ref, commit)
    path = tmp_path / "two.bundle"
    refs = (handoff.BUNDLE_REF, "refs/heads/main")
    tree.store.run("bundle", "create", "--quiet", str(path), *refs, f"^{tree.start}")
    with pytest.raises(TaintedError, match="one ref"):
        inspected(origin, tree, path)


def a_merge(origin: Origin) -> Checkout:
    """The base has new workflows and many lines, and conflicts with the branch."""
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    new = {"src/code.py": "x = 3\n", ".github/workflows/ci.yml": "safe\n", "big": "b\n" * 900}
    origin.commit("main", new)
    tree = origin.attempt(head, merge=True)
    (tree.path / "src" / "code.py").write_text("x = 5\n")
    return tree


def test_a_merge_may_not_take_back_what_the_base_protects(origin: Origin) -> None:
    tree = a_merge(origin)
    (tree.path / ".github" / "workflows" / "ci.yml").unlink()
    assert "'.github/workflows/ci.yml' is protected" in refusal(origin, tree)


def test_the_lines_of_the_base_are_not_the_agent_s(origin: Origin) -> None:
    tree = a_merge(origin)
    config = replace(Config(), max_changed_lines=20)
    inspected(origin, tree, origin.bundle(tree), config)
    (tree.path / "big").unlink()
    assert "max_changed_lines" in refusal(origin, tree, config)


def test_a_merge_with_conflict_markers_in_it(origin: Origin) -> None:
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    origin.commit("main", {"src/code.py": "x = 3\n"})
    tree = origin.attempt(head, merge=True)
    assert "<<<<<<<" in (tree.path / "src" / "code.py").read_text()
    assert "conflict markers were left" in refusal(origin, tree)


def test_a_merge_left_as_git_itself_would_leave_it(origin: Origin) -> None:
    """With the very markers of `merge-tree`, nothing differs from what it is compared with."""
    head = origin.commit("ao/1", {"src/code.py": "x = 2\n"}, start=origin.tip("main"))
    origin.commit("main", {"src/code.py": "x = 3\n"})
    tree = origin.attempt(head, merge=True)
    assert tree.merging is not None
    parents = (tree.start, tree.merging)
    left = checkout.merged(tree.store, parents)
    commit = tree.store.run("commit-tree", left, "-p", parents[0], "-p", parents[1], "-m", "x")
    with pytest.raises(TaintedError, match="conflict markers were left"):
        inspected(origin, tree, origin.bundle(tree, commit))


def test_a_merge_that_nobody_asked_for(origin: Origin) -> None:
    tree = a_merge(origin)
    claim = replace(claim_for(tree, new=False), reason=Phase.CI_FAILED)
    with pytest.raises(TaintedError, match="does not stand on"):
        inspect(origin.git(), origin.bundle(tree), claim, Config())


def test_a_merge_of_something_else_than_the_base(origin: Origin) -> None:
    tree = a_merge(origin)
    other = origin.commit("other", {"evil.py": "e = 1\n"}, start=tree.start)
    tree.store.run("fetch", "--quiet", origin.remote.url, other)
    commit = checkout.commit(replace(tree, merging=other))
    with pytest.raises(TaintedError, match="is not on main"):
        inspected(origin, tree, origin.bundle(replace(tree, merging=None), commit))


def test_no_parent_at_all(origin: Origin) -> None:
    tree = origin.attempt()
    files = tree.store.run("rev-parse", f"{tree.start}^{{tree}}")
    root = tree.store.run("commit-tree", files, "-m", "a history of its own")
    with pytest.raises(TaintedError, match="does not stand on"):
        inspected(origin, tree, origin.bundle(tree, root))


def test_a_commit_that_changes_nothing(origin: Origin) -> None:
    tree = origin.attempt()
    files = tree.store.run("rev-parse", f"{tree.start}^{{tree}}")
    same = tree.store.run("commit-tree", files, "-p", tree.start, "-m", "x")
    with pytest.raises(TaintedError, match="changes nothing"):
        inspected(origin, tree, origin.bundle(tree, same))


def test_a_base_that_is_gone(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / "b.py").write_text("b = 1\n")
    claim = replace(claim_for(tree, new=True), base="gone")
    with pytest.raises(TaintedError, match="the base branch gone is gone"):
        inspect(origin.git(), origin.bundle(tree), claim, Config())


def test_attributes_hide_no_lines(origin: Origin) -> None:
    tree = origin.attempt()
    (tree.path / ".gitattributes").write_text("* binary\n*.txt -diff\n")
    (tree.path / "big.txt").write_text("1\n" * 30)
    assert "32 lines" in refusal(origin, tree, replace(Config(), max_changed_lines=31))


def test_a_job_that_is_run_again_may_inspect_again(origin: Origin) -> None:
    tree = origin.attempt()
    git = origin.git()
    for text in ("b = 1\n", "b = 2\n"):
        (tree.path / "b.py").write_text(text)
        bundle = origin.bundle(tree)
        accepted = inspect(git, bundle, claim_for(tree, new=True), Config())
        assert git.run("show", f"{accepted.tree}:b.py") == text.strip()


def test_a_bundle_s_path_may_be_relative(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = origin.attempt()
    (tree.path / "b.py").write_text("b = 1\n")
    bundle = origin.bundle(tree).relative_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    inspected(origin, tree, bundle)


def test_names_that_only_look_a_little_like_git_s(origin: Origin) -> None:
    tree = origin.attempt()
    for name in (".github-notes", "a.git", "git~x", "git", "ü.py"):
        (tree.path / name).write_text("x\n")
    (tree.path / "README.md").unlink()
    inspected(origin, tree, origin.bundle(tree))
