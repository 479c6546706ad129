"""Many tasks through a GitHub that fails now and then, until all are merged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ao_actions.localgithub.faults import Fault
from ao_actions.localgithub.model import PullRequest
from ao_actions.localgithub.world import Clock
from tests.played.github import BOT, Played, found, opened
from tests.soak import traces

RUNNERS = 4
CONFIG = "max_parallel: 8\nbudget: {attempts: 10, usd_per_task: 200}\n"
AGENT = 'echo done > "of-$(date +%s%N)-$$.txt"\n'
BODY = "Please add a file that says that it is done."


@dataclass(slots=True)
class Figures:
    """What a soak came to. `wrong` says what must not be; it is empty after a good one."""

    tasks: int
    seconds: float = 0.0
    passes: int = 0
    unfinished: int = 0  # passes that failed, in part or whole
    runs: int = 0
    attempts: Counter[str] = field(default_factory=Counter)  # by outcome
    asked: int = 0  # times that a human was asked, and said `/ao retry`
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        attempts = ", ".join(f"{count} {name}" for name, count in sorted(self.attempts.items()))
        return [
            f"{self.tasks} tasks in {self.seconds:.0f} s: {self.passes} passes "
            f"({self.unfinished} not all of it), {self.runs} runs, {self.requests} requests",
            f"attempts: {attempts}; a human was asked {self.asked} times",
            *(f"fault {line}" for line in self.faults),
            *(f"WRONG {line}" for line in self.wrong or ()),
        ]


def faults(rate: float) -> list[Fault]:
    """Five kinds, `rate` of all requests in total."""
    each = rate / 5
    limit = {"Retry-After": "1"}
    return [
        Fault(answer="server-error", probability=each, times=None),
        Fault(answer="server-error", after=True, probability=each, times=None),
        Fault(drop=True, probability=each, times=None),
        Fault(drop=True, after=True, probability=each, times=None),
        Fault(
            path="/repos/.*|.*/?graphql",
            answer="secondary-limit",
            headers=limit,
            probability=each,
            times=None,
        ),
    ]


def soak(root: Path, tasks: int, rate: float, tell: Callable[[str], None]) -> Figures:
    """All of it, in a new folder."""
    root.mkdir()
    figures = Figures(tasks)
    began = time.monotonic()
    found(root, CONFIG, AGENT)
    with opened(root, Clock()) as world, ThreadPoolExecutor(RUNNERS) as runners:
        for number in range(1, tasks + 1):
            world.call("POST", "issues", title=f"Task {number}", body=BODY, labels=["ao:ready"])
        world.hub.app.faults[:] = faults(rate)
        _until_merged(world, runners, figures, tell)
        figures.requests = sum(world.hub.world.requests.values())
        figures.faults = world.hub.app.faults.report()
        world.hub.app.faults.clear()
        figures.runs = len(traces.work_runs(world))
        figures.wrong += traces.of_the_world(world, tasks, figures.attempts)
        url = world.hub.url
    figures.wrong += traces.of_the_machine(root, url)
    figures.seconds = time.monotonic() - began
    return figures


def _until_merged(
    world: Played, runners: ThreadPoolExecutor, figures: Figures, tell: Callable[[str], None]
) -> None:
    """Passes one after the other; runners, CI and a maintainer do their part meanwhile."""
    playing: dict[tuple[int, int], Future[None]] = {}
    done = 0
    while traces.unfinished(world):
        for run in world.open_runs():
            key = (run.id, run.run_attempt)
            if key not in playing:
                playing[key] = runners.submit(world.play, run)
        figures.passes += 1
        planned = world.reconcile()
        figures.unfinished += planned is None or world.last_code != 0
        world.pass_time(minutes=2)
        for pull in list(world.repo.pulls.values()):
            _see_to(world, pull)
        figures.asked += _answer(world)
        if done != (done := traces.merged(world)):
            tell(f"{done} of {figures.tasks} merged after {figures.passes} passes")
        if figures.passes > 100 + 20 * figures.tasks:
            raise AssertionError(f"it does not come to its end: {traces.unfinished(world)}")
    for future in playing.values():
        future.result()


# ---- the people, who try again when GitHub fails -------------------------------------------


def _see_to(world: Played, pull: PullRequest) -> None:
    """CI likes every head; the maintainer merges what is green and waits for a review."""
    if pull.merged:
        return
    heads = {status.sha for status in world.repo.statuses}
    if pull.head_sha not in heads:
        _try(world, "POST", f"statuses/{pull.head_sha}", state="success", context="ci/outside")
    elif pull.requested_reviewers:
        _try(world, "PUT", f"pulls/{pull.number}/merge", sha=pull.head_sha)


def _answer(world: Played) -> int:
    """Who is asked says `/ao retry`, once for each time."""
    count = 0
    for number, issue in list(world.repo.issues.items()):
        said = [
            c.user == BOT for c in issue.comments if c.body.startswith(("/ao", "<!-- ao:reply"))
        ]
        if "ao:needs-human" in issue.labels and (not said or said[-1]):
            count += _try(world, "POST", f"issues/{number}/comments", body="/ao retry")
    return count


def _try(world: Played, verb: str, path: str, **body: str) -> bool:
    try:
        world.call(verb, path, **body)
    except httpx.HTTPError:
        return False  # the next look sees whether it happened
    return True
