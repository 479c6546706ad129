"""Which runtime an attempt gets, and what that leaves open to the agent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ao_actions.agents import runtimes

AUTO = "auto"
_KEPT_APART = {
    "user": "the agent runs under a user of its own and gets at nothing of the job's",
    "docker": "the agent runs in a container and sees its own folders only",
}
_OPEN = (
    "it can read and change what that user can, also the programs of this job's later steps, and "
    "use sudo where the runner can. `runtime: user` or `docker: IMAGE` keeps it apart"
)


@dataclass(frozen=True, slots=True)
class Cage:
    """`kind` is "process", "user" or "docker"; `why` says why `auto` came to the first."""

    kind: str
    why: str = ""

    @property
    def said(self) -> str:
        """What protects the job, or what does not."""
        because = f" ({self.why})" if self.why else ""
        return _KEPT_APART.get(
            self.kind, f"the agent runs as the runner's own user{because}: {_OPEN}"
        )


def settle(kind: str, environment: Mapping[str, str]) -> Cage:
    """The runtime that `runtime: KIND` means on this machine.

    `auto` makes a user only where the machine is GitHub's and thrown away after the job (GitHub
    docs, default variables: RUNNER_ENVIRONMENT), never on somebody's own.
    """
    if kind != AUTO:
        return Cage(kind)
    hosted = environment.get("RUNNER_ENVIRONMENT") == "github-hosted"
    if environment.get("GITHUB_ACTIONS") != "true" or not hosted:
        return Cage("process", "this is not a runner of GitHub's")
    if sys.platform != "linux":
        return Cage("process", "this is not Linux")
    if not runtimes.may_be_root():
        return Cage("process", "there is neither root nor sudo without a password")
    return Cage("user")
