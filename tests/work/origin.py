"""A bare repository with a base branch, and attempts on it made by the real checkout code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ao_actions.core.model import Claim, Phase
from ao_actions.git import Git, Remote
from ao_actions.work import checkout, handoff
from ao_actions.work.checkout import Checkout
from ao_actions.work.workspace import Places
from tests.builders import a_claim

FILES = {"README.md": "# x\n", "src/code.py": "x = 1\n", ".gitignore": "*.log\n"}


@dataclass(slots=True)
class Origin:
    """`main` has FILES. Each attempt and each human's commit works in a folder of its own."""

    folder: Path
    remote: Remote

    @classmethod
    def make(cls, folder: Path) -> Origin:
        Git.scratch(folder / "origin.git")
        origin = cls(folder, Remote(str(folder / "origin.git")))
        origin.commit("main", FILES)
        return origin

    def place(self) -> Path:
        return self.folder / f"place{len(list(self.folder.glob('place*')))}"

    def git(self) -> Git:
        """A fresh repository that knows the remote, as publish has one."""
        return Git.scratch(self.place(), self.remote)

    def tip(self, branch: str) -> str:
        return self.git().remote_refs(f"refs/heads/{branch}").get(f"refs/heads/{branch}", "")

    def commit(self, branch: str, files: dict[str, str], start: str = "") -> str:
        """A human's commit on a branch (from `start`, or the branch's tip)."""
        place = self.place()
        place.mkdir()
        git = Git(place, self.remote)
        git.run("init", "--quiet", str(place))
        begin = start or self.tip(branch)
        if begin:
            git.fetch(begin, depth=None)
            git.run("checkout", "--quiet", "--detach", begin)
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content)
        git.run("add", "--all")
        git.run("commit", "--quiet", "-m", "By hand")
        git.run("push", "--quiet", self.remote.url, f"HEAD:refs/heads/{branch}")
        return git.run("rev-parse", "HEAD")

    def attempt(self, head: str = "", *, merge: bool = False) -> Checkout:
        places = Places.under(self.place())
        return checkout.prepare(places, self.remote, head=head, base="main", merge=merge)

    def bundle(self, tree: Checkout, commit: str | None = None) -> Path:
        """The attempt's bundle; `commit` instead of the checkout's own files."""
        made = commit or checkout.commit(tree)
        assert made is not None
        folder = self.place()
        checkout.bundle(tree, made, folder)
        return folder / handoff.BUNDLE


def claim_for(tree: Checkout, *, new: bool) -> Claim:
    """The claim under which an attempt was made."""
    reason = Phase.CONFLICTED if tree.merging else Phase.QUEUED if new else Phase.CI_FAILED
    return a_claim(head="" if new else tree.start, base="main", reason=reason)


def changed(tree: Checkout, commit: str) -> list[str]:
    """Paths that an attempt's commit changes."""
    return tree.store.run("diff", "--name-only", tree.start, commit).splitlines()
