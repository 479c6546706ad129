"""Every write in a task's life: the program is killed before, during and after it, and the world
comes to the same end (design 3, I7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.life import STAGES, Stage, crashed, crashed_at_upload, live
from tests.crash.scythe import EFFECTS, When

ARTIFACT = "artifact"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    return live(tmp_path_factory.mktemp("crash"))


def points(life: dict[str, Stage], effect: str) -> list[tuple[str, int]]:
    """Where in the life the effect is written: stage, and the write's number in it. First the one
    that is nearest to its stage's end, which costs least to go on from."""
    found = [
        (name, at)
        for name, stage in life.items()
        for at, write in enumerate(stage.writes)
        if write == effect
    ]
    return sorted(found, key=lambda point: (life[point[0]].runners, len(life[point[0]].writes)))


def survives(life: dict[str, Stage], place: Path, name: str, at: int, when: When) -> None:
    end, struck = crashed(life[name], place, at, when)
    assert struck or when is When.AFTER, f"{name}, write {at}: nobody was killed"
    assert end == life[name].end, f"{name}, write {at} ({life[name].writes[at]}), {when}"


Note = Callable[[str, object], None]


@pytest.mark.extra
def test_the_life_has_every_effect(life: dict[str, Stage]) -> None:
    assert list(life) == list(STAGES)
    assert {write for stage in life.values() for write in stage.writes} == set(EFFECTS)
    assert life["merged"].end["open runs"] == 0


@pytest.mark.extra
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("effect", EFFECTS)
def test_killed_at(
    life: dict[str, Stage], tmp_path: Path, record_property: Note, effect: str, when: When
) -> None:
    record_property("crash", (effect, str(when), 1))
    survives(life, tmp_path / "world", *points(life, effect)[0], when)


@pytest.mark.extra
@pytest.mark.parametrize("when", When)
def test_dead_at_the_upload(
    life: dict[str, Stage], tmp_path: Path, record_property: Note, when: When
) -> None:
    record_property("crash", (ARTIFACT, str(when), 1))
    assert crashed_at_upload(life["mended"], tmp_path / "world", when) == life["mended"].end


@pytest.mark.extra
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("effect", EFFECTS)
def test_killed_at_every(
    life: dict[str, Stage], tmp_path: Path, record_property: Note, effect: str, when: When
) -> None:
    found = points(life, effect)
    record_property("crash", (effect, str(when), len(found)))
    for name, at in found:
        survives(life, tmp_path / "world", name, at, when)
