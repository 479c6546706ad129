"""Bundles that no git would make: trees, commits and packs are written byte by byte."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.git import Git
from ao_actions.work import handoff

FILE, PROGRAM, LINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
PERSON = "Eve <eve@example.com> 1767225600 +0000"

# A path to its mode and content; None takes it away.
Files = Mapping[str, "tuple[str, bytes] | None"]


@dataclass(slots=True)
class Forgery:
    """Objects on top of the commit `start`, whose paths are `entries` (mode and object)."""

    start: str = ""
    entries: dict[str, tuple[str, str]] = field(default_factory=dict)
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @classmethod
    def on(cls, git: Git, start: str) -> Forgery:
        """`git`: a repository that has the commit."""
        out = git.attempt("ls-tree", "-r", "-z", start).out.decode()
        lines = [line.partition("\t") for line in out.split("\0")[:-1]]
        return cls(start, {path: (meta.split()[0], meta.split()[2]) for meta, _, path in lines})

    def put(self, kind: str, data: bytes) -> str:
        oid = hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False)
        self.objects[oid.hexdigest()] = (kind, data)
        return oid.hexdigest()

    def blob(self, content: bytes) -> str:
        return self.put("blob", content)

    def raw_tree(self, entries: Iterable[tuple[str, str, str]]) -> str:
        """A tree of (mode, name, object) in just this order."""
        return self.put(
            "tree",
            b"".join(
                f"{mode} ".encode()
                + name.encode("utf-8", "surrogateescape")
                + b"\0"
                + bytes.fromhex(oid)
                for mode, name, oid in entries
            ),
        )

    def tree(self, changes: Files) -> str:
        """The tree of `start` with these changes, in git's order."""
        entries = dict(self.entries)
        for path, change in changes.items():
            if change is None:
                del entries[path]
            else:
                mode, content = change
                entries[path] = (mode, self.start if mode == SUBMODULE else self.blob(content))
        return self._tree(entries)

    def _tree(self, entries: Mapping[str, tuple[str, str]]) -> str:
        folders: dict[str, dict[str, tuple[str, str]]] = {}
        here: list[tuple[str, str, str]] = []
        for path, (mode, oid) in entries.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = (mode, oid)
            else:
                here.append((mode, name, oid))
        here += [(FOLDER, name, self._tree(below)) for name, below in folders.items()]
        return self.raw_tree(sorted(here, key=_order))

    def commit(self, tree: str, parents: Iterable[str] | None = None, extra: str = "") -> str:
        stands_on = [self.start] if parents is None else parents
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in stands_on)]
        lines += [f"author {PERSON}", f"committer {PERSON}"]
        return self.put("commit", ("\n".join(lines) + extra + "\n\nWork\n").encode())

    def pack(self, objects: Iterable[tuple[str, bytes]] | None = None) -> bytes:
        given = list(self.objects.values() if objects is None else objects)
        data = b"PACK" + (2).to_bytes(4, "big") + len(given).to_bytes(4, "big")
        data += b"".join(_entry(KINDS[kind], content) for kind, content in given)
        return data + hashlib.sha1(data, usedforsecurity=False).digest()

    def bundle(self, path: Path, commit: str, pack: bytes | None = None) -> Path:
        return written(
            path,
            [f"{commit} {handoff.BUNDLE_REF}"],
            self.pack() if pack is None else pack,
            wanted=[self.start],
        )


def written(
    path: Path,
    refs: Iterable[str],
    pack: bytes,
    *,
    wanted: Iterable[str] = (),
    head: str = "# v2 git bundle",
) -> Path:
    lines = [head, *(f"-{oid} x" for oid in wanted if oid), *refs, "", ""]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape") + pack)
    return path


def _order(entry: tuple[str, str, str]) -> bytes:
    mode, name, _ = entry
    return name.encode("utf-8", "surrogateescape") + (b"/" if mode == FOLDER else b"")


def _entry(kind: int, content: bytes) -> bytes:
    return entry_head(kind, len(content)) + zlib.compress(content)


def entry_head(kind: int, size: int) -> bytes:
    """Type and size of a pack's entry (git's Documentation/gitformat-pack.txt)."""
    byte, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes([*out, byte])
