"""Bugs to be planted in the product: each is one that the laws must see. A mutation is a function
that changes the product through pytest's `monkeypatch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ao_actions import publish, reconcile
from ao_actions.core import actions, budget, decide, selection, transitions
from ao_actions.core.model import Book, Spent, TaskRecord
from ao_actions.core.policy import Policy
from ao_actions.forge import act, client, nodes
from ao_actions.ledger import Draft, Ledger, Written
from ao_actions.work import session

Patch = pytest.MonkeyPatch


def no_fence(patch: Patch) -> None:
    """Whoever was dispatched works and publishes."""
    patch.setattr(session, "not_current", lambda *_args, **_given: None)
    patch.setattr(transitions, "is_current", lambda *_args: True)


def released_claim_is_current(patch: Patch) -> None:
    """The epoch alone makes a run current, whether its claim still stands or not."""
    real = session.not_current

    def not_current(connection: Any, record: Any, **given: Any) -> str | None:
        if record is not None and record.claim is None and record.epoch == given["epoch"]:
            return None
        return real(connection, record, **given)

    patch.setattr(session, "not_current", not_current)


def any_run_of_the_name_works(patch: Patch) -> None:
    """Of two runs with one name, both work."""
    patch.setattr(session.observe, "runs_named", lambda *_args: ())


def agent_in_a_rerun(patch: Patch) -> None:
    """A re-run starts the agent once more."""
    real = session.superseded

    def superseded(attempt: Any, *args: Any) -> str | None:
        job = SimpleNamespace(run_id=attempt.job.run_id, run_attempt=1)
        return real(SimpleNamespace(client=attempt.client, job=job), *args)  # type: ignore[arg-type]

    patch.setattr(session, "superseded", superseded)


def _leases(patch: Patch, prefix: str) -> None:
    """Refs of this kind are pushed from wherever they are now, not from what was read."""
    real = Ledger.push

    def push(self: Any, draft: Draft, extra: Mapping[str, tuple[str, str]] | None = None) -> bool:
        refs = self.world.state.refs

        def now(moves: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
            return {
                ref: (refs.get(ref, ""), new) if ref.startswith(prefix) else (old, new)
                for ref, (old, new) in moves.items()
            }

        return real(self, Draft(draft.tip, now(draft.moves)), now(extra or {}))

    patch.setattr(Ledger, "push", push)


def no_compare_and_swap(patch: Patch) -> None:
    _leases(patch, "refs/ao/ledger")


def no_lease_on_the_branch(patch: Patch) -> None:
    _leases(patch, "refs/heads/")


def two_pushes(patch: Patch) -> None:
    """First the branch, then the ledger."""
    real = Ledger.push

    def push(self: Any, draft: Draft, extra: Mapping[str, tuple[str, str]] | None = None) -> bool:
        return (not extra or real(self, Draft(draft.tip, extra))) and real(self, draft)

    patch.setattr(Ledger, "push", push)


def writes_are_repeated(patch: Patch) -> None:
    """A write whose answer was lost is sent again, as a read is."""
    real = client.Client._send

    def send(self: Any, verb: str, *args: Any, **more: Any) -> Any:
        done = real(self, verb, *args, **more)
        lost = verb == "POST" and done.status in (0, 502)
        return real(self, verb, *args, **more) if lost else done

    patch.setattr(client.Client, "_send", send)


def cap_checked_outside(patch: Patch) -> None:
    """A plan is decided once; when the ledger moved it is written all the same, renumbered."""

    def transact(self: Ledger, propose: Any, policy: Policy, *, clock: Any) -> Written:
        free = replace(policy, max_parallel=99)
        plan: tuple[Any, ...] = propose(self.read())
        while any(isinstance(step, actions.Transition) for step in plan):
            tip = self.read()
            tip = self.recall(tip, [step.issue for step in plan])
            plan, book = _renumbered(plan, tip.book, free)
            draft = self.draft(tip, book, ["done"], at=clock())
            if book == tip.book or self.push(draft):
                return Written(draft.tip, plan)
        return Written(self.read(), plan)

    patch.setattr(Ledger, "transact", transact)


def _renumbered(plan: tuple[Any, ...], book: Book, policy: Policy) -> tuple[tuple[Any, ...], Book]:
    """The plan with the epochs that this ledger gives, as far as it fits."""
    done: list[Any] = []
    epochs: dict[int, int] = {}
    for step in plan:
        if isinstance(step, actions.Claim):
            step = replace(step, epoch=book.fleet.epoch + 1)  # noqa: PLW2901
            epochs[step.issue] = step.epoch
        elif isinstance(step, actions.Dispatch):
            step = replace(step, epoch=epochs.get(step.issue, step.epoch))  # noqa: PLW2901
        if isinstance(step, actions.Transition):
            try:
                book = transitions.apply(book, step, policy)
            except transitions.Misfit:
                epochs[step.issue] = 0
                continue
        if isinstance(step, actions.Dispatch) and not step.epoch:
            continue
        done.append(step)
    return tuple(done), book


def push_not_awaited(patch: Patch) -> None:
    """Effects follow whether or not the ledger was written."""
    real = Ledger.push

    def push(self: Any, draft: Draft, extra: Mapping[str, tuple[str, str]] | None = None) -> bool:
        return real(self, draft, extra) or not extra

    patch.setattr(Ledger, "push", push)


def lost_salvage(patch: Patch) -> None:
    """A run that died after its hand-off is released like any other."""

    def release(task: Any, record: Any, verdict: Any) -> actions.Release:
        return actions.Release(
            issue=record.issue,
            epoch=record.epoch,
            outcome=decide.Outcome.LOST,
            at=task.now,
            because=verdict.because,
        )

    patch.setattr(decide, "_salvage_or_release", release)


def counter_reset(patch: Patch) -> None:
    """The epoch counter begins anew when nothing is live."""
    real = transitions._finish

    def finish(book: Book, action: actions.Finish) -> Book:
        after = real(book, action)
        return after if after.tasks else replace(after, fleet=replace(after.fleet, epoch=0))

    patch.setattr(transitions, "_finish", finish)


def not_reserved(patch: Patch) -> None:
    """A lost attempt costs nothing."""
    real = transitions.end_claim

    def end_claim(record: Any, **given: Any) -> Any:
        return real(record, **{**given, "spent": given.get("spent") or Spent()})

    patch.setattr(transitions, "end_claim", end_claim)


def attempts_not_counted(patch: Patch) -> None:
    """Lost attempts are not counted."""
    patch.setattr(budget, "UNCOUNTED", budget.UNCOUNTED | {decide.Outcome.LOST})


def farewell_after_the_push(patch: Patch) -> None:
    """Last words are said when the task is finished already."""
    patch.setattr(reconcile, "_split", lambda plan: ((), plan))
    real = Ledger.transact

    def transact(self: Any, *args: Any, **given: Any) -> Written:
        written = real(self, *args, **given)
        plan = sorted(written.plan, key=lambda a: not isinstance(a, actions.Transition))
        return Written(written.tip, tuple(plan))

    patch.setattr(Ledger, "transact", transact)


def a_stop_is_only_acknowledged(patch: Patch) -> None:
    """Who says that a task is to end gets a reaction, and that is all."""
    real = transitions.obeyed

    def obeyed(record: TaskRecord, obey: actions.Obey) -> TaskRecord:
        return replace(real(record, obey), ended=None)

    patch.setattr(transitions, "obeyed", obeyed)


def typed_status(patch: Patch) -> None:
    """A comment with the right mark is ours, whoever typed it."""
    patch.setattr(nodes, "by_program", lambda _comment: True)


def wrong_zone(patch: Patch) -> None:
    """Times are read as if they were two hours east."""
    real = nodes.time
    patch.setattr(nodes, "time", lambda text: real(text) + timedelta(hours=2))


def second_pull(patch: Patch) -> None:
    """Nobody looks for an earlier round's pull request before another one is opened."""
    real = act.open_pull

    def open_pull(connection: Any, effect: actions.OpenPull, **given: Any) -> act.Performed:
        return real(connection, replace(effect, earlier=()), **given)

    patch.setattr(act, "open_pull", open_pull)


