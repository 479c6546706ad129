"""Where every choice of a schedule comes from: one source of numbers, so that it can be replayed.

Zero is always the tame choice: hypothesis shrinks towards it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")
FINE = 10_000


class Chooser:
    def __init__(self, source: Random) -> None:
        self.below = source.randrange

    def chance(self, probability: float) -> bool:
        if not probability:
            return False
        return self.below(FINE) >= FINE * (1 - probability)

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        left = self.below(sum(weight for weight, _ in items))
        for weight, item in items:
            left -= weight
            if left < 0:
                return item
        raise AssertionError
