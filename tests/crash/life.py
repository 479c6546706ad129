"""A life that is played in stages: what the people do, and then the factory until all is still."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.localgithub.model import WorkflowRun
from ao_actions.localgithub.world import Clock
from tests.crash.picture import picture
from tests.crash.scythe import Scythe, When
from tests.integration.conftest import zipped
from tests.played.github import Played, found, opened

MOST = 20  # rounds until all is still

# Minutes that pass, and whether there are runners then: until all is still, one after the other.
Turns = tuple[tuple[int, bool], ...]
ALONE: Turns = ((0, False),)  # a run that is dispatched waits for the next stage
WITH_RUNNERS: Turns = ((0, True),)
RUNNERS_LATER: Turns = ((0, False), (10, True))


@dataclass(frozen=True, slots=True)
class Chapter:
    """A stage as it is planned. `commands` are given by a person, again if they are killed;
    `minutes` lie between two passes (6: a dispatch that is not seen by then is made again)."""

    people: Callable[[Played], None]
    turns: Turns = ALONE
    minutes: int = 6
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """`ci` does what CI does between two looks; `files` are those of the repository."""

    config: str
    agent: str
    ci: Callable[[Played], None]
    chapters: Mapping[str, Chapter]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Stage:
    """One stage as it went: `start` is the world after the people's part, at `seconds` of the
    clock, `writes` the effects that our programs had, and `end` the world's picture afterwards.
    `programs`: how many were started, which is what it costs to go through it."""

    life: Life
    chapter: Chapter
    start: Path
    seconds: float
    writes: list[tuple[str, ...]]
    end: dict[str, object] = field(repr=False)
    programs: int


def settle(world: Played, scythe: Scythe, life: Life, chapter: Chapter) -> None:
    """The commands; then runners, CI and passes do their part until a pass finds nothing to do."""
    for command in chapter.commands:
        while (code := world.start(*command).wait()) < 0:
            scythe.over()
        scythe.over()
        assert code == 0, f"{command}: exit code {code}"
    for minutes, runners in chapter.turns:
        world.pass_time(minutes=minutes)
        _until_still(world, scythe, life, minutes=chapter.minutes, runners=runners)


def _until_still(world: Played, scythe: Scythe, life: Life, *, minutes: int, runners: bool) -> None:
    for _ in range(MOST):
        runs = world.open_runs() if runners else []
        for run in runs:
            world.play(run)
            scythe.over()
        life.ci(world)
        planned = world.reconcile()
        scythe.over()
        world.pass_time(minutes=minutes)
        if not runs and planned == 0:
            return
    raise AssertionError("it never comes to rest")


def die_at_upload(world: Played, run: WorkflowRun, when: When) -> None:
    """The machine dies when the agent job uploads its hand-off."""
    folder = world.work(run)
    assert folder is not None
    if when is When.DURING:  # what is not complete, GitHub does not show
        (world.hub.world.root / "artifacts" / "broken.zip").write_bytes(zipped(folder)[:100])
    if when is When.AFTER:
        world.upload(run, folder)
    world.end(run, "failure")


# ---- the uncrashed life, and lives that go on from one of its stages -----------------------


class Counted(Clock):
    """A clock that knows how far it was moved."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = 0.0
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        super().advance(seconds)


def live(root: Path, life: Life) -> dict[str, Stage]:
    """The whole life, uncrashed, and a copy of the world at each stage's begin."""
    home = root / "life"
    home.mkdir(parents=True)
    found(home, life.config, life.agent, life.files)
    clock, stages = Counted(), {}
    for name, chapter in life.chapters.items():
        with opened(home, clock) as world:
            chapter.people(world)
            world.hub.world.drain()
        start = root / name.replace(" ", "-")
        shutil.copytree(home, start, ignore=shutil.ignore_patterns("work", "tmp", "logs"))
        seconds = clock.seconds
        with opened(home, clock) as world:
            scythe = Scythe(world)
            settle(world, scythe, life, chapter)
            stages[name] = Stage(
                life, chapter, start, seconds, scythe.writes, picture(world), world.started
            )
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
        settle(world, scythe, stage.life, stage.chapter)
        return picture(world), scythe.struck


def crashed_at_upload(stage: Stage, place: Path, when: When) -> dict[str, object]:
    """The picture after a life in which the runner died at the hand-off's upload."""
    with from_stage(stage, place) as world:
        (run,) = world.open_runs()
        die_at_upload(world, run, when)
        settle(world, Scythe(world), stage.life, stage.chapter)
        return picture(world)
