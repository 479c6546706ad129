"""Every effect of a task's life: the program is killed before, during and after it, and the world
comes to the same end (design 3, I7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.effects import ACTIONS, ARTIFACT, EFFECTS, SITES, writers
from tests.crash.life import Stage, crashed, crashed_at_upload, live
from tests.crash.lives import LIVES
from tests.crash.scythe import When

TEMPLATES = Path(__file__).parents[2] / "templates" / "workflows"
Stages = dict[str, Stage]


class Point(NamedTuple):
    """A write, by its number in its stage."""

    stage: str
    at: int


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    root = tmp_path_factory.mktemp("crash")
    return {
        name: stage
        for number, life in enumerate(LIVES.values())
        for name, stage in live(root / str(number), life).items()
    }


def points(stages: Stages, effect: str) -> list[Point]:
    """Where the effect is; first the point that costs least to go on from."""
    found = [
        Point(name, at)
        for name, stage in stages.items()
        for at, write in enumerate(stage.writes)
        if effect in write
    ]
    return sorted(found, key=lambda point: (stages[point.stage].programs, -point.at))


def chosen(stages: Stages, effect: str, when: When) -> list[Point]:
    """The first in each way; each other once, during or after it, so that between any two writes
    there is a crash (for a push with several names under its first)."""
    first, *others = points(stages, effect)
    rest = [point for point in others if stages[point.stage].writes[point.at][0] == effect]
    late = [When.DURING, When.AFTER]
    return [first, *(rest[late.index(when) :: 2] if when in late else ())]


# ---- the table is complete -----------------------------------------------------------------


def test_every_function_that_writes_to_github_is_in_the_table() -> None:
    assert writers() == set(SITES)


def test_every_action_is_in_the_table() -> None:
    named = {effect.replace(",", "").split()[0] for effect in EFFECTS}
    assert named >= ACTIONS


def test_the_workflows_upload_one_artifact() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.j2")]
    assert sum(text.count("pins.upload_artifact") for text in texts) == 1


@pytest.mark.extra
def test_every_effect_of_the_table_is_in_a_life(stages: Stages) -> None:
    assert {name for stage in stages.values() for write in stage.writes for name in write} == set(
        EFFECTS
    )
    assert stages["merged"].end["open runs"] == 0
    assert stages["stopped"].end["open runs"] == 0


# ---- the crashes ---------------------------------------------------------------------------

Note = Callable[[str, object], None]


@pytest.mark.extra
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("effect", EFFECTS)
def test_killed_at(
    stages: Stages, tmp_path: Path, record_property: Note, effect: str, when: When
) -> None:
    found = chosen(stages, effect, when)
    record_property("crash", (effect, str(when), [point.stage for point in found]))
    for name, at in found:
        end, struck = crashed(stages[name], tmp_path / "world", at, when)
        assert struck or when is When.AFTER, f"{name}, write {at}: nobody was killed"
        assert end == stages[name].end, f"{name}, write {at} {stages[name].writes[at]}, {when}"


@pytest.mark.extra
@pytest.mark.parametrize("when", When)
def test_dead_at_the_upload(
    stages: Stages, tmp_path: Path, record_property: Note, when: When
) -> None:
    record_property("crash", (ARTIFACT, str(when), ["mended"]))
    assert crashed_at_upload(stages["mended"], tmp_path / "world", when) == stages["mended"].end
