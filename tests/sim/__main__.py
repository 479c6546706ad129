"""`python -m tests.sim --schedules N --seed S [--jobs J] [--trace]`: schedules, and what came of
them. The seeds are S, S + 1, ...; one that breaks a law is printed step by step, and is replayed by
`--seed IT --schedules 1 --trace`."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.sim.schedule import Schedule

MEMORY = "/dev/shm"  # noqa: S108 - where directories are made that hold no secret


@dataclass
class Tally:
    """What came of some schedules; `broken`: seeds with the laws that they broke."""

    schedules: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.steps += other.steps
        self.faults += other.faults
        self.acts += other.acts
        self.broken |= other.broken


def play(seed: int) -> Schedule:
    schedule = Schedule(Random(seed))
    schedule.run()
    return schedule


def tally(seeds: range) -> Tally:
    total = Tally()
    with _collected_after():
        for seed in seeds:
            done = play(seed)
            broken = {seed: done.violations} if done.violations else {}
            total.add(Tally(1, done.steps, done.faults, done.human_acts, broken))
            vars(done).clear()  # its parts know it: so nobody has to look for that cycle
    return total


@contextmanager
def _collected_after() -> Iterator[None]:
    """What a schedule leaves in cycles is 100 kB: looking for them meanwhile costs more."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run(first: int, count: int, jobs: int) -> Tally:
    size = max(1, min(200, count // jobs))
    parts = [range(at, min(at + size, first + count)) for at in range(first, first + count, size)]
    total = Tally()
    if jobs == 1:
        for part in parts:
            total.add(tally(part))
        return total
    with ProcessPoolExecutor(jobs) as pool:
        for done in pool.map(tally, parts):
            total.add(done)
    return total


def told(schedule: Schedule) -> str:
    return "\n".join(f"{at:4} {line}" for at, line in enumerate(schedule.trace, start=1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print every step")
    given = parser.parse_args()
    began = time.monotonic()
    if given.trace:
        for seed in range(given.seed, given.seed + given.schedules):
            print(told(play(seed)))
        return 0
    total = run(given.seed, given.schedules, given.jobs)
    took = time.monotonic() - began
    print(f"schedules: {total.schedules}, steps: {total.steps}, {took:.0f} s")
    for name, kinds in (("faults", total.faults), ("human acts", total.acts)):
        print(f"{name}: {kinds.total()}")
        for kind, count in kinds.most_common():
            print(f"  {kind}: {count}")
    for seed in list(total.broken)[:1]:
        print(told(play(seed)))
    for seed, laws in list(total.broken.items())[:50]:
        print(f"seed {seed}: {laws[0]}")
    print(f"violations: {len(total.broken)}")
    return 1 if total.broken else 0


if __name__ == "__main__":
    tempfile.tempdir = MEMORY if Path(MEMORY).is_dir() else None
    gc.freeze()  # the program itself
    sys.exit(main())
