"""Whole histories, played in memory and on the local GitHub beside it: see `replay.py`.

What nothing outside can do there is not replayed. An answer that shows what was true some seconds
ago is not asked for; a request, push or dispatch that gets lost is not made. Downloads of logs and
hand-offs are not compared. Runners and CI are played from inside, numbers of issues are given, and
an administrator merges whatever the branch's rules say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from tests.sim import answers, humans
from tests.sim.__main__ import play
from tests.sim.replay import Replayed
from tests.sim.schedule import Schedule
from tests.sim.twin import Different
from tests.sim.world import Issue, World

AMONG = range(200)


def replayed(seed: int, place: Path) -> Replayed:
    schedule = Replayed(seed, place / str(seed))
    schedule.run()
    return schedule


def all_replayed(seeds: Iterable[int], place: Path) -> None:
    for seed in seeds:
        assert replayed(seed, place).trace == play(seed).trace


def having(act: str) -> Iterator[int]:
    """Seeds in whose histories somebody does this."""
    return (seed for seed in count() if play(seed).human_acts[act])


def sample() -> dict[int, set[str]]:
    """The fewest seeds, nearly, that have all which happens in many, and what each of them has."""
    kinds = {seed: _kinds(play(seed)) for seed in AMONG}
    left = set[str]().union(*kinds.values())
    chosen: dict[int, set[str]] = {}
    while left:
        best = max(kinds, key=lambda seed: len(kinds[seed] & left))
        chosen[best] = kinds[best]
        left -= kinds[best]
    return chosen


def _kinds(done: Schedule) -> set[str]:
    passes = "one pass at a time" if done.serial else "two passes at once"
    return {*done.human_acts, *done.faults, passes}


def test_a_history_is_the_same_on_the_local_github(tmp_path: Path) -> None:
    seed = next(having("merge_pull"))
    done = replayed(seed, tmp_path)
    assert done.violations == []
    assert done.trace == play(seed).trace
    assert done.compared > 20


@pytest.mark.extra
def test_histories_with_all_that_happens_are_the_same(tmp_path: Path) -> None:
    chosen = sample()
    happened = set[str]().union(*chosen.values())
    assert happened >= {act.__name__ for _, act in humans.TABLE}
    assert happened >= {"one pass at a time", "two passes at once", "dies (publish)"}
    assert len(happened) > 50
    all_replayed(chosen, tmp_path)


# ---- a replay that cannot fail is no proof -------------------------------------------------


def no_follower(plant: pytest.MonkeyPatch) -> None:
    """A pull request stays where it was when its branch moves."""
    plant.setattr(World, "_follow", lambda *_: None)


def open_after_merge(plant: pytest.MonkeyPatch) -> None:
    """A merge does not close the issue."""
    put = World.put

    def other(world: World, thing: Any) -> None:
        pulls = world.state.pulls.values()
        merged = {pull.issue for pull in pulls if pull.state == "MERGED"}
        if not (isinstance(thing, Issue) and not thing.is_open and thing.number in merged):
            put(world, thing)

    plant.setattr(World, "put", other)


def undecided(plant: pytest.MonkeyPatch) -> None:
    """What reviewers say decides nothing."""
    plant.setattr(answers, "_decision", lambda _pull: "REVIEW_REQUIRED")


@pytest.mark.parametrize(
    ("wrong", "act"),
    [
        (open_after_merge, "merge_pull"),
        pytest.param(no_follower, "push", marks=pytest.mark.extra),
        pytest.param(undecided, "review", marks=pytest.mark.extra),
    ],
)
def test_a_wrong_rule_is_seen(
    wrong: Callable[[pytest.MonkeyPatch], None],
    act: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = list(islice(having(act), 8))
    wrong(monkeypatch)
    with pytest.raises(Different, match="local GitHub"):
        all_replayed(seeds, tmp_path)
