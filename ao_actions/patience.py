"""How long we wait for GitHub: pauses that grow, with jitter, within one budget of time.

One `Patience` belongs to one connection and so to one pass or job: a GitHub that is down, or
that tells us to slow down, costs it so many seconds in all and not so many per request.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

TRIES = 5  # of one read
BUDGET = 180.0  # seconds
LONGEST = 20.0  # seconds, one pause between tries


@dataclass(slots=True)
class Patience:
    """`left` seconds may still be waited. `pause` and `jitter` (0 to 1) are given by tests."""

    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    left: float = BUDGET

    def wait(self, seconds: float) -> bool:
        """Wait; False, without waiting, where that is more than is left."""
        if seconds > self.left:
            return False
        self.left -= seconds
        self.pause(seconds)
        return True

    def before_try(self, turn: int) -> bool:
        """The pause before try `turn` (the first is 0); False: it is not to be tried again."""
        return turn < TRIES and self.wait(min(LONGEST, (0.5 + self.jitter()) * 2 ** (turn - 1)))
