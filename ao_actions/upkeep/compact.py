"""Make the ledger's history short without losing it.

The old tip goes to `refs/ao/archive/`, and the ledger begins again with a commit of the same
files that names the commit before it; commits of the last days are made again on top of that.
All refs move in one atomic push under leases: a crash leaves the one state or the other, and a
pass that wrote meanwhile refuses the push.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ao_actions.bookfiles import FINISHED, LEDGER, WITNESS
from ao_actions.core.model import Book
from ao_actions.errors import LedgerError
from ao_actions.git import BOT
from ao_actions.ledger import Draft, Ledger, Tip
from ao_actions.upkeep import history
from ao_actions.upkeep.history import ARCHIVE, Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """What is to move; without lines, everything is young."""

    lines: tuple[str, ...]
    moves: dict[str, tuple[str, str]]


def plan(ledger: Ledger, *, at: datetime, keep: timedelta) -> Compaction:
    """What becomes of history that is older than `keep`.

    :raises LedgerError: the ledger is not sound, or was moved meanwhile
    """
    tip = ledger.read()
    refs = history.fetch(ledger.git)
    if tip.oid != refs.get(LEDGER, ""):
        raise LedgerError(f"{LEDGER} was moved meanwhile: nothing was changed. Try again.")
    lines: list[str] = []
    moves: dict[str, tuple[str, str]] = {}
    for ref in (LEDGER, FINISHED):
        if ref not in refs:
            continue
        line = history.own_line(ledger.git, refs[ref])
        old = [commit for commit in line if commit.at < at - keep]
        if len(old) < 2:  # one commit is as short as it gets
            continue
        name = f"{ARCHIVE}{at:%Y-%m-%d}-{refs[ref][:10]}"
        new = _again(ledger, ref, line, len(old), name)
        lines.append(
            f"{ref}: {len(old)} of {len(line)} commits go to {name}, until {old[-1].at:%Y-%m-%d}"
        )
        moves |= {ref: (refs[ref], new), name: ("", refs[ref])}
    if LEDGER in moves:
        moves[WITNESS] = (refs.get(WITNESS, ""), moves[LEDGER][1])
    return Compaction(lines=tuple(lines), moves=moves)


def perform(ledger: Ledger, compaction: Compaction) -> None:
    """Push it.

    :raises LedgerError: somebody moved the ledger meanwhile
    """
    if not ledger.push(Draft(Tip("", Book()), compaction.moves)):
        raise LedgerError(f"{LEDGER} was moved by somebody meanwhile: nothing was changed")


def _again(ledger: Ledger, ref: str, line: Sequence[Commit], cut: int, archive: str) -> str:
    """The commits from `cut` on, made again on a first commit with what was there before them."""
    base = line[cut - 1]
    words = f"{ref.removeprefix('refs/ao/')}: compacted, {cut} commits are in {archive}"
    first = f"{words}\n\n{words}\n\nEarlier: {base.oid}\nNonce: {ledger.nonce()}\n"
    scratch = ref.replace("refs/ao/", "refs/draft/compact/")
    parts = [_commit(scratch, base, first, None)]
    parts += [_commit(scratch, commit, commit.message, scratch) for commit in line[cut:]]
    stream = b"".join(parts)
    ledger.git.run("fast-import", "--quiet", "--force", input=stream)
    return ledger.git.run("rev-parse", scratch)


def _commit(ref: str, commit: Commit, message: str, parent: str | None) -> bytes:
    """The same files, time and words; the tree is taken as it is."""
    name = commit.author if parent else BOT.name
    who = f"{name.translate(_NOT_IN_NAMES)} <{commit.email if parent else BOT.email}>"
    stamp = f"{int(commit.at.timestamp())} +0000"
    body = message.encode()
    # Without `from`, a commit goes on from the one before it; the first must not.
    reset = b"" if parent else f"reset {ref}\n".encode()
    return b"".join(
        [
            reset,
            f"commit {ref}\nauthor {who} {stamp}\n".encode(),
            f"committer {who} {stamp}\ndata {len(body)}\n".encode(),
            body,
            f'\nM 040000 {commit.tree} ""\n'.encode(),
        ]
    )


_NOT_IN_NAMES = {ord(each): None for each in "<>\n\0"}
