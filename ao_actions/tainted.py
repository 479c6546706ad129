"""Paths where an agent may have put anything: removed and written without following it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path


def remove(path: Path) -> None:
    """Take away what is there: a file, a link (not what it names), a folder and all in it.

    :raises OSError: it cannot be taken away
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        path.chmod(0o700)
        shutil.rmtree(path, onerror=_open_up)
    else:
        path.unlink()


def _open_up(call: Callable[[str], object], name: str, _error: object) -> None:
    """Once more, after a folder's rights were given back: it may deny them to its owner."""
    for folder in (Path(name).parent, Path(name)):
        with contextlib.suppress(OSError):
            if not folder.is_symlink():
                folder.chmod(0o700)
    if call is os.rmdir or call is os.unlink:
        call(name)
    else:
        shutil.rmtree(name)


def folder(path: Path) -> None:
    """An empty folder, ours alone, whatever was there."""
    remove(path)
    path.mkdir(mode=0o700, parents=True)


def lead_to(path: Path, root: Path) -> Path:
    """The path, and real folders from `root` down to it: what is a link or a file gives way."""
    for part in reversed([each for each in path.parents if each.is_relative_to(root)]):
        if part.is_symlink() or not part.is_dir():
            remove(part)
            part.mkdir(mode=0o700, parents=True)
    return path


def write(path: Path, content: bytes) -> None:
    """A new file, whatever was there."""
    remove(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write(content)


def read(path: Path) -> bytes | None:
    """What a plain file holds that no other name leads to; None for anything else."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                return file.read()
    return None