def no_last_look(patch: Patch) -> None:
    """Publish does not look once more before it pushes."""
    patch.setattr(publish, "_look_again", lambda _work, _record, verdict: verdict)


def replies_not_looked_for(patch: Patch) -> None:
    """What is owed is posted without a look whether it stands there."""
    patch.setattr(act, "_find_comment", lambda *_args: None)
    patch.setattr(act, "_there", lambda *_args: None)


def anybody_may_take_over(patch: Patch) -> None:
    """An issue that somebody else is assigned to is claimed."""
    patch.setattr(selection, "_hold_new", lambda *_args: None)


def any_ledger_is_believed(patch: Patch) -> None:
    """Nobody looks whether the ledger goes on from what was written last."""
    patch.setattr(Ledger, "_check_forward", lambda *_args: None)


TABLE: tuple[Callable[[Patch], None], ...] = (
    no_fence,
    released_claim_is_current,
    any_run_of_the_name_works,
    agent_in_a_rerun,
    no_compare_and_swap,
    no_lease_on_the_branch,
    two_pushes,
    writes_are_repeated,
    cap_checked_outside,
    push_not_awaited,
    lost_salvage,
    counter_reset,
    not_reserved,
    attempts_not_counted,
    farewell_after_the_push,
    a_stop_is_only_acknowledged,
    typed_status,
    wrong_zone,
    second_pull,
    no_last_look,
    replies_not_looked_for,
    anybody_may_take_over,
    any_ledger_is_believed,
)
