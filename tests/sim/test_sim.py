"""The factory in simulated worlds: hundreds of schedules in every run, 20,000 in CI's `extra`.

A seed that fails is printed; `python -m tests.sim --seed IT --schedules 1 --trace` shows what
happened, step by step.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.__main__ import play, tally, told
from tests.sim.schedule import Schedule

ROOT = Path(__file__).parents[2]
FEW, MANY, CHUNK = 200, 20_000, 500


def test_no_schedule_breaks_a_law() -> None:
    done = tally(range(FEW))
    assert done.broken == {}
    assert done.schedules == FEW
    assert done.steps > 100 * FEW
    assert len(done.faults) > 15
    assert len(done.acts) > 20


@pytest.mark.extra
@pytest.mark.parametrize("first", range(FEW, FEW + MANY, CHUNK))
def test_no_schedule_of_many_breaks_a_law(first: int) -> None:
    assert tally(range(first, first + CHUNK)).broken == {}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_hypothesis_finds_no_schedule_that_breaks_a_law(source: Random) -> None:
    """Where it finds one, it makes it as small as it can."""
    schedule = Schedule(source, length=60)
    schedule.run()
    assert schedule.violations == [], told(schedule)


def test_a_seed_replays_exactly_whatever_the_order_of_sets() -> None:
    def replayed(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.sim", "--seed", "7", "--schedules", "3", "--trace"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    first, second = replayed("1"), replayed("2")
    assert first == second
    assert first == "".join(f"{told(play(seed))}\n" for seed in (7, 8, 9))
    assert "git push refs/ao/ledger" in first
