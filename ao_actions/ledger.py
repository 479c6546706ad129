"""The ledger: our only store, in git refs outside branches and tags (design 3).

`refs/ao/ledger` holds one JSON file per live task and `fleet.json`; `refs/ao/finished` the
records of finished tasks. A write is a compare-and-swap: a child of the tip that was read,
pushed under a lease on that tip. A refused push means that somebody else moved it: read,
decide again, push again.
"""

from __future__ import annotations

import io
import json
import random
import secrets
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from ao_actions.core import actions, codec, transitions
from ao_actions.core.model import SCHEMA, Book, Fleet, TaskRecord
from ao_actions.core.policy import Policy
from ao_actions.core.upgrade import upgraded
from ao_actions.errors import GitError, LedgerError
from ao_actions.git import BOT, Git, porcelain_reasons

LEDGER = "refs/ao/ledger"
FINISHED = "refs/ao/finished"
TRIES = 12


class PushRefusedError(GitError):
    """The remote took the push and would not have it: a rule of the repository, say."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The ledger at one commit ("" before the first one)."""

    oid: str
    book: Book


@dataclass(frozen=True, slots=True)
class Draft:
    """A new state of the ledger, committed here but not pushed: what `Git.push` is to move."""

    tip: Tip
    moves: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction wrote: nothing (`plan` is empty) or one commit."""

    tip: Tip
    plan: tuple[actions.Action, ...]


Propose = Callable[[Tip], tuple[actions.Action, ...]]


@dataclass(slots=True)
class Ledger:
    """Reads and moves one repository's ledger, with a private bare repository to work in.

    `nonce` makes each commit unique: two writers must never make the same commit, for git
    calls a push of what is there already a success. `pause` and `jitter` are for the retries.
    """

    git: Git
    nonce: Callable[[], str] = field(default=lambda: secrets.token_hex(8))
    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    # ---- reading ---------------------------------------------------------------------------

    def read(self) -> Tip:
        """The ledger as it is now.

        :raises LedgerError: it is of a newer version, damaged, or was rolled back
        :raises GitError: the remote did not answer
        """
        if not self.git.fetch(f"+{LEDGER}:{LEDGER}"):
            return Tip("", Book())
        oid, files = self._files(LEDGER)
        return Tip(oid, book_from(files))

    def recall(self, tip: Tip, issues: Iterable[int]) -> Tip:
        """The same tip with the finished records of these issues, where there are any."""
        wanted = [number for number in issues if number not in tip.book.finished]
        if not wanted or not self.git.fetch(f"+{FINISHED}:{FINISHED}"):
            return tip
        _, files = self._files(FINISHED)
        found = {
            number: record_from(files[_path(number)], _path(number))
            for number in wanted
            if _path(number) in files
        }
        _check_counter(tip.book.fleet, found.values())
        book = Book(
            fleet=tip.book.fleet, tasks=tip.book.tasks, finished={**tip.book.finished, **found}
        )
        return Tip(tip.oid, book)

    def history(self) -> dict[int, TaskRecord]:
        """The records of all finished tasks: for reports."""
        if not self.git.fetch(f"+{FINISHED}:{FINISHED}"):
            return {}
        _, files = self._files(FINISHED)
        records = (record_from(content, path) for path, content in files.items())
        return {record.issue: record for record in records}

    def _files(self, ref: str) -> tuple[str, dict[str, bytes]]:
        """The commit of a ref that was fetched, and its files."""
        archive = self.git.attempt("archive", "--format=tar", ref)
        if archive.code != 0:
            raise LedgerError(f"{ref} cannot be read: {archive.err.strip()}")
        files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(archive.out)) as tar:
            oid = tar.pax_headers["comment"]  # git puts the commit there
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    files[member.name] = content.read()
        return oid, files

    # ---- writing ---------------------------------------------------------------------------

    def draft(self, tip: Tip, book: Book, lines: Sequence[str], *, at: datetime) -> Draft:
        """Commit the change from `tip.book` to `book`; `lines` say what happened."""
        hot, gone = _changes(tip.book, book)
        moves = {
            LEDGER: (
                tip.oid,
                self._commit(LEDGER, tip.oid, changed=hot, gone=gone, lines=lines, at=at),
            )
        }
        done = {
            _path(number): _json(record)
            for number, record in book.finished.items()
            if tip.book.finished.get(number) != record
        }
        if done:
            self.git.fetch(f"+{FINISHED}:{FINISHED}")
            old = self.git.attempt("rev-parse", "--verify", "--quiet", FINISHED).text
            moves[FINISHED] = (
                old,
                self._commit(FINISHED, old, changed=done, gone=(), lines=lines, at=at),
            )
        return Draft(Tip(moves[LEDGER][1], book), moves)

    def _commit(
        self,
        ref: str,
        parent: str,
        *,
        changed: Mapping[str, bytes],
        gone: Iterable[str],
        lines: Sequence[str],
        at: datetime,
    ) -> str:
        """One commit on `parent`, by one `git fast-import`: no index and no work tree."""
        message = "\n".join([_subject(lines), "", *lines, "", f"Nonce: {self.nonce()}", ""])
        scratch = ref.replace("refs/ao/", "refs/draft/")
        stamp = f"{int(at.timestamp())} +0000"
        parts = [
            f"commit {scratch}\nmark :1\ncommitter {BOT.name} <{BOT.email}> {stamp}\n".encode(),
            _data(message.encode()),
            f"from {parent}\n".encode() if parent else b"",
        ]
        parts += [f"D {path}\n".encode() for path in gone]
        for path, content in changed.items():
            parts += [f"M 100644 inline {path}\n".encode(), _data(content)]
        parts.append(b"get-mark :1\n")
        return self.git.run("fast-import", "--quiet", "--force", input=b"".join(parts))

    def push(self, draft: Draft, extra: Mapping[str, tuple[str, str]] | None = None) -> bool:
        """Move the ledger (and `extra` refs with it) to the draft; False: somebody was first.

        The answer is read from the remote's refs, for a push may succeed and its answer get
        lost on the way (I7).

        :raises PushRefusedError: refused for another reason than a ref that moved
        :raises GitError: the remote did not answer
        """
        moves = {**draft.moves, **(extra or {})}
        turn = 0
        while True:
            done = self.git.push(moves)
            if done.code == 0:
                return True
            now = self.git.remote_refs(*moves)
            if all(now.get(ref, "") == new for ref, (_, new) in moves.items()):
                return True
            if any(now.get(ref, "") != old for ref, (old, _) in moves.items()):
                return False
            # it has not happened; the leases would refuse it if it still did meanwhile
            turn += 1
            if done.unanswered and self.git.patience.before_try(turn):
                continue
            output = f"{done.text}\n{done.err}"
            if porcelain_reasons(done.text) and not done.unanswered:
                raise PushRefusedError(_refusal(done.text, done.err), output=output)
            raise GitError(_refusal(done.text, done.err), output=output)

    def transact(
        self, propose: Propose, policy: Policy, *, clock: Callable[[], datetime], tries: int = TRIES
    ) -> Written:
        """Read, decide, push; again from the start when somebody else was faster.

        `propose` gives the whole plan for a tip; its transitions are written. Its effects are
        for the caller, and only after this returns.

        :raises LedgerError: the ledger moved on each of `tries` tries
        """
        for turn in range(tries):
            tip = self.read()
            plan = propose(tip)
            steps = tuple(step for step in plan if isinstance(step, actions.Transition))
            if not steps:
                return Written(tip, plan)
            try:
                known = self.recall(tip, _newcomers(tip, steps))
                book = transitions.apply_all(known.book, steps, policy)
            except transitions.Misfit:
                continue
            draft = self.draft(known, book, [actions.describe(s) for s in steps], at=clock())
            if self.push(draft):
                return Written(draft.tip, plan)
            self.pause(self.jitter() * min(2.0, 0.05 * 2**turn))
        raise LedgerError(
            f"{LEDGER} was moved by others {tries} times in a row: the next pass tries again"
        )


def _newcomers(tip: Tip, steps: Iterable[actions.Transition]) -> list[int]:
    """Issues claimed without a live record: they may have a finished one (they came back)."""
    claims = (step.issue for step in steps if isinstance(step, actions.Claim))
    return [number for number in claims if number not in tip.book.tasks]


# ---- files and records ---------------------------------------------------------------------


def book_from(files: Mapping[str, bytes]) -> Book:
    """The book from the ledger's files.

    :raises LedgerError: a file is damaged or newer, or the epoch counter fell
    """
    fleet = _decode(Fleet, files.get("fleet.json", b"{}"), "fleet.json")
    tasks = {}
    for path in sorted(files):
        if path.startswith("tasks/"):
            record = record_from(files[path], path)
            tasks[record.issue] = record
    _check_counter(fleet, tasks.values())
    return Book(fleet=fleet, tasks=tasks)


def _check_counter(fleet: Fleet, records: Iterable[TaskRecord]) -> None:
    highest = max((record.epoch for record in records), default=0)
    if highest > fleet.epoch:
        raise LedgerError(
            f"{LEDGER}: a task has epoch {highest}, but the counter in fleet.json is at "
            f"{fleet.epoch}. The ledger was rolled back; nothing was changed. Restore the newer "
            f"commit of {LEDGER}, or set fleet.json's epoch to at least {highest}."
        )


def record_from(content: bytes, path: str) -> TaskRecord:
    record: TaskRecord = _decode(TaskRecord, content, path)
    if path != _path(record.issue):
        raise LedgerError(f"{LEDGER}:{path} is of task {record.issue}: nothing was changed")
    return record


@lru_cache(maxsize=4096)  # records are frozen, and a pass may read the ledger many times
def _decode(kind: type[Any], content: bytes, path: str) -> Any:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{LEDGER}:{path} is not JSON ({error}): nothing was changed") from None
    schema = value.get("schema", SCHEMA) if isinstance(value, dict) else None
    if not isinstance(schema, int) or schema > SCHEMA:
        raise LedgerError(
            f"{LEDGER}:{path} has schema {schema}, this version knows {SCHEMA}: "
            "nothing was changed. Upgrade ao-actions (`uses:` in .github/workflows/ao-*.yml)."
        )
    try:
        return codec.decode(kind, upgraded(value))
    except codec.DecodeError as error:
        raise LedgerError(f"{LEDGER}:{path}: {error}: nothing was changed") from None


def _changes(old: Book, new: Book) -> tuple[dict[str, bytes], list[str]]:
    changed = {
        _path(number): _json(record)
        for number, record in new.tasks.items()
        if old.tasks.get(number) != record
    }
    if old.fleet != new.fleet or not old.tasks:
        changed["fleet.json"] = _json(new.fleet)
    return changed, [_path(number) for number in old.tasks if number not in new.tasks]


def _path(issue: int) -> str:
    """A hundred folders: no folder meets GitHub's advice of 3,000 entries before 300,000."""
    return f"tasks/{issue % 100:02}/{issue}.json"


def _json(record: TaskRecord | Fleet) -> bytes:
    return (json.dumps(codec.encode(record), indent=1, sort_keys=True) + "\n").encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _subject(lines: Sequence[str]) -> str:
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{lines[0]}{more}"


def _refusal(out: str, err: str) -> str:
    remote = [line[8:].strip() for line in err.splitlines() if line.startswith("remote: ")]
    reason = " ".join(part for part in (*remote[:3], *porcelain_reasons(out)[:2]) if part)
    last = err.strip().splitlines()
    return f"the push was refused: {reason or (last[-1] if last else 'no reason given')}"
