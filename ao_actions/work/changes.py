"""What differs between two trees, path by path, as git tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FILES = ("100644", "100755")
LINK = "120000"
NOTHING = "000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs from what stood there before."""

    path: str
    old_mode: str
    new_mode: str
    old: str = ""  # the objects' ids
    new: str = ""

    @property
    def deleted(self) -> bool:
        return self.new_mode == NOTHING

    @property
    def added(self) -> bool:
        return self.old_mode == NOTHING


def parse(raw: bytes) -> Iterator[Change]:
    """From `--raw -z` of git's diffs."""
    fields = raw.decode("utf-8", "surrogateescape").split("\0")
    for meta, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, new_mode, old, new, _ = meta.removeprefix(":").split(" ")
        yield Change(path=path, old_mode=old_mode, new_mode=new_mode, old=old, new=new)


def is_script(content: bytes) -> bool:
    """Whether a new file may be executable."""
    return content.startswith(b"#!")
