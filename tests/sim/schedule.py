"""One schedule: a world, the factory's programs in it, and every choice drawn from one source.

First chaos: programs interleaved at each of their calls, faults, deaths, events that get lost, and
humans. Then quiet: nothing goes wrong any more, nobody touches anything, and time passes; what
the factory has not brought to an end by then it must be waiting for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

from ao_actions.config import Config
from ao_actions.core.policy import Budget
from ao_actions.keys import AgentSettings
from tests.sim import humans, jobs
from tests.sim.answers import Json
from tests.sim.chooser import Chooser
from tests.sim.invariants import Laws
from tests.sim.process import Process
from tests.sim.world import CI, READY, STRANGER, WORK, Issue, Run, World

MINUTE = timedelta(minutes=1)
JOB = timedelta(minutes=60)  # after which GitHub ends an agent's job
QUIET = (0, 12, 7 * 60, 26 * 60)  # minutes that pass between two looks of the quiet time
ENDLESS = 2000  # steps between two looks of the quiet time
PATIENCE = 150  # passes of the quiet time, which must come to an end


class Schedule:
    """`steps`: how many were made. `trace`: what happened, a line a step."""

    def __init__(self, source: Random, *, length: int = 100) -> None:
        self.chooser = chooser = Chooser(source)
        self.world = World()
        self.laws = Laws(self)
        self.chaos = True
        self.quiet = False
        self.length = length
        self.steps = 0
        self.trace: list[str] = []
        self.faults: Counter[str] = Counter()
        self.human_acts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.crash: Exception | None = None
        self.processes: list[Process] = []
        self.started: dict[str, datetime] = {}
        self.wakes: list[datetime] = []
        self.zombies = 0
        self.names = 0
        self.serial = not chooser.chance(0.3)
        self.fault_rate = chooser.pick((0.0, 0.02, 0.06))
        self.human_weight = chooser.pick((0, 4, 10))
        self.death_weight = chooser.pick((0, 1, 2))
        self.config = Config(
            agents=tuple(
                AgentSettings(name=name)
                for name in chooser.pick((("claude-code",), ("claude-code", "codex")))
            ),
            max_parallel=1 + chooser.below(3),
            budget=Budget(
                attempts=1 + chooser.below(3),
                review_rounds=1 + chooser.below(2),
                usd_per_attempt=5.0,
                usd_per_task=chooser.pick((20.0, 12.0)),
                usd_per_day=chooser.pick((None, None, 15.0)),
            ),
        )
        self.policy = self.config.policy()
        self.world.woke = self.wake
        self.world.new_head = self._ci_begins
        self.world.refs_moved = self.laws.refs_moved
        for _ in range(1 + chooser.below(3)):
            self.open_issue()
        waver = self.human_weight > 0 and chooser.chance(0.3)
        self.acts = humans.WAVERING if waver else humans.TABLE

    # ---- the whole -------------------------------------------------------------------------

    def run(self) -> None:
        """To the end, or to the first violation."""
        if self.chooser.chance(0.5):
            self._run_in()
        end = self.steps + self.length
        while self.steps < end and not self.violations:
            self._step()
        self.chaos, self.quiet = False, True
        self.fault_rate = 0.0
        if not self.violations:
            self._quiet()
        self.end()

    def end(self) -> None:
        """Whatever still runs does nothing more."""
        for process in self.processes:
            process.kill()
            process.bury()

    def seconds(self) -> float:
        return self.world.now.timestamp()

    def note(self, line: str) -> None:
        self.trace.append(line)

    def violated(self, law: str) -> None:
        self.violations.append(law)
        self.note(f"VIOLATION: {law}")

    def fault(self, kinds: Sequence[str]) -> str | None:
        return self.chooser.pick(kinds) if self.chooser.chance(self.fault_rate) else None

    def faulty(self, kind: str) -> None:
        self.faults[kind] += 1
        self.note(f"  fault: {kind}")

    # ---- who replays it looks at these -----------------------------------------------------

    def act(self, act: Callable[[Schedule], str | None]) -> str | None:
        """Somebody does something."""
        return act(self)

    def answered(self, asked: tuple[str, str, Json, Json], status: int, said: str) -> None:
        """A request (method, URL, parameters, body) reached GitHub and was answered, in JSON, from
        what is true now."""

    def pushed(self, moves: Mapping[str, tuple[str, str]], *, moved: bool) -> None:
        """A push reached GitHub."""

    # ---- the world -------------------------------------------------------------------------

    def open_issue(self) -> int:
        world = self.world
        issue = Issue(number=world.number(), created_at=world.now)
        world.put(issue)
        who = STRANGER if self.chooser.chance(0.1) else "maya"
        world.label(issue.number, READY, who)
        self.wake("a new issue")
        return issue.number

    def _run_in(self) -> None:
        """Pull requests are there when the chaos begins."""
        rate, self.fault_rate, self.chaos = self.fault_rate, 0.0, False
        self._settle()
        self.fault_rate, self.chaos = rate, True

    # ---- chaos -----------------------------------------------------------------------------

    def _step(self) -> None:
        """One thing happens: whatever may happen next, chosen by weight."""
        self.steps += 1
        options: list[tuple[int, Callable[[], None]]] = [(8, self._time_passes)]
        options += [(40, process.go_on) for process in self._ready()]
        options += [(20, partial(self._start, run)) for run in self._startable()]
        if self._may_pass():
            options.append((30, self._begin_pass))
        options += [(10, partial(self._ci_ends, run)) for run in self._open_ci()]
        if self.human_weight:
            options.append((self.human_weight, self._human))
        if self.death_weight:
            options += [(self.death_weight, partial(self._dies, p)) for p in self.processes[:1]]
            options.append((self.death_weight, self._decay))
        self.chooser.weighted(options)()
        self._bury()

    def _ready(self) -> list[Process]:
        return [p for p in self.processes if p.ready_at <= self.world.now]

    def _human(self) -> None:
        act = self.chooser.weighted(self.acts)
        done = self.act(act)
        if done is not None:
            self.human_acts[act.__name__] += 1
            self.note(f"human: {done}")
            self.wake(done)

    def _time_passes(self) -> None:
        """By hours only while nobody is in the middle of something."""
        busy = any(p.ready_at <= self.world.now and not p.zombie for p in self.processes)
        seconds = self.chooser.pick((5, 20)) if busy else 60 * self.chooser.pick((1, 3, 10, 61))
        self.pass_time(timedelta(seconds=seconds))

    def pass_time(self, amount: timedelta) -> None:
        before = self.world.now
        self.world.advance(amount)
        self.note(f"{amount} pass: {self.world.now.isoformat(' ', 'seconds')[8:19]}")
        if before.hour != self.world.now.hour:
            self.wake("the schedule")
        for process in list(self.processes):
            late = self.world.now - self.started[process.name] > JOB
            if late and process.kind == "agent":
                self.note(f"{process.name}: its time is over")
                process.failed = True
                process.kill()
        self._bury()

    def _dies(self, _first: Process) -> None:
        process = self.chooser.pick(self.processes)
        run = self.world.state.runs.get(process.run_id)
        kind = process.kind
        if self.chooser.chance(0.3) and not process.zombie:
            self.faulty(f"zombie ({kind})")
            self.note(f"{process.name}: GitHub takes it for dead, but it goes on")
            process.zombie = True
            self.zombies += 1
            if run is not None:
                self._complete(run, "failure")
            return
        self.faulty(f"dies ({kind})")
        self.note(f"{process.name}: dies")
        process.failed = True
        process.kill()
        if kind == "agent" and not process.zombie and self.chooser.chance(0.3) and run is not None:
            process.zombie = True  # and with it its whole run
            self._complete(run, "failure")

    def _decay(self) -> None:
        """An artifact expires."""
        there = [a for a in self.world.state.artifacts.values() if not a.expired]
        if there and self.chooser.chance(0.3):
            old = self.chooser.pick(there)
            self.world.put(replace(old, expired=True))
            self.faulty("artifact expired")

    # ---- passes ----------------------------------------------------------------------------

    def wake(self, why: str) -> None:
        """An event: lost, late or doubled, if it is a bad day."""
        late = timedelta()
        if self.fault_rate:
            if self.chooser.chance(0.1):
                self.faulty("event lost")
                return
            if self.chooser.chance(0.1):
                self.faulty("event doubled")
                self.wakes.append(self.world.now)
            if self.chooser.chance(0.1):
                self.faulty("event late")
                late = timedelta(minutes=self.chooser.pick((2, 30)))
        self.wakes.append(self.world.now + late)

    def _may_pass(self) -> bool:
        """One at a time, where the concurrency group holds; two at once where somebody runs
        `ao-actions reconcile` at home too."""
        if not any(at <= self.world.now for at in self.wakes):
            return False
        running = sum(p.kind == "pass" and not p.zombie for p in self.processes)
        return running < (1 if self.serial else 2)

    def _begin_pass(self) -> None:
        due = [at for at in self.wakes if at <= self.world.now]
        gone = due if self.serial else due[:1]
        self.wakes = [at for at in self.wakes if at not in gone]
        self._spawn("pass", jobs.a_pass)

    def _spawn(self, kind: str, body: Callable[[Process], None], run: Run | None = None) -> Process:
        self.names += 1
        process = Process(self, f"{kind} {self.names}", body, run_id=run.id if run else 0)
        if run is not None:
            process.issue, process.epoch = int(run.inputs["task"]), int(run.inputs["epoch"])
        self.processes.append(process)
        self.started[process.name] = self.world.now
        self.note(f"{process.name} begins{f' in run {run.id}.{run.attempt}' if run else ''}")
        return process

    # ---- the Actions service ---------------------------------------------------------------

    def dispatched(self, workflow: str, inputs: Mapping[str, str]) -> None:
        stuck = False
        if workflow == WORK and self.fault_rate:
            if self.chooser.chance(0.05):
                self.faulty("dispatch lost")
                return
            stuck = self.chooser.chance(0.05)
            if stuck:
                self.faulty("run never starts")
        self.world.dispatch(workflow, inputs, stuck=stuck)
        if workflow == WORK:
            [*_, run] = self.world.work_runs()
            self._joins(run)

    def _joins(self, run: Run) -> None:
        """A newer run takes the place of one that waits in the same concurrency group."""
        same = [other for other in self._others(run) if other.status != "completed"]
        if same:
            self.world.put(replace(run, status="pending"))
        for other in same:
            if other.status == "pending":
                self._complete(other, "cancelled")

    def _others(self, run: Run) -> list[Run]:
        if run.workflow != WORK:
            return []
        return [o for o in self.world.work_runs() if o.group == run.group and o.id != run.id]

    def _startable(self) -> list[Run]:
        return [run for run in self.world.work_runs() if run.status == "queued" and not run.stuck]

    def _start(self, run: Run) -> None:
        self.world.put(replace(run, status="in_progress"))
        self._next_job(self.world.state.runs[run.id])

    def _next_job(self, run: Run) -> None:
        if run.agent is None:
            self._spawn("agent", partial(jobs.agent_job, run=run), run)
        else:
            self._spawn("publish", partial(jobs.publish_job, run=run), run)

    def _bury(self) -> None:
        """What follows from the end of a program."""
        for process in [p for p in self.processes if p.done]:
            process.bury()
            self.processes.remove(process)
            run = self.world.state.runs.get(process.run_id)
            if run is None or process.zombie or run.status == "completed":
                continue
            if process.kind == "agent":
                run = replace(run, agent="failure" if process.failed else "success")
                self.world.put(run)
                self._next_job(run)
            else:
                failed = process.failed or run.agent != "success"
                ended = "failure" if failed else "success"
                self._complete(run, "cancelled" if run.cancelled else ended)

    def _complete(self, run: Run, conclusion: str) -> None:
        run = self.world.state.runs[run.id]
        waited, agent = run.status == "pending", run.agent or "failure"
        self.world.put(replace(run, status="completed", conclusion=conclusion, agent=agent))
        for other in self._others(run):
            if other.status == "pending" and not waited:
                self.world.put(replace(other, status="queued"))

    def run_call(self, number: int, verb: str) -> tuple[int, Json]:
        """GitHub's answer to cancel, rerun and rerun-failed-jobs."""
        run = self.world.state.runs.get(number)
        if run is None:
            return 404, {"message": "Not Found"}
        if verb == "cancel":
            return self._cancel(run)
        if run.status != "completed":
            return 403, {"message": "This workflow is already running"}
        if verb == "rerun-failed-jobs" and run.conclusion == "success":
            return 403, {"message": "The workflow run cannot be retried"}
        again = run.agent if verb == "rerun-failed-jobs" and run.agent == "success" else None
        self.world.put(
            replace(
                run,
                status="queued",
                conclusion=None,
                attempt=run.attempt + 1,
                started_at=self.world.now,
                agent=again,
                cancelled=False,
            )
        )
        self._joins(self.world.state.runs[number])
        return 201, {}

    def _cancel(self, run: Run) -> tuple[int, Json]:
        if run.status == "completed":
            return 409, {"message": "Cannot cancel a workflow run that is completed."}
        if run.status == "pending" or (run.status == "queued" and run.agent is not None):
            self._complete(run, "cancelled")
            return 202, {}
        # publish is `if: always()`: it goes on, or waits for a runner in the agent job's place
        agent = "failure" if run.status == "queued" else run.agent
        self.world.put(replace(run, cancelled=True, agent=agent, stuck=False))
        for process in self.processes:
            if process.run_id == run.id and process.kind == "agent" and not process.zombie:
                process.failed = True
                process.kill()
        return 202, {}

    # ---- CI --------------------------------------------------------------------------------

    def _ci_begins(self, head: str) -> None:
        if self.world.ci_of(head) or self.chooser.chance(0.1):
            return
        world = self.world
        waits = self.chaos and self.chooser.chance(0.05)
        run = Run(
            id=1000 + world.number(),
            workflow=CI,
            created_at=world.now,
            started_at=world.now,
            updated_at=world.now,
            head=head,
            status="completed" if waits else "queued",
            conclusion="action_required" if waits else None,
        )
        world.put(run)

    def _open_ci(self) -> list[Run]:
        state = self.world.state
        return [r for r in state.runs.values() if r.workflow == CI and r.status != "completed"]

    def _ci_ends(self, run: Run) -> None:
        words = ("success",) * 6 + ("failure",) * 4 + ("cancelled", "timed_out")
        result = self.chooser.pick(words) if not self.quiet else "success"
        self.note(f"CI on {run.head[:7]}: {result}")
        self.world.put(replace(run, status="completed", conclusion=result))
        self.wake("CI is done")

    # ---- quiet -----------------------------------------------------------------------------

    def _quiet(self) -> None:
        """Until a day goes by without anything to do; then everything must be waiting."""
        self.note("---- quiet ----")
        self.act(humans.repair_ledger)
        at = passes = 0
        while at < len(QUIET) and not self.violations:
            self.pass_time(QUIET[at] * MINUTE)
            self.wakes = [self.world.now]
            before = self.world.state
            self._settle()
            passes += 1
            at = at + 1 if self.world.state is before else 1
            if passes > PATIENCE:
                self.violated(f"I6: no rest after {passes} passes without faults and humans")
        if not self.violations:
            self.laws.at_rest()

    def _settle(self) -> None:
        """All that may happen now happens, in turn."""
        end = self.steps + ENDLESS
        while not self.violations:
            self.steps += 1
            if self.steps > end:
                self.violated(f"I6: no rest after {ENDLESS} steps without faults and humans")
            if self._may_pass():
                self._begin_pass()
            elif ready := self._ready():
                ready[0].go_on()
            elif startable := self._startable():
                self._start(startable[0])
            elif ci := self._open_ci():
                self._ci_ends(ci[0])
            elif self.processes:  # they rest
                self.pass_time(min(map(self._next_at, self.processes)) - self.world.now)
            else:
                return
            self._bury()

    def _next_at(self, process: Process) -> datetime:
        late = self.started[process.name] + JOB + MINUTE
        return min(process.ready_at, late) if process.kind == "agent" else process.ready_at
