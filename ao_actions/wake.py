"""`ao-actions wake`, the job of ao-review.yml: starts a pass when there is something to see.

After a push to a pull request that is when its workflows are done. No event of GitHub Actions
says so but `workflow_run`, which we do not use (docs/adr/0009): so this small job waits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions.errors import AoError
from ao_actions.forge import act
from ao_actions.forge.client import Client
from ao_actions.forge.observe import RECONCILE_WORKFLOW, REVIEW_WORKFLOW

PUSHED = frozenset({"opened", "synchronize", "reopened"})
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 20.0  # seconds
NO_CI = 60.0  # seconds after which a head without any run has no CI


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What woke us: the head whose workflows are waited for (None: nothing to wait for)."""

    default_branch: str
    head: str | None

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Occasion:
        """:raises AoError: this is not a job of ao-review.yml"""
        try:
            event = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
            branch = str(event["repository"]["default_branch"])
            pushed = "review" not in event and event["action"] in PUSHED
            return cls(
                default_branch=branch,
                head=str(event["pull_request"]["head"]["sha"]) if pushed else None,
            )
        except (KeyError, TypeError, ValueError, OSError):
            raise AoError(
                "`ao-actions wake` is a step of ao-review.yml: this is no event of a pull request"
            ) from None


@dataclass(slots=True, kw_only=True)
class Waker:
    client: Client
    limit: float  # seconds
    names: frozenset[str] = frozenset()  # of the workflows that count; none: all but ours
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wake(self, occasion: Occasion) -> None:
        """Wait for the head's workflows, within the limit; then start a pass in any case."""
        if occasion.head is not None:
            self.say(self._wait(occasion.head))
        act.dispatch_workflow(self.client, RECONCILE_WORKFLOW, occasion.default_branch, {})
        self.say("a pass was started")

    def _wait(self, head: str) -> str:
        began, pause = self.clock(), FIRST_PAUSE
        while True:
            states = self._states(head)
            waited = self.clock() - began
            open_runs = sum(state != "completed" for state in states)
            if states and not open_runs:
                return f"all {len(states)} runs of CI on {head[:12]} are completed"
            if not states and waited >= NO_CI:
                return f"no CI runs on {head[:12]}"
            if waited + pause > self.limit:
                return (
                    f"{open_runs} runs of CI on {head[:12]} still go on: a later pass will see them"
                )
            self.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _states(self, head: str) -> list[str]:
        """The status of each run on the head that counts."""
        runs: list[Any] = self.client.pages("actions/runs", key="workflow_runs", head_sha=head)
        return [
            run["status"]
            for run in runs
            if not _ours(run["path"]) and (not self.names or run["name"] in self.names)
        ]


def ci_workflows(env: Mapping[str, str]) -> frozenset[str]:
    """The names in AO_CI_WORKFLOWS, a JSON list.

    :raises AoError: it is something else
    """
    try:
        names = json.loads(env.get("AO_CI_WORKFLOWS") or "[]")
    except ValueError:
        names = None
    if not isinstance(names, list):
        raise AoError("AO_CI_WORKFLOWS must be a JSON list of workflow names")
    return frozenset(map(str, names))


def _ours(path: str) -> bool:
    """A run's `path` may end in `@` and a ref."""
    return path.partition("@")[0].endswith(f"/{REVIEW_WORKFLOW}")
