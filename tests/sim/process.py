"""A program in the world: a pass, an agent's job, a publish job. It stops before each call to
GitHub or git and goes on when the scheduler says so; killed, it does nothing more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from ao_actions.errors import AoError
from tests.sim.world import State

if TYPE_CHECKING:
    from tests.sim.schedule import Schedule

STEP = timedelta(seconds=1)  # that a call takes


class Killed(BaseException):
    """The machine is gone: not even `finally` has an effect on the world."""


class Process:
    """`saw`: what its last sweep showed, and when; `details` and `looked`: what its last
    look at details, and its last single ones, showed; `shortsighted`: a sweep showed old things.
    `unsure`: writes whose answer it did not get, and has not looked for."""

    def __init__(
        self, schedule: Schedule, name: str, body: Callable[[Process], Any], *, run_id: int = 0
    ) -> None:
        self.schedule = schedule
        self.name = name
        self.kind = name.split(maxsplit=1)[0]
        self.began = schedule.steps
        self.run_id = run_id
        self.issue = 0
        self.epoch = 0
        self.dead = False
        self.done = False
        self.zombie = False
        self.failed = False
        self.ready_at = schedule.world.now
        self.saw: State | None = None
        self.saw_at = schedule.world.now
        self.details: list[State] = []
        self.shortsighted = False
        self.looked: dict[str, State] = {}
        self.unsure: set[str] = set()
        self.body = body
        self.greenlet = greenlet(self._main)

    def _main(self) -> None:
        try:
            self.body(self)
        except Killed:
            pass
        except AoError as error:
            self.failed = True
            self.schedule.note(f"{self.name} failed: {error}")
        except Exception as error:  # noqa: BLE001 - whatever else it is, the product must not raise it
            self.failed = True
            self.schedule.violated(f"{self.name} crashed: {type(error).__name__}: {error}")
            self.schedule.crash = error
        self.done = True

    def go_on(self) -> None:
        self.greenlet.switch()

    def step(self, what: str) -> None:
        """Wait for one's turn; what is called next happens in it."""
        if self.dead:
            raise Killed
        self.greenlet.parent.switch()
        if self.dead:
            raise Killed
        self.schedule.world.advance(STEP)
        self.schedule.note(f"{self.name}: {what}")

    def rest(self, seconds: float) -> None:
        self.ready_at = self.schedule.world.now + timedelta(seconds=int(seconds))
        self.step("goes on")

    def kill(self) -> None:
        """It does nothing more from now on; `bury` unwinds it, from the scheduler's side."""
        self.dead = self.done = True

    def bury(self) -> None:
        if self.greenlet:
            self.greenlet.throw(Killed)
