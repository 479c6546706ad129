"""Bundles that are no bundles, too many of them in one, or far larger than they look."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ao_actions import git as git_module
from ao_actions.work import handoff, inspection
from ao_actions.work.handoff import TaintedError
from tests.builders import NOW
from tests.hostile.forgery import FILE, FOLDER, SUBMODULE, Forgery, entry_head, written
from tests.hostile.inspected import Target

pytestmark = pytest.mark.hostile("bundle tricks")
REF = handoff.BUNDLE_REF
Case = Callable[[Forgery, Path], Path]


def good(forged: Forgery) -> str:
    return forged.commit(forged.tree({"new.py": (FILE, b"x\n")}))


def with_refs(*names: str, head: str = "# v2 git bundle") -> Case:
    def make(forged: Forgery, path: Path) -> Path:
        commit = good(forged)
        refs = [f"{commit} {name}" for name in names]
        return written(path, refs, forged.pack(), wanted=[forged.start], head=head)

    return make


def with_pack(change: Callable[[bytes], bytes]) -> Case:
    def make(forged: Forgery, path: Path) -> Path:
        return forged.bundle(path, good(forged), change(forged.pack()))

    return make


def with_commit(make_commit: Callable[[Forgery], str]) -> Case:
    return lambda forged, path: forged.bundle(path, make_commit(forged))


def with_tree(make_tree: Callable[[Forgery], str]) -> Case:
    return with_commit(lambda forged: forged.commit(make_tree(forged)))


def plain(content: bytes) -> Case:
    def make(_forged: Forgery, path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def rehashed(data: bytes) -> bytes:
    return data + hashlib.sha1(data, usedforsecurity=False).digest()


def nested(forged: Forgery, depth: int, width: int) -> str:
    """A tree of `width` entries that are one tree, and so on: few objects, endless paths."""
    tree = forged.raw_tree([(FILE, "f", forged.blob(b"x\n"))])
    for _ in range(depth):
        tree = forged.raw_tree([(FOLDER, f"d{n:02}", tree) for n in range(width)])
    return tree


def twice(forged: Forgery) -> str:
    one, other = forged.blob(b"1\n"), forged.blob(b"2\n")
    return forged.raw_tree([(FILE, "a", one), (FILE, "a", other)])


def two_authors(forged: Forgery) -> str:
    head, author, rest = forged.objects[good(forged)][1].partition(b"author ")
    return forged.put("commit", head + author + b"X <x@y> 1 +0000\n" + author + rest)


def a_tag(forged: Forgery) -> str:
    words = f"object {good(forged)}\ntype commit\ntag v1\ntagger E <e@x> 1 +0000\n\nx\n"
    return forged.put("tag", words.encode())


CASES = [
    pytest.param(plain(b""), "no bundle of version 2", id="nothing"),
    pytest.param(plain(b"PACK\0\0\0\2\0\0\0\0"), "no bundle of version 2", id="a pack"),
    pytest.param(plain(b"#!/bin/sh\n\n"), "no bundle of version 2", id="a script"),
    pytest.param(
        plain(b"# v2 git bundle\n" + b"-" * 9000), "short header", id="a header without end"
    ),
    pytest.param(with_refs(REF, head="# v3 git bundle"), "version 2", id="version 3"),
    pytest.param(
        with_refs(REF, head="# v2 git bundle\n@filter=blob:none"), "one ref", id="a capability"
    ),
    pytest.param(with_refs(), "one ref", id="no ref"),
    pytest.param(with_refs("refs/heads/main"), "one ref", id="the base's ref"),
    pytest.param(with_refs("refs/ao/ledger"), "one ref", id="the ledger's ref"),
    pytest.param(with_refs(REF, "refs/heads/main"), "one ref", id="a second ref"),
    pytest.param(with_refs(REF, REF), "one ref", id="the ref twice"),
    pytest.param(with_refs(REF, "refs/replace/" + "0" * 40), "one ref", id="a replacement"),
    pytest.param(with_refs(REF + "/../../x"), "one ref", id="a ref that climbs"),
    pytest.param(with_refs(REF + " --upload-pack=x"), "one ref", id="an option in the ref"),
    pytest.param(with_pack(lambda _: b""), "cannot be unpacked", id="no pack"),
    pytest.param(with_pack(lambda pack: pack[:-30]), "cannot be unpacked", id="a pack cut short"),
    pytest.param(
        with_pack(lambda pack: pack[:-1] + bytes([pack[-1] ^ 1])), "unpacked", id="a wrong sum"
    ),
    pytest.param(
        with_pack(lambda pack: rehashed(pack[:8] + b"\xff" * 4 + pack[12:-20])),
        "cannot be unpacked",
        id="four thousand million objects",
    ),
    pytest.param(
        with_pack(lambda pack: rehashed(pack[:4] + b"\0\0\0\x09" + pack[8:-20])),
        "cannot be unpacked",
        id="a pack of version 9",
    ),
    pytest.param(
        with_pack(
            lambda _: rehashed(
                b"PACK\0\0\0\2\0\0\0\1" + entry_head(3, 1 << 40) + zlib.compress(b"x")
            )
        ),
        "cannot be unpacked",
        id="a terabyte, it says",
    ),
    pytest.param(
        with_pack(
            lambda _: rehashed(
                b"PACK\0\0\0\2\0\0\0\1"
                + entry_head(7, 4)
                + b"\x11" * 20
                + zlib.compress(b"\1\1\1x")
            )
        ),
        "cannot be unpacked",
        id="a change of an object that nobody has",
    ),
    pytest.param(
        lambda forged, path: forged.bundle(path, "1" * 40, forged.pack([])),
        "cannot be unpacked",
        id="a commit that is not in it",
    ),
    pytest.param(with_commit(a_tag), "is a tag", id="a tag for a commit"),
    pytest.param(with_commit(lambda forged: forged.blob(b"x")), "is a blob", id="a blob instead"),
    pytest.param(with_commit(lambda forged: forged.tree({})), "is a tree", id="a tree instead"),
    pytest.param(
        with_commit(lambda forged: forged.commit(forged.tree({}), parents=[])),
        "does not stand on",
        id="a commit without a parent",
    ),
    pytest.param(
        with_commit(lambda forged: forged.commit(forged.tree({}), [forged.start] * 2)),
        "does not stand on|cannot be",
        id="the parent twice",
    ),
    pytest.param(
        with_commit(
            lambda forged: forged.commit(
                forged.tree({"b": (FILE, b"x")}),
                [forged.commit(forged.tree({"a": (FILE, b"x")}))],
            )
        ),
        "is not on main",
        id="two commits, one on the other",
    ),
    pytest.param(
        with_commit(lambda forged: forged.commit(forged.tree({}), ["2" * 40])),
        "cannot be unpacked",
        id="a parent that nobody has",
    ),
    pytest.param(
        with_commit(lambda forged: forged.commit("3" * 40)),
        "cannot be",
        id="a tree that nobody has",
    ),
    pytest.param(
        with_commit(lambda forged: forged.commit(forged.blob(b"x"))),
        "cannot be unpacked",
        id="a blob for a tree",
    ),
    pytest.param(
        with_commit(
            lambda f: f.put("commit", f"tree {f.tree({})}\nparent {f.start}\n\nx".encode())
        ),
        "cannot be unpacked",
        id="a commit of nobody's",
    ),
    pytest.param(with_commit(two_authors), "multipleAuthors", id="a second author"),
    pytest.param(
        with_tree(lambda f: f.raw_tree([(FILE, "b", f.blob(b"")), (FILE, "a", f.blob(b""))])),
        "treeNotSorted",
        id="a tree out of order",
    ),
    pytest.param(with_tree(twice), "duplicateEntries", id="a name twice in one tree"),
    pytest.param(
        with_tree(lambda f: f.raw_tree([("0100644", "a", f.blob(b""))])),
        "eroPadded",
        id="padded modes",
    ),
    pytest.param(
        with_tree(lambda f: f.raw_tree([(FILE, "a/b", f.blob(b""))])), "fullPathname", id="a slash"
    ),
    pytest.param(
        with_tree(lambda f: f.raw_tree([(FILE, "x", "4" * 40)])), "unpacked", id="a missing file"
    ),
    pytest.param(
        with_tree(lambda f: f.raw_tree([(FOLDER, "x", f.blob(b""))])),
        "unpacked",
        id="a file as a folder",
    ),
    pytest.param(
        with_tree(lambda f: f.raw_tree([(FILE, "x", f.raw_tree([]))])),
        "cannot be",
        id="a folder as a file",
    ),
    pytest.param(
        with_tree(
            lambda f: f.raw_tree(
                [
                    (
                        FILE,
                        ".gitmodules",
                        f.blob(b'[submodule "x"]\n\turl = --upload-pack=x\n\tpath = x\n'),
                    ),
                    (SUBMODULE, "x", f.start),
                ]
            )
        ),
        "gitmodules|submodule",
        id="a submodule whose address is an option",
    ),
    pytest.param(
        with_tree(lambda f: f.put("tree", b"100644 a\0" + b"\1" * 5)), "unpacked", id="half a tree"
    ),
    pytest.param(with_tree(lambda f: f.raw_tree([])), "protected", id="everything taken away"),
]


@pytest.mark.parametrize(("make", "why"), CASES)
def test_refused(target: Target, tmp_path: Path, make: Case, why: str) -> None:
    here = target.fresh()
    before = here.repository.run("for-each-ref", "--format=%(refname)")
    with pytest.raises(TaintedError) as caught:
        here.inspect(make(here.forgery(), tmp_path / "work.bundle"))
    assert re.search(why, str(caught.value)), caught.value
    refs = set(here.repository.run("for-each-ref", "--format=%(refname)").split())
    assert refs - set(before.split()) <= {"refs/base"}


def test_the_good_one_passes(target: Target, tmp_path: Path) -> None:
    """Else all the others would be refused for the forger's mistakes."""
    here = target.fresh()
    assert here.inspect(with_refs(REF)(here.forgery(), tmp_path / "b")).paths == ("new.py",)


