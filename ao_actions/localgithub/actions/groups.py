"""Concurrency groups: who runs, who waits and who is cancelled. Pure bookkeeping.

Rules: docs, "Control the concurrency of workflows and jobs": one runs and one waits, a newer
one in the queue cancels the older; `queue: max` keeps up to 100 waiting, first come first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_QUEUE = 100
Key = tuple[str, str]  # repository and the group's name in lower case
Owner = tuple[str, int]  # ("run" or "job", id)


@dataclass(slots=True)
class _Group:
    holder: Owner | None = None
    waiting: list[Owner] = field(default_factory=list)


@dataclass(slots=True)
class Decision:
    acquired: bool
    cancelled: list[Owner]  # to be cancelled because of the one that came
    refused: bool = False  # the queue is full: the one that came is cancelled


class Groups:
    def __init__(self) -> None:
        self._groups: dict[Key, _Group] = {}

    def join(
        self, key: Key, owner: Owner, *, cancel_in_progress: bool = False, queue_max: bool = False
    ) -> Decision:
        group = self._groups.setdefault(key, _Group())
        if group.holder is None:
            group.holder = owner
            return Decision(acquired=True, cancelled=[])
        if queue_max:
            if len(group.waiting) >= LONGEST_QUEUE:
                return Decision(acquired=False, cancelled=[], refused=True)
            group.waiting.append(owner)
            return Decision(acquired=False, cancelled=[])
        cancelled = list(group.waiting)
        group.waiting = [owner]
        if cancel_in_progress:
            cancelled.append(group.holder)
        return Decision(acquired=False, cancelled=cancelled)

    def holder(self, key: Key) -> Owner | None:
        group = self._groups.get(key)
        return group.holder if group else None

    def leave(self, owner: Owner) -> list[Owner]:
        """Gives up what `owner` holds or waits for; returns who may go on now."""
        going: list[Owner] = []
        for key, group in list(self._groups.items()):
            if owner in group.waiting:
                group.waiting.remove(owner)
            if group.holder == owner:
                group.holder = group.waiting.pop(0) if group.waiting else None
                if group.holder is not None:
                    going.append(group.holder)
            if group.holder is None:
                del self._groups[key]
        return going
