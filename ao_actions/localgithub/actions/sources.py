"""Where `uses:` leads: GitHub's own actions to stand-ins, others to repositories of the world."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ao_actions.localgithub.actions import yamlio
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.world import World

_REMOTE = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<sub>[^@]+))?@(?P<ref>.+)")
_STANDINS = Path(__file__).parent.parent / "standins"
BUILT_IN = {
    f"actions/{name}": _STANDINS / name
    for name in (
        "checkout",
        "create-github-app-token",
        "download-artifact",
        "setup-node",
        "setup-python",
        "upload-artifact",
    )
}


class UnknownAction(Exception):  # noqa: N818 - the name says what it is
    """GitHub: "Unable to resolve action"; the job fails while it is set up."""


class Sources:
    """`mapping` serves any ref of a repository from one directory; the world serves its own."""

    def __init__(self, world: World, mapping: Mapping[str, Path]) -> None:
        self._world = world
        self.mapping = {**BUILT_IN, **mapping}

    def resolve(
        self, steps: Iterable[dict[str, Any]], local: Callable[[str], str | None]
    ) -> dict[str, Path]:
        """The directory of each `owner/repo@ref` that the steps use, nested ones too.

        `local` reads a file of the commit that runs, for `uses: ./action`.
        """
        found: dict[str, Path] = {}
        for step in steps:
            self._follow(str(step.get("uses", "")), local, found)
        return found

    def _follow(
        self, uses: str, local: Callable[[str], str | None], found: dict[str, Path]
    ) -> None:
        if uses.startswith("./"):
            self._nested(lambda name: local(f"{uses[2:].strip('/')}/{name}".strip("/")), found)
            return
        match = _REMOTE.fullmatch(uses)
        if match is None:
            if uses:
                raise UnknownAction(f"Unable to resolve action `{uses}`: not supported here")
            return
        reference = f"{match['name']}@{match['ref']}"
        folder = Path(match["sub"] or ".")
        if reference not in found:
            found[reference] = self._directory(match["name"], match["ref"])
        base = found[reference] / folder

        def read(name: str) -> str | None:
            file = base / name
            return file.read_text(encoding="utf-8") if file.is_file() else None

        self._nested(read, found)

    def _nested(self, read: Callable[[str], str | None], found: dict[str, Path]) -> None:
        text = read("action.yml") or read("action.yaml")
        if text is None:
            return  # act says that the action has no definition
        try:
            runs = (yamlio.load(text) or {}).get("runs") or {}
        except (yaml.YAMLError, AttributeError):
            return
        for step in runs.get("steps") or []:
            uses = str(step.get("uses", ""))
            # a local path inside an action is relative to the workspace: known only then
            if uses and not uses.startswith("./"):
                known = _REMOTE.fullmatch(uses)
                if known and f"{known['name']}@{known['ref']}" in found and not known["sub"]:
                    continue
                self._follow(uses, read, found)

    def _directory(self, name: str, ref: str) -> Path:
        mapped = self.mapping.get(name) or self.mapping.get(name.lower())
        if mapped is not None:
            return mapped
        repo = self._world.repositories.get(name)
        if repo is None:
            raise UnknownAction(f"Unable to resolve action `{name}@{ref}`, repository not found")
        commit = self._world.bare(repo).resolve(ref)
        if commit is None:
            raise UnknownAction(f"Unable to resolve action `{name}@{ref}`, unable to find `{ref}`")
        return self._export(repo, commit)

    def _export(self, repo: Repository, commit: str) -> Path:
        """The tree of a commit, written once; a second writer loses harmlessly."""
        target = self._world.root / "actions" / repo.full_name / commit
        if target.is_dir():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = self._world.bare(repo).output("archive", "--format=tar", commit)
        work = Path(tempfile.mkdtemp(dir=target.parent))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(work, filter="tar")
        try:
            work.rename(target)
        except OSError:
            shutil.rmtree(work, ignore_errors=True)
        return target


def reader(world: World, full_name: str, commit: str) -> Callable[[str], str | None]:
    """Reads files of one commit; None for what is not there."""

    def read(path: str) -> str | None:
        try:
            return world.git(full_name, "show", f"{commit}:{path}")
        except subprocess.CalledProcessError:
            return None

    return read
