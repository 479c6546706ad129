"""Tries an agent on this machine: installs it, and lets it work as a job would, without an account.

Each step is a run of the real program in a temporary checkout, with the meter between
it and a scripted model.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ao_actions.agents import Agent, Assignment, Outcome, Program, Result, run
from ao_actions.errors import AgentError
from ao_actions.git import Git
from ao_actions.modelserver import Answer, Edit, Limit, ModelServer, Run, Say, Turn
from ao_actions.setup import scripted
from ao_actions.work import metering

SECONDS = 120  # of one run; the first one of some programs takes ten
RESET = 1800  # seconds until the scripted limit is over
KEY = "a-made-up-key-for-a-scripted-model"
FIRST_WORDS = "Write one.txt and two.txt."
SAID = "I begin with the third one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was tried and what came of it. `works` None: the program has nothing like it."""

    what: str
    works: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`why_not`: why nothing was tried."""

    agent: Agent
    steps: tuple[Step, ...] = ()
    why_not: str = ""

    @property
    def failed(self) -> list[str]:
        return [step.what for step in self.steps if step.works is False]

    def value(self) -> dict[str, Any]:
        return {
            "name": self.agent.name,
            "version": self.agent.version,
            "checked": not self.why_not,
            "why_not": self.why_not or None,
            "works": None if self.why_not else not self.failed,
            "steps": [asdict(step) for step in self.steps],
        }


def check(agent: Agent, say: Callable[[str], None]) -> Trial:
    """Install an agent and try it; `say` hears of each step.

    :raises AoError: it cannot be installed, or the meter cannot be started
    """
    why_not = scripted.unscriptable(agent)
    if why_not:
        return Trial(agent=agent, why_not=why_not)
    steps: list[Step] = []

    def done(step: Step) -> None:
        steps.append(step)
        word = {True: "works", False: "FAILS", None: "has none"}[step.works]
        say(f"{step.what:8} {word}: {step.detail}")

    with tempfile.TemporaryDirectory(prefix="ao-trial-") as folder:
        root = Path(folder)
        given = os.environ.get("AO_AGENTS")
        say(f"installing {agent.name} {agent.version} from {agent.about.source} ...")
        started = time.monotonic()
        program = agent.install(Path(given).absolute() if given else root / "agents")
        done(Step(what="install", works=True, detail=f"{time.monotonic() - started:.0f} s"))
        for step in _Bench(agent=agent, program=program, root=root).steps():
            done(step)
    return Trial(agent=agent, steps=tuple(steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    agent: Agent
    program: Program
    root: Path

    def steps(self) -> Iterable[Step]:
        checkout = self.root / "checkout"
        Git(self.root).run("init", "--quiet", str(checkout))
        work: list[Edit | Run] = [Edit("one.txt", "1\n"), Run("cat one.txt > two.txt")]
        result, _ = self._run(scripted.turns(self.agent, work, "Done."), FIRST_WORDS)
        yield _step("edit", _holds(checkout / "one.txt"), result)
        if self.agent.name in scripted.TOOLLESS:
            yield Step(what="shell", works=None, detail="it has no tool for commands")
        else:
            yield _step("shell", _holds(checkout / "two.txt"), result)
        figures = (result.usage.input_tokens, result.usage.output_tokens)
        counted = f"{figures[0]} tokens in, {figures[1]} out, ${result.usage.usd}"
        yield Step(what="meter", works=bool(figures[0]), detail=counted)
        limited = self._limited()
        until = limited.until.isoformat() if limited.until else "a time that is not told"
        met = limited.outcome is Outcome.LIMITED and limited.proven
        yield Step(what="limit", works=met, detail=f"{limited.outcome}, until {until}")
        yield self._resumed(limited.session)

    def _limited(self) -> Result:
        begun = Answer((Say(SAID), Edit("three.txt", "3\n")))
        # without tools there is one request, so the limit has to be its answer
        before = [] if self.agent.name in scripted.TOOLLESS else [begun]
        limit = Limit("usage", reset=int(time.time()) + RESET)
        return self._run([*before, limit], FIRST_WORDS)[0]

    def _resumed(self, session: str | None) -> Step:
        if not self.agent.sessions:
            return Step(what="resume", works=None, detail="an attempt begins with a note instead")
        script = scripted.turns(self.agent, [], "Done.")
        result, told = self._run(script, "Go on.", session=session)
        # not every agent is told its brief in words
        remembers = session is not None and (FIRST_WORDS in told or SAID in told)
        return _step("resume", remembers, result)

    def _run(
        self, turns: Iterable[Turn], brief: str, *, session: str | None = None
    ) -> tuple[Result, str]:
        """The result, as an attempt would have it, and all that the model was told."""
        with ModelServer(turns, cwd=self.root / "checkout") as server:
            secrets = scripted.handed(self.agent, server.url, KEY)
            model = scripted.model(self.agent, secrets)
            said = metering.start(self.agent, secrets, usd=None, seconds=SECONDS + 60)
            measured = metering.choose(self.agent, {metering.VARIABLE: said})
            try:
                result = measured.judge(self._played(measured, brief, session, model))
            finally:
                measured.close()
        return result, "\n".join(request.text for request in server.asked)

    def _played(
        self, measured: metering.Metering, brief: str, session: str | None, model: str | None
    ) -> Result:
        path = self.root / "brief.md"
        path.write_text(f"{brief}\n", encoding="utf-8")
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        assignment = Assignment(
            checkout=self.root / "checkout",
            brief=path,
            scratch=scratch,
            model=model,
            command=None,
            seconds=SECONDS,
            turns=None,
            max_usd=None,
            endpoint=measured.endpoint,
            session=session,
        )
        return run(self.agent, assignment, now=datetime.now(UTC), program=self.program)


def _holds(file: Path) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == "1\n"


def _step(what: str, works: bool, result: Result) -> Step:  # noqa: FBT001
    return Step(
        what=what,
        works=works and result.outcome is Outcome.DONE,
        detail=f"{result.outcome}: {result.detail}",
    )


def judge(trial: Trial) -> None:
    """:raises AgentError: something does not work"""
    if trial.failed:
        raise AgentError(
            f"{trial.agent.name} does not work on this machine: {', '.join(trial.failed)}"
        )
