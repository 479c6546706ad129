"""What we keep in the repository: the ledger and the labels."""

from __future__ import annotations

from ao_actions.bookfiles import LEDGER
from ao_actions.errors import GitError, LedgerError
from ao_actions.setup import labels
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, warn
from ao_actions.setup.doctor.context import Context


def _ledger(context: Context) -> Finding:
    try:
        tip = context.ledger.read()
        history = context.ledger.history()
        context.ledger.recall(tip, history)
    except LedgerError as error:
        return fail(str(error), "docs/errors.md, When the ledger refuses")
    except GitError as error:
        return fail(str(error), "see that the token may read contents, and that git can reach it")
    if not tip.oid:
        return ok(f"there is no {LEDGER} yet: the first pass makes it")
    ended = [f"#{number}" for number, task in tip.book.tasks.items() if task.finished]
    if ended:
        return fail(
            f"{', '.join(ended)}: finished, but still among the live tasks of {LEDGER}",
            f"see who wrote that: git log -p {LEDGER}; take the record out of it",
        )
    held = [number for number, record in tip.book.tasks.items() if record.claim]
    if len(held) > context.config.max_parallel:
        return warn(
            f"{len(held)} claims are live, max_parallel is {context.config.max_parallel}",
            "none, if max_parallel was lowered: it falls as attempts end",
        )
    return ok(f"{len(tip.book.tasks)} live tasks, {len(history)} finished, {len(held)} at work")


def _labels(context: Context) -> Finding:
    wanted = context.config.labels
    there = {str(each["name"]).lower() for each in context.client.pages("labels")}
    names = [getattr(wanted, key) for key in labels.TEXTS]
    missing = [name for name in names if name.lower() not in there]

    def make() -> str:
        return f"made {', '.join(labels.create(context.client, wanted))}"

    if missing:
        return fail(f"there is no label {', '.join(missing)}", "run `ao-actions init`", make)
    return ok(f"all {len(names)} labels are there")


CHECKS = (
    Check("ledger", "what was claimed and spent is known from here alone", _ledger),
    Check("labels", "a label that does not exist cannot be put on an issue", _labels),
)
