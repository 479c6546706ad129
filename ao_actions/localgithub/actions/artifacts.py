"""Artifacts: what the stand-ins of upload-artifact and download-artifact talk to.

GitHub's actions use a runtime token for this, so the job's `permissions:` do not matter.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from ao_actions.localgithub.actions.runner import Runner
from ao_actions.localgithub.errors import Refusal, not_found
from ao_actions.localgithub.model import Artifact, Repository, WorkflowRun
from ao_actions.localgithub.world import World

DEFAULT_RETENTION_DAYS = 90


class Artifacts:
    def __init__(self, world: World, runner: Runner) -> None:
        self._world = world
        self._runner = runner

    def _run_of(self, token: str) -> tuple[Repository, WorkflowRun]:
        found = self._runner.runtime_tokens.get(token)
        if found is None:
            raise Refusal(401, "Bad credentials")
        return found[0].repo, found[0].run

    def file(self, artifact: Artifact) -> Path:
        return self._world.root / "artifacts" / f"{artifact.id}.zip"

    def upload(self, body: dict[str, Any]) -> dict[str, Any]:
        """Takes over a zip that lies in the job's own directory."""
        repo, run = self._run_of(str(body.get("token")))
        name, source = str(body["name"]), Path(str(body["file"]))
        jobs = (self._world.root / "jobs").resolve()
        if not source.resolve().is_relative_to(jobs) or not source.is_file():
            raise Refusal(400, "the file is not within the job's directory")
        content = source.read_bytes()
        with self._world.lock:
            for old in list(run.artifacts):
                if old.name != name or old.run_attempt != run.run_attempt or old.expired:
                    continue
                if not body.get("overwrite"):
                    raise Refusal(
                        409,
                        "Failed to CreateArtifact: Received non-retryable error: Failed request: "
                        "(409) Conflict: an artifact with this name already exists on the "
                        "workflow run",
                    )
                self.delete(run, old)
            now = self._world.clock.now()
            days = int(body.get("retention_days") or DEFAULT_RETENTION_DAYS)
            artifact = Artifact(
                id=self._world.next_id(),
                name=name,
                run_id=run.id,
                run_attempt=run.run_attempt,
                size_in_bytes=len(content),
                digest="sha256:" + hashlib.sha256(content).hexdigest(),
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
            shutil.move(source, self.file(artifact))
            run.artifacts.append(artifact)
            self._world.save()
        url = f"{self._world.base_url}/{repo.full_name}/actions/runs/{run.id}"
        return {
            "id": artifact.id,
            "digest": artifact.digest.removeprefix("sha256:"),
            "url": f"{url}/artifacts/{artifact.id}",
        }

    def list_own(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The artifacts of the job's own run; of one name, the newest attempt's."""
        _, run = self._run_of(str(body.get("token")))
        with self._world.lock:
            latest = {item.name: item for item in run.artifacts if not self.has_expired(item)}
            return [
                {"id": item.id, "name": item.name, "file": str(self.file(item))}
                for item in latest.values()
            ]

    def has_expired(self, artifact: Artifact) -> bool:
        return artifact.expired or artifact.expires_at <= self._world.clock.now()

    def find(self, repo: Repository, identity: int) -> tuple[WorkflowRun, Artifact]:
        for run in repo.runs:
            for artifact in run.artifacts:
                if artifact.id == identity:
                    return run, artifact
        raise not_found()

    def delete(self, run: WorkflowRun, artifact: Artifact) -> None:
        run.artifacts.remove(artifact)
        self.file(artifact).unlink(missing_ok=True)
        self._world.save()
