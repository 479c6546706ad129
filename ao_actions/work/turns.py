"""An attempt's turns: the agent, the verify commands, and the agent again for what they find.

A session is resumed where there is one; an agent that does not take it begins anew, with a note
of what was tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ao_actions import tainted
from ao_actions.agents import Agent, Assignment, Program, Result, run
from ao_actions.agents import Outcome as Said
from ao_actions.agents.runtimes import Runtime
from ao_actions.work import brief, verify
from ao_actions.work.handoff import Verification

MENDS = 2  # times that the agent may mend what the verify commands find


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What the turns need. `told`: the brief; `note`: what an agent without a session is told of
    earlier attempts ("" if there were none)."""

    agent: Agent
    assignment: Assignment
    program: Program
    runtime: Runtime
    told: str
    note: str
    commands: tuple[str, ...]
    now: Callable[[], datetime]
    say: Callable[[str], None]

    def play(self) -> tuple[Result, tuple[Verification, ...]]:
        """The last turn's result, with the usage of all, and what was verified at the end."""
        deadline = time.monotonic() + self.assignment.seconds
        result = self._begin(deadline)
        for mend in range(MENDS + 1):
            if result.outcome is not Said.DONE:
                return result, ()
            verified, failure = verify.run(
                self.commands,
                self.assignment,
                seconds=deadline - time.monotonic(),
                runtime=self.runtime,
            )
            if not failure or mend == MENDS or time.monotonic() >= deadline:
                return result, verified
            self.say("the verify commands fail: the agent gets their output")
            result = self._mend(result, failure, deadline)
        raise AssertionError("the last mend returns")  # pragma: no cover

    def _begin(self, deadline: float) -> Result:
        session = self.assignment.session
        if session is not None:
            self.say("the session of the last attempt goes on")
            result = self._turn(self.told + brief.RESUMED, session, deadline)
            if not result.session_refused:
                return result
            self.say(f"{self.agent.name} does not take the session: it begins a new one")
        told = self.told + (brief.handed_over(self.note) if self.note else "")
        return self._turn(told, None, deadline)

    def _mend(self, last: Result, failure: str, deadline: float) -> Result:
        """One more turn: in the same session, or with the whole brief in a new one."""
        told = brief.mend(failure)
        session = last.session if self.agent.sessions else None
        result = self._turn(told if session else self.told + told, session, deadline)
        if result.session_refused:
            result = self._turn(self.told + told, None, deadline)
        return _added(last, result)

    def _turn(self, told: str, session: str | None, deadline: float) -> Result:
        tainted.write(self.assignment.brief, told.encode())
        seconds = max(1, int(deadline - time.monotonic()))
        assignment = replace(self.assignment, seconds=seconds, session=session)
        return run(
            self.agent, assignment, now=self.now(), program=self.program, runtime=self.runtime
        )


def _added(first: Result, second: Result) -> Result:
    """The second result, with the money of both where each is known."""
    usd = (first.usage.usd, second.usage.usd)
    known = [amount for amount in usd if amount is not None]
    return replace(second, usage=replace(second.usage, usd=sum(known) if known else None))
