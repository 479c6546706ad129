"""A local GitHub with one repository, and short ways to push files and look at runs."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.model import Job, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub

OWNER_TOKEN = "ghp_owner"
WAIT = 20.0


@dataclass
class Hub:
    """The server, the repository acme/widgets and a clone of it."""

    server: LocalGitHub
    folder: Path
    repo: Repository
    client: httpx.Client
    clone: Path = field(init=False)

    def __post_init__(self) -> None:
        self.clone = self.folder / "clone"
        self.git("init", "-q", "-b", "main", str(self.clone), cwd=self.folder)
        url = self.server.url.replace("http://", f"http://x:{OWNER_TOKEN}@")
        self.git("remote", "add", "origin", f"{url}/{self.repo.full_name}.git")

    def git(self, *args: str, cwd: Path | None = None) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Alice",
            "GIT_AUTHOR_EMAIL": "alice@example.com",
            "GIT_COMMITTER_NAME": "Alice",
            "GIT_COMMITTER_EMAIL": "alice@example.com",
        }
        done = subprocess.run(
            ["git", *args],
            cwd=cwd or self.clone,
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def push(self, files: dict[str, str], branch: str = "main", message: str = "a change") -> str:
        """Commits files on a branch (made from the current one) and pushes; the new commit."""
        heads = self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        if branch in heads:
            self.git("checkout", "-q", branch)
        elif heads:
            self.git("checkout", "-q", "-b", branch)
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", branch)
        return self.git("rev-parse", "HEAD")

    def workflow(self, name: str, text: str, **more: str) -> str:
        return self.push({f".github/workflows/{name}": text, **more}, message=f"add {name}")

    @property
    def actions(self) -> ActionsService:
        service = self.server.world.actions
        assert isinstance(service, ActionsService)
        return service

    def idle(self) -> None:
        self.server.world.drain()
        assert self.actions.wait_idle(WAIT)

    def runs(self, name: str | None = None) -> list[WorkflowRun]:
        self.idle()
        return [run for run in self.repo.runs if name in {None, run.name}]

    def run(self, name: str) -> WorkflowRun:
        found = self.runs(name)
        assert found, f"{name} never ran; {[(r.name, r.event) for r in self.repo.runs]}"
        return found[-1]

    def job(self, run: WorkflowRun, key: str) -> Job:
        return next(
            job for job in run.jobs if job.key == key and job.run_attempt == run.run_attempt
        )

    def log(self, run: WorkflowRun, key: str) -> str:
        return self.actions.job_log(self.repo, self.job(run, key).id)

    def until(self, condition: Any) -> None:
        """Waits until a condition on the records holds; every change notifies."""
        with self.actions.engine.changed:
            assert self.actions.engine.changed.wait_for(condition, WAIT)

    def api(self, method: str, path: str, **body: Any) -> httpx.Response:
        url = f"/repos/{self.repo.full_name}{path}"
        return self.client.request(method, url, json=body or None)

    def open_pull(self, branch: str, title: str = "A pull request") -> dict[str, Any]:
        reply = self.api("POST", "/pulls", title=title, head=branch, base="main", body="")
        assert reply.status_code == 201, reply.text
        body: dict[str, Any] = reply.json()
        return body

    def dispatch(self, file: str, **inputs: Any) -> WorkflowRun:
        self.idle()
        reply = self.api(
            "POST",
            f"/actions/workflows/{file}/dispatches",
            ref="main",
            inputs=inputs,
            return_run_details=True,
        )
        assert reply.status_code == 200, reply.text
        number = reply.json()["workflow_run_id"]
        return next(run for run in self.repo.runs if run.id == number)


def conclusions(run: Any) -> dict[str, str | None]:
    jobs = [job for job in run.jobs if job.run_attempt == run.run_attempt]
    return {job.name: job.conclusion for job in jobs}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with LocalGitHub(tmp_path / "world") as server:
        repo = server.world.create_repository("acme/widgets")
        server.world.add_token("acme", OWNER_TOKEN)
        headers = {"Authorization": f"token {OWNER_TOKEN}"}
        with httpx.Client(base_url=server.api_url, headers=headers) as client:
            yield Hub(server, tmp_path, repo, client)
