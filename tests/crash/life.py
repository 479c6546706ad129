"""A task's life in stages: what the people do, and then runners and passes until all is still."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.localgithub.model import PullRequest, WorkflowRun
from ao_actions.localgithub.world import Clock
from tests.crash.picture import picture
from tests.crash.scythe import Scythe, When
from tests.integration.conftest import zipped
from tests.played.github import Played, found, opened

CONFIG = "max_parallel: 2\n"
# One more line each time, and a reply where there is a thread.
AGENT = """\
echo "line $(cat work.txt 2>/dev/null | wc -l)" >> work.txt
if grep -q '### T1 at' "$AO_BRIEF"; then
  echo '{"replies": [{"thread": "T1", "body": "It has one now."}]}' > "$AO_RESULT"
fi
"""
MOST = 20  # rounds until all is still


def labels(world: Played) -> None:
    body = "Please add work.txt with numbered lines."
    number = world.call("POST", "issues", title="Number the lines", body=body)["number"]
    world.call("POST", f"issues/{number}/labels", labels=["ao:ready"])


def dies(world: Played) -> None:
    """The first run's machine dies between its two jobs: the hand-off is there."""
    (run,) = world.open_runs()
    die_at_upload(world, run, When.AFTER)


def goes_on(_world: Played) -> None:
    """Nobody does anything: the runners work on."""


def fails(world: Played) -> None:
    _status(world, "failure")


def passes(world: Played) -> None:
    _status(world, "success")


def asks(world: Played) -> None:
    """A review with a thread, and a command; after a while, for a review may go on."""
    pull = _pull(world)
    comment = {"path": "work.txt", "line": 1, "side": "RIGHT", "body": "Its line is missing."}
    world.call(
        "POST",
        f"pulls/{pull.number}/reviews",
        event="REQUEST_CHANGES",
        commit_id=pull.head_sha,
        comments=[comment],
    )
    world.call("POST", f"issues/{pull.number}/comments", body="/ao why")
    world.pass_time(minutes=3)


def merges(world: Played) -> None:
    _status(world, "success")
    pull = _pull(world)
    world.call("POST", f"pulls/{pull.number}/reviews", event="APPROVE", commit_id=pull.head_sha)
    world.call("PUT", f"pulls/{pull.number}/merge", sha=pull.head_sha)


# What the people do, and whether there are runners: without them all is still when the run is
# dispatched, and the next stage begins there.
STAGES: dict[str, tuple[Callable[[Played], None], bool]] = {
    "claimed": (labels, False),
    "salvaged": (dies, True),
    "red": (fails, False),
    "mended": (goes_on, True),
    "green": (passes, True),
    "reviewed": (asks, False),
    "answered": (goes_on, True),
    "merged": (merges, True),
}


def _pull(world: Played) -> PullRequest:
    (pull,) = world.repo.pulls.values()
    return pull


def _status(world: Played, state: str) -> None:
    context = "ci/outside"
    world.call("POST", f"statuses/{_pull(world).head_sha}", state=state, context=context)


def die_at_upload(world: Played, run: WorkflowRun, when: When) -> None:
    """The machine dies when the agent job uploads its hand-off."""
    folder = world.work(run)
    assert folder is not None
    if when is When.DURING:  # what is not complete, GitHub does not show
        (world.hub.world.root / "artifacts" / "broken.zip").write_bytes(zipped(folder)[:100])
    if when is When.AFTER:
        world.upload(run, folder)
    world.end(run, "failure")


def settle(world: Played, scythe: Scythe, *, runners: bool) -> None:
    """Runners, CI and passes do their part until a pass finds nothing to do."""
    for _ in range(MOST):
        runs = world.open_runs() if runners else []
        for run in runs:
            world.play(run)
            scythe.over()
        for pull in world.repo.pulls.values():
            if not any(s.sha == pull.head_sha for s in world.repo.statuses) and not pull.merged:
                _status(world, "pending")
        planned = world.reconcile()
        scythe.over()
        world.pass_time(minutes=6)
        if not runs and planned == 0:
            return
    raise AssertionError("it never comes to rest")


# ---- the uncrashed life, and lives that go on from one of its stages -----------------------


@dataclass(slots=True)
class Stage:
    """One stage as it went: `start` is the world after the people's part, at `seconds` of the
    clock, `writes` what our programs wrote, and `end` the world's picture afterwards."""

    start: Path
    seconds: float
    runners: bool
    writes: list[str]
    end: dict[str, object] = field(repr=False)


class Counted(Clock):
    """A clock that knows how far it was moved."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = 0.0
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        super().advance(seconds)


def live(root: Path) -> dict[str, Stage]:
    """The whole life, uncrashed, and a copy of the world at each stage's begin."""
    home = root / "life"
    home.mkdir(parents=True)
    found(home, CONFIG, AGENT)
    clock, stages = Counted(), {}
    for name, (people, runners) in STAGES.items():
        with opened(home, clock) as world:
            people(world)
            world.hub.world.drain()
        start = root / name.replace(" ", "-")
        shutil.copytree(home, start)
        seconds = clock.seconds
        with opened(home, clock) as world:
            scythe = Scythe(world)
            settle(world, scythe, runners=runners)
            stages[name] = Stage(start, seconds, runners, scythe.writes, picture(world))
    return stages


@contextmanager
def from_stage(stage: Stage, place: Path) -> Iterator[Played]:
    """A world of its own that begins where the stage did."""
    shutil.copytree(stage.start, place)
    with opened(place, Counted(stage.seconds)) as world:
        yield world
    shutil.rmtree(place)


def crashed(stage: Stage, place: Path, at: int, when: When) -> tuple[dict[str, object], bool]:
    """The picture after a life in which the program was killed at write `at` of the stage, and
    whether it was."""
    with from_stage(stage, place) as world:
        scythe = Scythe(world, at, when)
        settle(world, scythe, runners=stage.runners)
        return picture(world), scythe.struck


def crashed_at_upload(stage: Stage, place: Path, when: When) -> dict[str, object]:
    """The picture after a life in which the runner died at the hand-off's upload."""
    with from_stage(stage, place) as world:
        (run,) = world.open_runs()
        die_at_upload(world, run, when)
        settle(world, Scythe(world), runners=True)
        return picture(world)