def test_what_else_is_in_the_pack_goes_nowhere(target: Target, tmp_path: Path) -> None:
    here = target.fresh()
    forged = here.forgery()
    extra = forged.commit(forged.tree({".github/workflows/x.yml": (FILE, b"on: push\n")}))
    commit = good(forged)
    accepted = here.inspect(forged.bundle(tmp_path / "b", commit))
    made = inspection.remake(here.repository, accepted, "Ours\n", at=NOW)
    reachable = here.repository.run("rev-list", "--objects", made).split()
    assert extra not in reachable
    assert commit not in reachable


def test_a_tree_that_unfolds_without_end(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten objects, and ten thousand million paths."""
    monkeypatch.setattr(git_module, "MEMORY", 256 * 1024 * 1024)
    here = target.fresh()
    forged = here.forgery()
    bundle = forged.bundle(tmp_path / "b", forged.commit(nested(forged, 10, 10)))
    assert bundle.stat().st_size < 5000
    with pytest.raises(TaintedError, match="cannot be read"):
        here.inspect(bundle)


def test_a_tree_of_endless_depth(target: Target, tmp_path: Path) -> None:
    here = target.fresh()
    forged = here.forgery()
    with pytest.raises(TaintedError):
        here.inspect(forged.bundle(tmp_path / "b", forged.commit(nested(forged, 3000, 1))))


def test_a_file_that_unpacks_to_a_thousand_times_its_size(target: Target, tmp_path: Path) -> None:
    here = target.fresh()
    forged = here.forgery()
    commit = forged.commit(forged.tree({"zeros": (FILE, b"\0" * 40_000_000)}))
    bundle = forged.bundle(tmp_path / "b", commit)
    assert bundle.stat().st_size < 50_000
    with pytest.raises(TaintedError, match="40000000 bytes"):
        here.inspect(bundle)


def test_what_git_prints_has_a_limit(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "OUTPUT", 100_000)
    here = target.fresh()
    forged = here.forgery()
    bundle = forged.bundle(tmp_path / "b", forged.commit(nested(forged, 3, 10)))
    with pytest.raises(TaintedError, match="prints more than 100000 bytes"):
        here.inspect(bundle)


def test_memory_has_a_limit(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "MEMORY", 64 * 1024 * 1024)
    here = target.fresh()
    forged = here.forgery()
    commit = forged.commit(forged.tree({"zeros": (FILE, b"\0" * 100_000_000)}))
    with pytest.raises(TaintedError, match="cannot be unpacked"):
        here.inspect(forged.bundle(tmp_path / "b", commit))


def test_time_has_a_limit(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "CPU", 0)
    here = target.fresh()
    forged = here.forgery()
    commit = forged.commit(forged.tree({f"z{n}": (FILE, bytes([n]) * 9_000_000) for n in range(9)}))
    with pytest.raises(TaintedError, match="ended by signal"):
        here.inspect(forged.bundle(tmp_path / "b", commit))


@pytest.mark.hostile("oversized")
def test_a_large_bundle(tmp_path: Path) -> None:
    with (tmp_path / handoff.BUNDLE).open("wb") as file:
        file.truncate(handoff.BUNDLE_LIMIT + 1)
    with pytest.raises(TaintedError, match="at most 104857600 bytes"):
        handoff.bundle(tmp_path)


def test_a_bundle_that_is_a_folder_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "a" / handoff.BUNDLE).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / handoff.BUNDLE)
    for name in ("a", "b"):
        with pytest.raises(TaintedError, match="is not a file"):
            handoff.bundle(tmp_path / name)
