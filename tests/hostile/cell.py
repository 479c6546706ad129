"""Runs a hostile program under supervision, as `python -m tests.hostile.cell`.

Supervision adopts orphans, which takes a process with one thread; pytest's have more. Standard
input is `{"script", "user", "folder", "seconds"}`, standard output what came of it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from ao_actions import runtime as job
from ao_actions.agents.process import supervise
from ao_actions.agents.runtimes import PROCESS, Runtime, User


def main() -> None:
    job.hide()
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    runtime: Runtime = User(asked["user"]) if asked["user"] else PROCESS
    with ExitStack() as stack:
        # what a careless caller leaves open must not be handed on
        secret = stack.enter_context((folder / "secret").open("w+"))
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003
        stack.enter_context(runtime.lend(folder / "checkout", folder / "scratch"))
        ended = supervise(
            ["python3", "-c", asked["script"]],
            cwd=folder / "checkout",
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdin=None,
            seconds=asked["seconds"],
            transcript=folder / "log",
            grace=0.3,
            runtime=runtime,
        )
    said = {
        "code": ended.code,
        "timed_out": ended.timed_out,
        "stopped": ended.stopped,
        "stdout": ended.stdout.decode(),
        "stderr": ended.stderr.decode(),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text().split(),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
