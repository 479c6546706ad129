"""Decides what runs when: `needs`, `if:`, matrices, concurrency, cancellation, free slots.

All state changes happen under the world's lock; a job itself runs on its own thread without.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping

from ao_actions.localgithub.actions import expressions, matrix, wire
from ao_actions.localgithub.actions.active import ActiveRun, Leg, Outcome
from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.groups import Groups, Owner
from ao_actions.localgithub.actions.records import Recorder
from ao_actions.localgithub.actions.values import to_number, to_string, truthy
from ao_actions.localgithub.actions.workflow import Concurrency, JobSpec, WorkflowFile
from ao_actions.localgithub.model import Annotation, Repository, WorkflowRun
from ao_actions.localgithub.world import World

Execute = Callable[[ActiveRun, Leg], Outcome]  # runs one leg; its result is the conclusion


class Engine:
    def __init__(
        self, world: World, recorder: Recorder, execute: Execute, max_parallel: int
    ) -> None:
        self._world = world
        self._recorder = recorder
        self._execute = execute
        self._max_parallel = max_parallel
        self._groups = Groups()
        self._queue: deque[tuple[ActiveRun, Leg]] = deque()
        self._running: dict[int, threading.Thread] = {}
        self._closed = False
        self._pumping = self._again = False
        self.active: dict[int, ActiveRun] = {}
        self.changed = threading.Condition(world.lock)

    # -- runs come and go

    def submit(
        self,
        repo: Repository,
        run: WorkflowRun,
        file: WorkflowFile,
        carried: Mapping[str, Outcome] | None = None,
    ) -> None:
        """Starts a run, or a new attempt of it with the outcomes that it keeps."""
        with self.changed:
            active = ActiveRun(repo, run, file, outcomes=dict(carried or {}))
            self.active[run.id] = active
            self._recorder.set_run(repo, run, "queued")
            if run.run_attempt == 1:
                self._recorder.emit_run(repo, run, "requested")
            if file.error:
                self._annotate_run(active, file.error)
                self._end_run(active, "startup_failure")
                return
            try:
                self._join_run(active)
            except ExpressionError as error:
                self._annotate_run(active, str(error))
                self._end_run(active, "startup_failure")
            self._pump()

    def _join_run(self, active: ActiveRun) -> None:
        concurrency = active.file.concurrency
        if concurrency is None:
            active.admitted = True
            return
        owner = ("run", active.run.id)
        active.group, acquired = self._join(active, concurrency, owner)
        if acquired:
            active.admitted = True
        elif active.run.status != "completed":
            self._recorder.set_run(active.repo, active.run, "pending")

    def _end_run(self, active: ActiveRun, conclusion: str) -> None:
        # the events first: once it is gone from `active`, others may take the world for idle
        self._recorder.finish_run(active.repo, active.run, conclusion)
        self.active.pop(active.run.id, None)
        self._leave(("run", active.run.id))
        self.changed.notify_all()

    def _annotate_run(self, active: ActiveRun, message: str) -> None:
        """A run that fails before its first job still says why, as one failed check."""
        job = self._recorder.add_job(active.repo, active.run, "", active.file.name)
        check = self._recorder.check(active.repo, job)
        check.annotations.append(Annotation(active.run.path, 1, 1, "failure", message))
        check.output_title, check.output_summary = "Startup failure", message
        self._recorder.finish_job(active.repo, active.run, job, "failure")

    # -- concurrency

    def _join(
        self, active: ActiveRun, concurrency: Concurrency, owner: Owner, spec: JobSpec | None = None
    ) -> tuple[tuple[str, str] | None, bool]:
        """(group, whether it may go on). Cancels whom the newcomer displaces."""
        scope = active.scope(self._world, spec)
        name = to_string(expressions.interpolate(concurrency.group, scope))
        cancel = expressions.interpolate(concurrency.cancel_in_progress, scope)
        key = (active.repo.full_name, name.lower())
        if spec is not None and active.group == key:
            raise ExpressionError(
                f"Canceling since a deadlock was detected for concurrency group: '{name}'"
            )
        decision = self._groups.join(
            key,
            owner,
            cancel_in_progress=cancel is True or cancel == "true",
            queue_max=concurrency.queue_max,
        )
        for displaced in [*decision.cancelled, *([owner] if decision.refused else [])]:
            self._displace(displaced, name)
        # a holder without a job to stop leaves at once, and the newcomer follows it
        return key, self._groups.holder(key) == owner

    def _displace(self, owner: Owner, group: str) -> None:
        kind, number = owner
        reason = f"Canceling since a higher priority waiting request for '{group}' exists"
        if kind == "run":
            if number in self.active:
                self.cancel(self.active[number])
            return
        for active in list(self.active.values()):
            for leg in active.all_legs():
                if leg.job.id == number:
                    check = self._recorder.check(active.repo, leg.job)
                    check.annotations.append(Annotation(".github", 1, 1, "failure", reason))
                    self._stop_leg(active, leg)

    def _leave(self, owner: Owner) -> None:
        for kind, number in self._groups.leave(owner):
            if kind == "run" and number in self.active:
                self.active[number].admitted = True
                self._recorder.set_run(self.active[number].repo, self.active[number].run, "queued")
                continue
            for active in self.active.values():
                for leg in active.all_legs():
                    if leg.job.id == number and leg.state == "pending":
                        self._enqueue(active, leg)

    # -- the heart

    def _pump(self) -> None:
        """Moves everything that can move. A call from within one only asks for another round."""
        self._again = True
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._again:
                self._again = False
                self._move()
        finally:
            self._pumping = False
        self.changed.notify_all()

    def _move(self) -> None:
        moved = True
        while moved:
            moved = False
            for active in list(self.active.values()):
                if active.admitted and not active.killed:
                    for spec in active.ready():
                        self._open(active, spec)
                        moved = True
                if active.run.id in self.active and self._is_over(active):
                    self._end_run(active, self._conclusion(active))
                    moved = True
        self._start_queued()

    def _is_over(self, active: ActiveRun) -> bool:
        if any(leg.state != "done" for leg in active.all_legs()):
            return False
        return active.killed or (active.admitted and len(active.outcomes) == len(active.file.jobs))

    def _conclusion(self, active: ActiveRun) -> str:
        if active.killed:
            return "failure"
        if active.cancelled:
            return "cancelled"
        attempt = active.run.run_attempt
        return wire.conclusion(job for job in active.run.jobs if job.run_attempt == attempt)

    def _open(self, active: ActiveRun, spec: JobSpec) -> None:
        """A job whose needs have ended: skipped, or queued leg by leg."""
        try:
            wanted = active.wants(self._world, spec)
            legs = self._expand(active, spec) if wanted else []
        except (ExpressionError, RecursionError) as error:
            self._refuse(active, spec, str(error), "failure")
            return
        if not wanted:
            job = self._recorder.add_job(
                active.repo, active.run, spec.key, self._name(active, spec, {})
            )
            self._recorder.finish_job(active.repo, active.run, job, "skipped")
            active.outcomes[spec.key] = Outcome("skipped")
            return
        active.legs[spec.key] = []
        for index, values in enumerate(legs):
            job = self._recorder.add_job(
                active.repo, active.run, spec.key, self._name(active, spec, values)
            )
            leg = Leg(job, spec, values, index, len(legs))
            active.legs[spec.key].append(leg)
        for leg in list(active.legs[spec.key]):
            self._admit_leg(active, leg)

    def _expand(self, active: ActiveRun, spec: JobSpec) -> list[matrix.Leg]:
        strategy = spec.raw.get("strategy") or {}
        scope = active.scope(self._world, spec)
        return matrix.expand(expressions.interpolate_tree(strategy.get("matrix"), scope))

    def _name(self, active: ActiveRun, spec: JobSpec, values: matrix.Leg) -> str:
        given = spec.raw.get("name")
        if given is None:
            return spec.key + matrix.suffix(values)
        try:
            scope = active.scope(self._world, spec, matrix=values)
            return to_string(expressions.interpolate(given, scope))
        except ExpressionError:
            return str(given)

    def _refuse(self, active: ActiveRun, spec: JobSpec, message: str, conclusion: str) -> None:
        """A job that ends before it has a runner."""
        job = self._recorder.add_job(active.repo, active.run, spec.key, spec.key)
        check = self._recorder.check(active.repo, job)
        check.annotations.append(Annotation(active.run.path, 1, 1, "failure", message))
        self._recorder.finish_job(active.repo, active.run, job, conclusion)
        active.outcomes[spec.key] = Outcome(conclusion)

    def _admit_leg(self, active: ActiveRun, leg: Leg) -> None:
        if leg.state == "done":
            return
        if leg.spec.concurrency is not None:
            try:
                _, acquired = self._join(
                    active, leg.spec.concurrency, ("job", leg.job.id), leg.spec
                )
            except ExpressionError as error:
                check = self._recorder.check(active.repo, leg.job)
                check.annotations.append(Annotation(".github", 1, 1, "failure", str(error)))
                self._end_leg(active, leg, Outcome("cancelled"))
                return
            if not acquired:
                # the queue may have been full: then it is done already
                if leg.job.status != "completed":
                    self._recorder.set_job(active.repo, leg.job, "pending")
                return
        if leg.state == "pending":  # else it went on, or was stopped, while it joined
            self._enqueue(active, leg)

    def _enqueue(self, active: ActiveRun, leg: Leg) -> None:
        leg.state = "queued"
        self._recorder.set_job(active.repo, leg.job, "queued")
        self._queue.append((active, leg))

    def _start_queued(self) -> None:
        waiting: list[tuple[ActiveRun, Leg]] = []
        while self._queue and len(self._running) < self._max_parallel and not self._closed:
            active, leg = self._queue.popleft()
            if leg.state != "queued":
                continue
            if self._too_many(active, leg):
                waiting.append((active, leg))
                continue
            leg.state = "running"
            self._recorder.start_job(active.repo, active.run, leg.job)
            thread = threading.Thread(
                target=self._run_leg, args=(active, leg), name=f"job-{leg.job.id}", daemon=True
            )
            self._running[leg.job.id] = thread
            thread.start()
        self._queue.extendleft(reversed(waiting))

    def _too_many(self, active: ActiveRun, leg: Leg) -> bool:
        limit = (leg.spec.raw.get("strategy") or {}).get("max-parallel")
        if limit is None:
            return False
        value = to_number(expressions.interpolate(limit, active.scope(self._world, leg.spec)))
        running = sum(other.state == "running" for other in active.legs[leg.spec.key])
        return value >= 1 and running >= value

    def _run_leg(self, active: ActiveRun, leg: Leg) -> None:
        try:
            outcome = self._execute(active, leg)
        except Exception:  # noqa: BLE001 - a fault of ours must not leave the run hanging
            traceback.print_exc(file=sys.stderr)
            outcome = Outcome("failure")
        with self.changed:
            self._running.pop(leg.job.id, None)
            self._end_leg(active, leg, outcome)
            self._pump()

    def _end_leg(self, active: ActiveRun, leg: Leg, outcome: Outcome) -> None:
        leg.state = "done"
        forgiven = outcome.result == "failure" and self._forgives(active, leg)
        leg.job.outputs = dict(outcome.outputs)
        self._recorder.finish_job(
            active.repo,
            active.run,
            leg.job,
            outcome.result,
            result="success" if forgiven else outcome.result,
        )
        self._leave(("job", leg.job.id))
        legs = active.legs[leg.spec.key]
        strategy = leg.spec.raw.get("strategy") or {}
        if leg.job.result == "failure" and strategy.get("fail-fast", True) is True:
            for other in legs:
                if other.state != "done":
                    self._stop_leg(active, other)
        if all(other.state == "done" for other in legs) and leg.spec.key not in active.outcomes:
            outputs: dict[str, str] = {}
            for other in sorted(legs, key=Leg.ended_at):  # of a matrix, the last one wins
                outputs |= {key: value for key, value in other.job.outputs.items() if value}
            active.outcomes[leg.spec.key] = Outcome(
                wire.conclusion(other.job for other in legs), outputs
            )

    def _forgives(self, active: ActiveRun, leg: Leg) -> bool:
        value = leg.spec.raw.get("continue-on-error", False)
        scope = active.scope(self._world, leg.spec, matrix=leg.matrix)
        try:
            return truthy(expressions.interpolate(value, scope))
        except ExpressionError:
            return False

    # -- stopping

    def cancel(self, active: ActiveRun, *, force: bool = False) -> None:
        """As GitHub does: what waits ends at once, running jobs get to their always() steps,
        and jobs that ask for it (`if: always()`) go on or still start. `force` spares none."""
        with self.changed:
            active.cancelled = True
            if not active.admitted:
                # a run that is cancelled while it waits runs nothing at all
                self._end_run(active, "cancelled")
                return
            for leg in active.all_legs():
                if leg.state == "done":
                    continue
                if force:
                    self._stop_leg(active, leg, kill=True)
                elif not (leg.state == "running" and self._insists(active, leg.spec)):
                    self._stop_leg(active, leg)
            if force:
                for spec in active.file.jobs.values():
                    if spec.key not in active.outcomes and spec.key not in active.legs:
                        active.outcomes[spec.key] = Outcome("cancelled")
            self._pump()

    def _insists(self, active: ActiveRun, spec: JobSpec) -> bool:
        try:
            return active.wants(self._world, spec)
        except ExpressionError:
            return False

    def _stop_leg(self, active: ActiveRun, leg: Leg, *, kill: bool = False) -> None:
        if leg.state == "running":
            leg.stop = "kill" if kill else leg.stop or "cancel"
            if leg.process is not None:
                if kill:
                    leg.process.kill()
                else:
                    leg.process.interrupt()
        elif leg.state != "done":
            self._end_leg(active, leg, Outcome("cancelled"))

    def kill(self, active: ActiveRun) -> None:
        """The runner dies: no step, no always() job, nothing more happens in this run."""
        with self.changed:
            active.killed = True
            for leg in active.all_legs():
                self._stop_leg(active, leg, kill=True)
            self._pump()

    def notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: not self.active, timeout)

    def close(self) -> None:
        with self.changed:
            self._closed = True
            self._queue.clear()
            for active in list(self.active.values()):
                self.kill(active)
            threads = list(self._running.values())
        for thread in threads:
            thread.join()
