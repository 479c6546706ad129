"""The workflow files of a commit, read from git once."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from ao_actions.localgithub.actions import workflow
from ao_actions.localgithub.actions.workflow import WorkflowFile
from ao_actions.localgithub.model import Repository, Workflow
from ao_actions.localgithub.world import World

_FOLDER = ".github/workflows"


@dataclass(slots=True)
class Catalog:
    world: World
    _by_tree: dict[str, list[WorkflowFile]]
    _tree_of: dict[tuple[str, str], str]

    @classmethod
    def of(cls, world: World) -> Catalog:
        return cls(world, {}, {})

    def files(self, repo: Repository, commit: str) -> list[WorkflowFile]:
        """Every workflow file of the commit, by path. Cached by tree, which never changes."""
        key = (repo.full_name, commit)
        if key not in self._tree_of:
            try:
                tree = self.world.git(repo.full_name, "rev-parse", f"{commit}:{_FOLDER}").strip()
            except subprocess.CalledProcessError:
                tree = ""
            self._tree_of[key] = tree
        tree = self._tree_of[key]
        if tree not in self._by_tree:
            self._by_tree[tree] = self._read(repo, tree) if tree else []
        return self._by_tree[tree]

    def file(self, repo: Repository, commit: str, path: str) -> WorkflowFile | None:
        return next((f for f in self.files(repo, commit) if f.path == path), None)

    def _read(self, repo: Repository, tree: str) -> list[WorkflowFile]:
        found: list[WorkflowFile] = []
        for line in self.world.git(repo.full_name, "ls-tree", tree).splitlines():
            header, name = line.split("\t", 1)
            path = f"{_FOLDER}/{name}"
            if header.split()[1] == "blob" and workflow.is_workflow(path):
                text = self.world.git(repo.full_name, "cat-file", "blob", header.split()[2])
                found.append(workflow.parse(path, text))
        return found

    def refresh(self, repo: Repository) -> None:
        """Brings repo.workflows up to date with the default branch; old records stay."""
        tip = self.world.ref_oid(repo.full_name, f"refs/heads/{repo.default_branch}")
        if tip is None:
            return
        files = self.files(repo, tip)
        with self.world.lock:
            present = {file.path for file in files}
            for file in files:
                self.record(repo, file)
            for record in repo.workflows:
                if record.path not in present and record.state == "active":
                    record.state = "deleted"
            self.world.save()

    def record(self, repo: Repository, file: WorkflowFile) -> Workflow:
        """The record of a workflow file, made at its first sight."""
        now = self.world.clock.now()
        for record in repo.workflows:
            if record.path == file.path:
                if record.state == "deleted":
                    record.state = "active"
                if record.name != file.name:
                    record.name, record.updated_at = file.name, now
                return record
        record = Workflow(
            id=self.world.next_id(),
            name=file.name,
            path=file.path,
            state="active",
            created_at=now,
            updated_at=now,
        )
        repo.workflows.append(record)
        return record
