"""Logs of ended jobs, as text and as GitHub's zip of a run."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from ao_actions.localgithub.errors import not_found
from ao_actions.localgithub.model import Job, Repository, WorkflowRun
from ao_actions.localgithub.world import World


def job_log(world: World, repo: Repository, job_id: int) -> bytes:
    """As the job wrote it: a step may print what is no text."""
    for run in repo.runs:
        for job in run.jobs:
            if job.id == job_id:
                file = _file(world, run, job)
                if not file.is_file():
                    raise not_found()  # skipped, or not started
                return file.read_bytes()
    raise not_found()


def _file(world: World, run: WorkflowRun, job: Job) -> Path:
    """A job that was carried over to a later attempt keeps its log under its check's id."""
    folder = world.root / "logs" / str(run.id)
    name = f"{job.check_run_id or job.id}.txt"
    found = sorted(folder.glob(f"*/{name}"))
    return found[-1] if found else folder / name


def run_zip(world: World, run: WorkflowRun, attempt: int) -> bytes:
    """`0_job.txt` for each job and `job/1_step.txt` for its steps, as gh expects them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        jobs = [job for job in run.jobs if job.run_attempt == attempt]
        for number, job in enumerate(jobs):
            file = _file(world, run, job)
            if not file.is_file():
                continue
            name = re.sub(r'[/:"<>|*?\\\r\n]', "", job.name)
            archive.write(file, f"{number}_{name}.txt")
            for part in sorted(file.with_suffix("").glob("*.txt")):
                archive.write(part, f"{name}/{part.name}")
    return content.getvalue()
