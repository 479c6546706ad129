"""Processes that race for the tasks of one ledger: `python -m tests.ledger_racers HUB WORK COUNT`.

Each is a process of its own with its own clone, like the runners of a repository; they are
forked because 64 interpreters take longer to start than to race. What each has won it writes
to a file, to be compared with what the ledger says.
"""

from __future__ import annotations

import os
import random
import select
import sys
import time
import traceback
from pathlib import Path

from ao_actions.core import actions
from ao_actions.core.model import Book
from ao_actions.core.policy import Policy
from ao_actions.errors import LedgerError
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger, Tip, Written
from tests.builders import NOW, a_record, to_claim, to_finish, to_release

POLICY = Policy(max_parallel=8)
# All racers share the few cores of one machine. Were they as eager as real runners, each look
# would be out of date: so they claim a few tasks at once, and look again less and less often.
FEWEST, MOST = 2, 5  # tasks at once
LONGEST = 30.0  # seconds between two looks


def seed(ledger: Ledger, tasks: int) -> None:
    """A ledger with this many unclaimed tasks."""
    records = {n: a_record(issue=n, epoch=0, branch=f"ao/{n}") for n in range(1, tasks + 1)}
    draft = ledger.draft(ledger.read(), Book(tasks=records), ["the queue"], at=NOW)
    assert ledger.push(draft)


def waiting(tip: Tip) -> list[int]:
    return sorted(n for n, record in tip.book.tasks.items() if record.claim is None)


class Racer:
    """Claims tasks, ends those claims, claims the next, until no task waits."""

    def __init__(self, number: int, hub: str, work: Path, bell: tuple[int, int]) -> None:
        self.bell, self.heard = bell, False
        self.random = random.Random(number)
        git = Git.scratch(work / f"racer{number}.git", Remote(hub))
        self.ledger = Ledger(git, jitter=self.random.random, pause=lambda s: time.sleep(s * 2))
        self.won = work / f"won{number}.txt"
        self.held: list[tuple[int, int]] = []

    def race(self) -> None:
        idle = 1.0
        while True:
            try:
                written = self.ledger.transact(self.propose, POLICY, clock=lambda: NOW)
            except LedgerError:
                continue  # others were faster, twelve times in a row
            if written.plan:
                self.remember(written)
                idle = 1.0 if self.held else LONGEST  # let others have a turn
            elif waiting(written.tip):
                self.wait(self.random.random() * idle)
                idle = min(idle * 2, LONGEST)
            else:
                # who holds a task ends it, and who gives one back takes it up again
                os.write(self.bell[1], b"!")
                return

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until somebody finds that no task waits."""
        ears = [] if self.heard else [self.bell[0]]
        self.heard = bool(select.select(ears, [], [], seconds)[0]) or self.heard

    def propose(self, tip: Tip) -> tuple[actions.Transition, ...]:
        """End what is held, then claim some of the first that wait, if there are slots."""
        plan: list[actions.Transition] = []
        for issue, epoch in self.held:
            again = not tip.book.tasks[issue].attempts and self.random.random() < 0.1
            plan.append(to_release(issue, epoch) if again else to_finish(issue))
        if self.held and self.random.random() < 0.4:
            return tuple(plan)
        free = POLICY.max_parallel - tip.book.live_claims() + len(self.held)
        count = min(free, self.random.randint(FEWEST, MOST), len(waiting(tip)))
        found = self.random.sample(waiting(tip)[: 2 * MOST], count)
        epoch = tip.book.fleet.epoch
        plan += [to_claim(issue, epoch + n) for n, issue in enumerate(found, start=1)]
        return tuple(plan)

    def remember(self, written: Written) -> None:
        claims = [step for step in written.plan if isinstance(step, actions.Claim)]
        self.held = [(claim.issue, claim.epoch) for claim in claims]
        with self.won.open("a") as file:
            file.writelines(f"{issue} {epoch}\n" for issue, epoch in self.held)


def main(hub: str, work: Path, count: int) -> int:
    """Run all racers; the number of those that failed."""
    bell = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Racer(number, hub, work, bell).race()
                code = 0
            except BaseException:  # noqa: BLE001 - a child must not go on as its parent
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return sum(code != 0 for code in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
