"""One pass: observe, decide, act. The only place where the three meet (design 2.1).

Whatever woke it (an event, the schedule, a person), it looks at the whole repository and does
what follows from what it sees. A pass may die at any instruction: the next one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from ao_actions.core import actions, feedback, runs
from ao_actions.core.decide import decide
from ao_actions.core.lookup import unknowns
from ao_actions.core.observed import Snapshot
from ao_actions.core.policy import Policy
from ao_actions.core.tasks import tasks
from ao_actions.errors import AoError, ForgeError, GitError, RateLimitError, StuckError
from ao_actions.forge import act, observe
from ao_actions.forge.client import Client
from ao_actions.ledger import Ledger, Tip

ROUNDS = 20  # of looking things up; each round makes fewer things unknown
LOOKS = 2  # more, by a pass that waits for something to settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action of a pass and what came of it: planned, written, created, updated, ..., failed,
    or left: GitHub's rate limit came first. `again`: it may succeed in a minute."""

    action: actions.Action
    result: str
    url: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass saw and did. `snapshot` has the ledger as the pass left it; `failures` are
    effects that GitHub refused, `left` those that its rate limit leaves to the next pass."""

    snapshot: Snapshot
    steps: tuple[Step, ...]
    failures: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def raise_if_unfinished(self) -> None:
        """:raises RateLimitError: something is left; :raises StuckError: something failed"""
        if self.left:
            raise RateLimitError("\n".join(["left for the next pass:", *self.left, *self.failures]))
        if self.failures:
            raise StuckError("\n".join(self.failures))


@dataclass(slots=True)
class Undone:
    """Effects of a pass that were not performed, each with the reason."""

    failures: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Everything a pass needs; `say` gets a line for each thing done."""

    client: Client
    ledger: Ledger
    policy: Policy
    say: Callable[[str], None]

    def observe(self, tip: Tip) -> Snapshot:
        """All that a decision needs, for the ledger as it was read.

        :raises ForgeError: GitHub did not answer, so nothing can be decided
        """
        snapshot = observe.sweep(self.client, tip.book, self.policy)
        for _ in range(ROUNDS):
            unknown = unknowns(snapshot, self.policy)
            if not unknown:
                break
            known = self.ledger.recall(Tip(tip.oid, snapshot.book), unknown.issues)
            snapshot = replace(snapshot, book=known.book)
            snapshot = observe.learn(self.client, snapshot, unknown, self.policy)
        return snapshot

    @contextmanager
    def explained(self) -> Iterator[None]:
        """When git may not read the repository, the API's answer says why more clearly."""
        try:
            yield
        except GitError:
            self.client.get("")
            raise

    def look(self) -> Snapshot:
        """What a pass would decide from.

        :raises AoError: the ledger, or the repository, cannot be read
        """
        with self.explained():
            tip = self.ledger.read()
        return self.observe(tip)

    def run(self, *, dry: bool = False) -> Pass:
        """One pass; with `dry` it only plans.

        :raises AoError: nothing could be read, or the ledger could not be written
        """
        if dry:
            snapshot = self.look()
            plan = decide(snapshot, self.policy)
            steps = tuple(Step(action=action, result="planned") for action in plan)
            return Pass(snapshot=snapshot, steps=steps)
        seen: list[Snapshot] = []
        done: list[Step] = []
        undone = Undone()

        def propose(tip: Tip) -> tuple[actions.Action, ...]:
            """Decide for this tip. The plan begins with the last words on tasks that end; they
            are said before the push, for a finished task is not looked at again. One whose last
            word could not be said now stays as it is, and the next pass tries again."""
            seen.append(self.observe(tip))
            farewells, rest = _split(decide(seen[-1], self.policy))
            said = [self._perform(action, seen[-1], undone) for action in farewells]
            done.extend(said)
            unsaid = {step.action.issue for step in said if step.again}
            if unsaid:
                _, rest = _split(decide(_without(seen[-1], unsaid), self.policy))
            return rest

        with self.explained():
            written = self.ledger.transact(propose, self.policy, clock=self.client.now)
        for action in written.plan:
            if isinstance(action, actions.Transition):
                self.say(f"{actions.describe(action)} ({action.because})")
                done.append(Step(action=action, result="written"))
            else:
                done.append(self._perform(action, seen[-1], undone))
        after = replace(seen[-1], book=written.tip.book)
        failures, left = tuple(undone.failures), tuple(undone.left)
        return Pass(snapshot=after, steps=tuple(done), failures=failures, left=left)

    def run_settled(self, wait: Callable[[float], None]) -> Pass:
        """One pass, and another when what it saw is to be believed: a review that was under way,
        what a run had kept that had just ended.

        Nothing else would wake a pass then; whoever adds to the review meanwhile wakes one.

        :raises AoError: as `run`
        """
        done = self.run()
        for _ in range(LOOKS):
            due, why = min(self._unsettled(done.snapshot), default=(None, ""))
            if due is None or done.left:
                break
            self.say(f"{why}: the next look is at {due:%H:%M:%S} UTC")
            wait((due - done.snapshot.now).total_seconds() + 1)
            again = self.run()
            steps, failures = done.steps + again.steps, done.failures + again.failures
            done = replace(again, steps=steps, failures=failures)
        return done

    def _unsettled(self, snapshot: Snapshot) -> Iterator[tuple[datetime, str]]:
        for task in tasks(snapshot, self.policy):
            if quiet := feedback.settles_at(task, self.policy):
                yield quiet, "a review is under way"
            if listed := runs.listed_at(task, self.policy):
                yield listed, "a run has just ended, and may have left a hand-off"

    def _perform(self, action: actions.Effect, snapshot: Snapshot, undone: Undone) -> Step:
        """One effect; its failure stops no other (the next pass plans it again). After a rate
        limit the client sends nothing more, so each of the others is left without a request."""
        what = actions.describe(action)
        try:
            result = act.perform(self.client, action, snapshot.default_branch)
        except RateLimitError as error:
            undone.left.append(f"{what}: {error}")
            self.say(f"{what}: left for the next pass: {error}")
            return Step(action=action, result="left", again=True)
        except AoError as error:
            undone.failures.append(f"{what}: {error}")
            self.say(f"{what}: FAILED: {error}")
            return Step(action=action, result="failed", again=_may_pass_over(error))
        self.say(f"{what}: {result.what} ({action.because})")
        return Step(action=action, result=result.what, url=result.url)


def _may_pass_over(error: AoError) -> bool:
    """No answer, or an error of GitHub's own: not a refusal."""
    return isinstance(error, ForgeError) and (error.status == 0 or error.status >= 500)


def _without(snapshot: Snapshot, issues: set[int]) -> Snapshot:
    """The snapshot in which nothing is to be done about these tasks; their claims still count."""
    left = {number: issue for number, issue in snapshot.issues.items() if number not in issues}
    return replace(snapshot, issues=left)


def _split(
    plan: tuple[actions.Action, ...],
) -> tuple[tuple[actions.Effect, ...], tuple[actions.Action, ...]]:
    """The effects that stand before the first transition, and the rest of the plan."""
    for index, action in enumerate(plan):
        if isinstance(action, actions.Transition):
            return tuple(a for a in plan[:index] if isinstance(a, actions.Effect)), plan[index:]
    return (), plan
