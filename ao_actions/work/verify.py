"""The repository's own verify commands, run without secrets on what the agent left.

The commands come from `.github/ao.yml` of the default branch; what they run is agent-written
code. So they get the bare environment that agents get, and none of their keys.
"""

from __future__ import annotations

import os
from pathlib import Path

from ao_actions import tainted
from ao_actions.agents.base import Assignment, printable
from ao_actions.agents.process import supervise
from ao_actions.agents.runtimes import PROCESS, Runtime
from ao_actions.work.handoff import Verification

SHOWN = 6000  # characters of output that go back to the agent


def run(
    commands: tuple[str, ...],
    assignment: Assignment,
    *,
    seconds: float,
    runtime: Runtime = PROCESS,
) -> tuple[tuple[Verification, ...], str]:
    """Each command's result, and the output of the first that failed ("" if none did)."""
    results: list[Verification] = []
    failure = ""
    scratch = assignment.scratch
    for command in commands:
        environment = _environment(scratch)
        transcript = tainted.lead_to(scratch / "logs" / "verify.log", scratch)
        tainted.write(transcript, b"")
        with runtime.lend(assignment.checkout, scratch):
            ended = supervise(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=assignment.checkout,
                environment=environment,
                stdin=None,
                seconds=max(1.0, seconds),
                transcript=transcript,
                runtime=runtime,
            )
        passed = ended.code == 0 and not ended.timed_out and not ended.stopped
        results.append(Verification(command=command, passed=passed))
        if not passed and not failure:
            out = printable((ended.stdout + b"\n" + ended.stderr).decode(errors="replace"))
            reason = "it ran out of time" if ended.timed_out else ended.stopped
            ending = f" ({reason})" if reason else ""
            failure = f"$ {command}{ending}\n{out.strip()[-SHOWN:]}"
    return tuple(results), failure


def _environment(scratch: Path) -> dict[str, str]:
    home = tainted.lead_to(scratch / "home" / "any", scratch).parent
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CI": "true",
    }
