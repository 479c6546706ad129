"""What can be wrong with a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What `repair` does about a finding goes by its kind."""

    GONE = "gone"  # a ref was deleted
    ROLLED_BACK = "rolled back"  # the ledger is not where we left it, nor further
    NEWER = "newer"  # of a schema that this version does not know
    DAMAGED = "damaged"  # a file that cannot be what its path says
    MISPLACED = "misplaced"  # a sound record under another's path
    COUNTER = "counter"  # the epoch counter is behind an epoch that was given out
    TWICE = "twice"  # two live claims with one epoch
    ENDED = "ended"  # a live record of a task that has finished since
    PAST = "past"  # in a commit before the tip
    CROWDED = "crowded"  # more live claims than allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: where (ref, commit, path), and in words."""

    kind: Kind
    ref: str
    commit: str
    path: str = ""
    what: str
