"""The clone that init works in: where it is, what it is a clone of, what is not committed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ao_actions.errors import ConfigError
from ao_actions.git import Git

_RECORD = "ao-actions.json"  # in the git directory: what we wrote last, by digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A remote's address, taken apart: `host` and `owner/name`."""

    host: str
    name: str


@dataclass(frozen=True, slots=True)
class Clone:
    """A working tree of the repository."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Clone:
        """The clone that `folder` is in.

        :raises ConfigError: it is in none, or in a bare repository
        """
        git = Git(folder)
        if git.attempt("rev-parse", "--is-bare-repository").text == "true":
            raise ConfigError(
                f"{folder} is a bare repository, it has no files: run init in a clone of it, "
                "or with --repository OWNER/NAME"
            )
        top = git.attempt("rev-parse", "--show-toplevel")
        if top.code != 0 or not top.text:
            last = (top.err.strip().splitlines() or ["no working tree"])[-1]
            raise ConfigError(
                f"{folder} is not in a git repository ({last.removeprefix('fatal: ')}): "
                "run init in a clone, or with --repository OWNER/NAME"
            )
        return cls(Path(top.text))

    @property
    def git(self) -> Git:
        return Git(self.root)

    def origin(self) -> Origin | None:
        """What the remote `origin` says; None where there is none, or it is only a path."""
        return origin_of(self.git.attempt("config", "--get", "remote.origin.url").text)

    def default_branch(self) -> str | None:
        """The remote's default branch as this clone knows it, else the one branch there is."""
        head = self.git.attempt("symbolic-ref", "--short", "refs/remotes/origin/HEAD")
        if head.code == 0:
            return head.text.removeprefix("origin/")
        listed = self.git.run("for-each-ref", "--format=%(refname:short)", "refs/heads")
        branches = listed.splitlines()
        for name in ("main", "master"):
            if name in branches:
                return name
        current = self.git.attempt("symbolic-ref", "--short", "HEAD")
        return current.text if current.code == 0 and len(branches) <= 1 else None

    def dirty(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths whose content stands in no commit."""
        wanted = list(paths)
        if not wanted:
            return []
        options = ["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]
        done = self.git.run("status", *options, "--", *wanted)
        return sorted(entry[3:] for entry in done.split("\0") if entry)

    # ---- what we wrote last ------------------------------------------------------------------

    def remember(self, files: Mapping[str, str]) -> None:
        """Note what was written, so that it may be written anew before it is committed."""
        known = {**self._known(), **{path: _digest(text) for path, text in files.items()}}
        record = self._record()
        record.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def ours_unchanged(self, path: str, text: str) -> bool:
        """Whether the file is as we wrote it last."""
        return self._known().get(path) == _digest(text)

    def _record(self) -> Path:
        return Path(self.git.run("rev-parse", "--absolute-git-dir")) / _RECORD

    def _known(self) -> dict[str, str]:
        try:
            value = json.loads(self._record().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}


def origin_of(url: str) -> Origin | None:
    """Host and `owner/name` of a clone URL, in https, ssh or scp form."""
    if "://" in url:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "ssh", "git") or not parts.hostname:
            return None
        port = f":{parts.port}" if parts.port and parts.scheme.startswith("http") else ""
        host, path = f"{parts.hostname}{port}", parts.path
    else:
        match = re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+\.[\w-]+):(.+)", url)
        if match is None:
            return None
        host, path = match.groups()
    name = path.strip("/").removesuffix(".git")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return None
    return Origin(host=host.removeprefix("ssh.") if host == "ssh.github.com" else host, name=name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
