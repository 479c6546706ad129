"""What the task's last attempt left: its session, its unfinished work, its transcript.

They lie in that run's artifact. All of it is a help and none of it is needed: what has expired,
is too large or does not fit is left out, and the agent begins with a note of what was tried.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ao_actions.agents import Agent, Assignment
from ao_actions.core import text
from ao_actions.core.model import Attempt, Outcome, TaskRecord
from ao_actions.errors import AoError
from ao_actions.forge.client import Client
from ao_actions.work import handoff, packed, sessions

TOLD = 6  # attempts that a note names
EXCERPT = 6000  # characters of the transcript's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The attempts of a task's round. `last`: the one whose hand-off, if GitHub still has it,
    is in `packed`."""

    attempts: tuple[Attempt, ...]
    last: Attempt | None = None
    packed: zipfile.ZipFile | None = None

    def resume(self, agent: Agent, assignment: Assignment) -> str | None:
        """The session that this agent can go on with, its files put back; or None."""
        last = self.last
        if last is None or self.packed is None or last.session is None:
            return None
        if last.agent != agent.name:
            return None
        try:
            there = sessions.restore(agent, assignment, last.session, self.packed)
        except sessions.DAMAGED:
            return None
        return last.session if there else None

    def bundle(self, folder: Path) -> Path | None:
        """Work that a limit stopped and that is not on the branch, as a bundle in `folder`."""
        last = self.last
        if last is None or last.outcome is not Outcome.LIMITED or last.head is not None:
            return None
        content = self._read(handoff.BUNDLE, handoff.BUNDLE_LIMIT)
        if content is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / handoff.BUNDLE
        path.write_bytes(content)
        return path

    def note(self) -> str:
        """What was tried so far, from the ledger, and how the last attempt's output ended."""
        lines = [
            f"- {attempt.agent}, because of `{attempt.reason}`: {attempt.outcome}"
            + (f" ({text.line(attempt.detail, limit=200)})" if attempt.detail else "")
            for attempt in self.attempts[-TOLD:]
        ]
        said = self._transcript()
        ending = (
            f"\n\nHow the last one's output ended:\n\n{text.fenced(said, 'text')}" if said else ""
        )
        return "\n".join(lines) + ending if lines else ""

    def _transcript(self) -> str:
        raw = self._read(handoff.TRANSCRIPT, 20_000_000)
        return raw.decode(errors="replace")[-EXCERPT:].strip() if raw else ""

    def _read(self, name: str, limit: int) -> bytes | None:
        return packed.read(self.packed, name, limit) if self.packed else None


@contextmanager
def find(client: Client, record: TaskRecord) -> Iterator[Earlier]:
    """This round's attempts and the hand-off of the last one that left a session, or any."""
    attempts = record.this_round()
    resumable = [attempt for attempt in attempts if attempt.session]
    last = next(reversed(resumable or list(attempts)), None)
    with packed.opened(_handoff(client, record.issue, last) if last else None) as there:
        yield Earlier(attempts=attempts, last=last, packed=there)


def _handoff(client: Client, issue: int, attempt: Attempt) -> bytes | None:
    if attempt.run_id is None:
        return None
    try:
        return packed.fetch(client, attempt.run_id, issue, attempt.epoch)
    except AoError:
        return None
