"""Where attempts work on this machine, and what of it is ours to delete.

A hosted runner is new each time: everything lies below its temporary folder. A runner of one's
own may name a lasting folder in AO_WORK_ROOT. Then each task has a folder of its own there, at the
same path in every attempt (agents' sessions are tied to it), and a mirror of the repository is
kept, so that only what is new is fetched.

AO_AGENTS names a folder with agents that are installed already (a prepared image): what is missing
there is put there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ao_actions import runtime
from ao_actions.errors import ConfigError
from ao_actions.git import Git, Remote

MARKER = ".ao-workspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Folders of an attempt, absolute. `mirror`: where the machine keeps the repository."""

    checkout: Path
    scratch: Path
    store: Path
    handoff: Path
    agents: Path
    mirror: Path | None = None

    @classmethod
    def under(cls, root: Path) -> Places:
        """Of a machine that is new for every attempt."""
        root = root.absolute()
        return cls(
            checkout=root / "checkout",
            scratch=root / "scratch",
            store=root / "store.git",
            handoff=root / "handoff",
            agents=root / "agents",
        )

    @classmethod
    def kept(cls, root: Path, repository: str, issue: int) -> Places:
        """Of a machine that stays: a folder per task, agents and mirror shared."""
        root = root.absolute()
        home = root / repository.replace("/", "__")
        task = home / str(issue)
        return cls(
            checkout=task / "checkout",
            scratch=task / "scratch",
            store=task / "store.git",
            handoff=task / "handoff",
            agents=root / "agents",
            mirror=home / "mirror.git",
        )


def places(
    environment: Mapping[str, str], repository: str, issue: int, *, shared: bool = False
) -> Places:
    """This machine's places for a task. `shared`: another user has to get to them.

    :raises ConfigError: AO_WORK_ROOT or AO_AGENTS is not an absolute path
    """
    root, agents = (_folder(environment, name) for name in ("AO_WORK_ROOT", "AO_AGENTS"))
    if root is not None:
        found = Places.kept(root, repository, issue)
    elif shared:  # a runner's own folder is often closed to others
        found = Places.under(Path(tempfile.gettempdir()) / f"ao-{os.geteuid()}")
    else:
        found = Places.under(runtime.work_root(environment))
    return found if agents is None else replace(found, agents=agents)


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    path = environment.get(name)
    if path and not Path(path).is_absolute():
        raise ConfigError(f"{name} must be an absolute path, not {path!r}")
    return Path(path) if path else None


def own(places: Places) -> None:
    """Mark the folder of an attempt as ours; without the mark nothing in it is ever emptied.

    :raises ConfigError: what we would have to empty was not made by us
    """
    folder = places.checkout.parent
    marker = folder / MARKER
    if marker.exists():
        _must_be_ours(folder)
        return
    for there in (places.checkout, places.scratch, places.store, places.handoff):
        if there.exists():
            raise ConfigError(
                f"{there} was not made by ao-actions: move it away, or set AO_WORK_ROOT to "
                "another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"made_by": "ao-actions"}) + "\n", encoding="utf-8")


def _must_be_ours(folder: Path) -> None:
    """Another user of the machine may have made it, below /tmp, with what they like in it."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ConfigError(
            f"{folder} belongs to another user, or is a link: take it away, or set AO_WORK_ROOT to "
            "another folder"
        )


def leave(places: Places) -> None:
    """Take away what an attempt leaves on a machine that stays: all but the hand-off."""
    if places.mirror is not None:
        sealed = places.store.with_name("sealed.git")
        for folder in (places.checkout, places.scratch, places.store, sealed):
            shutil.rmtree(folder, ignore_errors=True)


def borrow(mirror: Path, store: Path, remote: Remote, ref: str) -> None:
    """Bring the machine's mirror up to date, and let a store use its objects."""
    mirror.parent.mkdir(parents=True, exist_ok=True)
    with (mirror.parent / f".{mirror.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Git.scratch(mirror, remote).fetch(f"+{ref}:{ref}", depth=None)
    alternates = store / "objects" / "info" / "alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    alternates.write_text(f"{mirror / 'objects'}\n", encoding="utf-8")
