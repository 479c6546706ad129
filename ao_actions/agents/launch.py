"""Run an agent on an assignment: the one place where an adapter meets a process.

The agent sees a scrubbed environment: nothing of the job's own but PATH.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from ao_actions import tainted
from ao_actions.agents.base import Agent, Assignment, Exit, Outcome, Program, Result, sentence
from ao_actions.agents.process import Ended, supervise
from ao_actions.agents.runtimes import PROCESS, Runtime
from ao_actions.errors import AgentError

EVIDENCE_LIMIT = 4_000_000
SECRET_LENGTH = 8  # a shorter value is no secret, and would be found everywhere

# What a runner gives its job: tokens, file commands, the artifact and cache services.
# An agent that held one of these could act as the job.
FORBIDDEN = ("GITHUB_", "ACTIONS_", "RUNNER_")

# By name, for a setting's value (a model, a URL) may stand in any text.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)


def run(
    agent: Agent,
    assignment: Assignment,
    *,
    now: datetime,
    program: Program = (),
    runtime: Runtime = PROCESS,
) -> Result:
    """Run to the end or the limit, and judge. `program` is what `agent.install` returned.

    AgentError for a configuration that cannot work; everything else is a Result.
    """
    assignment = _absolute(assignment)
    argv = _placed(agent.argv(assignment, program), assignment.checkout)
    environment = environment_for(agent, assignment)
    transcript = _prepare(agent, assignment)
    try:
        with runtime.lend(assignment.checkout, assignment.scratch):
            ended = supervise(
                argv,
                cwd=assignment.checkout,
                environment=environment,
                stdin=assignment.brief if agent.reads_brief else None,
                seconds=assignment.seconds,
                transcript=transcript,
                runtime=runtime,
            )
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
        detail = sentence(f"{agent.name} could not be started: {error}")
        return Result(outcome=Outcome.ERROR, detail=detail)
    result = agent.read(assignment, _exit(agent, assignment, ended, started=now))
    if ended.stopped:
        detail = f"{agent.name} was stopped: {ended.stopped}"
        result = replace(result, outcome=Outcome.ERROR, detail=detail, until=None)
    return _masked(replace(result, transcript=transcript), assignment)


def _placed(argv: Sequence[str], checkout: Path) -> list[str]:
    """The command line; a program that is named by a relative path is the checkout's."""
    program = str(checkout / argv[0]) if "/" in argv[0] else argv[0]
    return [program, *argv[1:]]


def environment_for(agent: Agent, assignment: Assignment) -> dict[str, str]:
    """The whole environment of an agent; the later source wins."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(assignment.home),
        "TMPDIR": str(assignment.temporary),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TZ": "UTC",  # reset times are printed in the process's zone
        "NO_COLOR": "1",
        "AO_BRIEF": str(assignment.brief),
        "AO_CHECKOUT": str(assignment.checkout),
        "AO_RESULT": str(assignment.report),
        **agent.environment(assignment),
        **assignment.environment,
    }
    for name in environment:
        if name.upper().startswith(FORBIDDEN):
            raise AgentError(
                f"{name} belongs to the job and is never handed to an agent; rename it"
            )
    return environment


def secrets_of(assignment: Assignment) -> list[str]:
    """The secrets that an agent was given, the longest first: one may be a part of another."""
    values = [
        value
        for name, value in assignment.environment.items()
        if _SECRET.search(name) and len(value) >= SECRET_LENGTH
    ]
    if assignment.endpoint is not None and len(assignment.endpoint.key) >= SECRET_LENGTH:
        values.append(assignment.endpoint.key)
    return sorted(values, key=len, reverse=True)


def _masked(result: Result, assignment: Assignment) -> Result:
    """The result without the secrets that the agent was given.

    Its words are published by a job that does not hold them and so could not find them.
    """
    secrets = secrets_of(assignment)

    def mask(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return replace(
        result,
        detail=mask(result.detail),
        message=mask(result.message),
        replies=tuple((thread, mask(body)) for thread, body in result.replies),
    )


def _absolute(assignment: Assignment) -> Assignment:
    """Paths that stay true in another working directory, and exist."""
    if not assignment.checkout.is_dir():
        raise AgentError(f"the checkout {assignment.checkout} is not a directory")
    if not assignment.brief.is_file():
        raise AgentError(f"the brief {assignment.brief} is not a file")
    return replace(
        assignment,
        checkout=assignment.checkout.absolute(),
        brief=assignment.brief.absolute(),
        scratch=assignment.scratch.absolute(),
    )


def _prepare(agent: Agent, assignment: Assignment) -> Path:
    """Make the private directories, remove an earlier run's evidence, name a new transcript."""
    logs = assignment.scratch / "logs"
    for directory in (assignment.home, assignment.temporary, assignment.report.parent, logs):
        if directory.is_symlink() or not directory.is_dir():  # an earlier run's doing
            tainted.remove(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for relative in agent.evidence.values():
        if "*" not in relative:  # what a glob finds may be a session that is to be resumed
            tainted.remove(assignment.scratch / relative)
    for name, content in agent.files(assignment).items():
        path = tainted.lead_to(assignment.scratch / name, assignment.scratch)
        tainted.write(path, content.encode())
    count = len(list(logs.glob(f"{agent.name}.*.log")))
    transcript = logs / f"{agent.name}.{count + 1}.log"
    tainted.remove(transcript)
    return transcript


def _exit(agent: Agent, assignment: Assignment, ended: Ended, *, started: datetime) -> Exit:
    return Exit(
        code=ended.code,
        timed_out=ended.timed_out,
        stdout=ended.stdout,
        stderr=ended.stderr,
        started=started,
        ended=started + timedelta(seconds=ended.seconds),
        files=read_evidence(assignment.scratch, agent.evidence),
    )


def read_evidence(scratch: Path, evidence: Mapping[str, str]) -> dict[str, bytes]:
    """What the agent left, by name. Only regular files inside the scratch directory.

    The agent wrote them: a link could name a file of ours, a pipe would never end. Of a file
    beyond the limit comes the end, one byte too long, for the reader to refuse or to make do with.
    """
    found: dict[str, bytes] = {}
    for name, pattern in evidence.items():
        content = next(map(_content, regular_files(scratch, pattern)), None)
        if content is not None:
            found[name] = content
    return found


def regular_files(scratch: Path, pattern: str) -> list[Path]:
    """Files below the scratch directory that match a path or glob, the newest first.

    No links, nothing but plain files, and nothing behind a link that leads out of it.
    """
    root = scratch.resolve()
    dated: list[tuple[float, Path]] = []
    for path in scratch.glob(pattern):
        with contextlib.suppress(OSError):  # gone, or a directory that we may not read
            status = path.lstat()
            inside = path.parent.resolve(strict=True).is_relative_to(root)
            if stat.S_ISREG(status.st_mode) and inside:
                dated.append((status.st_mtime, path))
    return [path for _, path in sorted(dated, key=lambda pair: (-pair[0], pair[1]))]


def _content(path: Path) -> bytes | None:
    with contextlib.suppress(OSError), open(path, "rb", opener=_open_as_it_is) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            file.seek(max(0, status.st_size - EVIDENCE_LIMIT - 1))
            return file.read(EVIDENCE_LIMIT + 1)
    return None


def _open_as_it_is(path: str, flags: int) -> int:
    """Open a file without following a link or waiting for a pipe's writer."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
