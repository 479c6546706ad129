"""Files written all or nothing: prepared beside their places, then renamed, or nothing at all."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ao_actions.errors import ConfigError


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files (path to text) into the tree. A failure leaves the tree as it was.

    :raises ConfigError: one of them cannot be written
    """
    made: list[Path] = []
    staged: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            place = root / name
            made += _folders(root, place.parent)
            staged[place] = _stage(place, text)
        _move(staged)
    except OSError as error:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        where = error.filename2 or error.filename
        raise ConfigError(f"{where}: {error.strerror or error}: nothing was written") from None


def _folders(root: Path, folder: Path) -> list[Path]:
    """Make the folder; those that were missing, outermost first."""
    if not folder.resolve().is_relative_to(root.resolve()):
        raise OSError(0, "a link leads out of the repository", str(folder))
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return list(reversed(missing))


def _stage(place: Path, text: str) -> Path:
    if place.is_dir() and not place.is_symlink():
        raise IsADirectoryError(0, "a folder is in the way", str(place))
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=place.parent, prefix=".ao-", delete=False
    ) as file:
        temporary = Path(file.name)
        file.write(text)
    temporary.chmod(place.stat().st_mode & 0o777 if place.exists() else 0o644)
    return temporary


def _move(staged: Mapping[Path, Path]) -> None:
    """Rename all; where one fails, those before it get their old content back."""
    before: dict[Path, bytes | None] = {}
    try:
        for place, temporary in staged.items():
            before[place] = place.read_bytes() if place.exists() else None
            temporary.replace(place)
    except OSError:
        for place, content in reversed(list(before.items())):
            if content is None:
                place.unlink(missing_ok=True)
            else:
                place.write_bytes(content)
        raise
