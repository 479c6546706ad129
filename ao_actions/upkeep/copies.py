"""Copies of the ledger that a repair may go on from: those of a clone on this machine."""

from __future__ import annotations

from pathlib import Path

from ao_actions.bookfiles import fleet_from
from ao_actions.errors import LedgerError
from ao_actions.git import Git
from ao_actions.ledger import Ledger

CLONE = "refs/clone/"


def named(git: Git, commit: str, clone: Path | None) -> str:
    """The commit that somebody names, from our refs or those of the clone.

    :raises LedgerError: neither has it
    """
    _borrow(git, clone)
    found = git.attempt("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if found.code != 0:
        raise LedgerError(
            f"--to {commit}: no ref of ours and no refs/ao/* of this clone has that commit: "
            "nothing was changed"
        )
    return found.text


def newest(ledger: Ledger, clone: Path | None) -> str:
    """The clone's ledger that went furthest, "" where it has none."""
    found = _borrow(ledger.git, clone)
    return max(found.values(), key=lambda oid: _age(ledger, oid), default="")


def _borrow(git: Git, clone: Path | None) -> dict[str, str]:
    """The ledgers of a clone, now here: ref to commit."""
    if clone is None:
        return {}
    git.attempt(
        "fetch", "--quiet", "--no-tags", "--update-shallow", str(clone), f"+refs/ao/*:{CLONE}*"
    )
    form = "--format=%(refname) %(objectname)"
    lines = git.run("for-each-ref", form, f"{CLONE}ledger", f"{CLONE}witness").splitlines()
    return {ref: oid for ref, _, oid in (line.partition(" ") for line in lines)}


def _age(ledger: Ledger, oid: str) -> tuple[int, int]:
    """What is newer is greater: by its epochs, then by its time."""
    try:
        epoch = fleet_from(ledger.files(oid)).epoch
    except LedgerError:
        epoch = 0
    return epoch, int(ledger.git.run("log", "-1", "--format=%ct", oid))
