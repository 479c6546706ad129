"""The ledger: our only store, in git refs outside branches and tags (design 3).

`refs/ao/ledger` holds one JSON file per live task and `fleet.json`; `refs/ao/finished` the
records of finished tasks. `refs/ao/witness` is where we left the ledger last: who moves, deletes
or rolls back the one leaves the other (ADR 0017). A write is a compare-and-swap: a child of the
tip that was read, pushed under a lease on that tip. A refused push means that somebody else
moved it: read, decide again, push again.
"""

from __future__ import annotations

import random
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ao_actions.bookfiles import (
    FINISHED,
    FLEET,
    LARGEST,
    LEDGER,
    WAY_OUT,
    WITNESS,
    as_json,
    book_from,
    check_counter,
    epochs,
    fleet_from,
    ours,
    path_of,
    record_from,
)
from ao_actions.core import actions, transitions
from ao_actions.core.model import Book, TaskRecord
from ao_actions.core.policy import Policy
from ao_actions.errors import GitError, LedgerError
from ao_actions.git import BOT, WHOLE, Git
from ao_actions.gitsays import porcelain_reasons, reason

TRIES = 12
LOOKS = 4  # at refs that were seen between two steps of somebody's push
_BOTH = (f"+{LEDGER}:{LEDGER}", f"+{WITNESS}:{WITNESS}")


class PushRefusedError(GitError):
    """The remote took the push and would not have it: a rule of the repository, say."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The ledger at one commit ("" before the first one), and where its witness is."""

    oid: str
    book: Book
    witness: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as git has it: `size` is None for what is no file (a submodule)."""

    mode: str
    oid: str
    size: int | None
    path: str


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
    `branches` is how the names of tasks' branches begin.
    """

    git: Git
    branches: str = "ao/"
    nonce: Callable[[], str] = field(default=lambda: secrets.token_hex(8))
    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    # ---- reading ---------------------------------------------------------------------------

    def read(self) -> Tip:
        """The ledger as it is now.

        :raises LedgerError: it is of a newer version, damaged, deleted, or was rolled back
        :raises GitError: the remote did not answer
        """
        oid, witness = self._refs()
        if not oid:
            return Tip("", Book())
        files = self.files(oid)
        book = book_from(files)
        if witness not in ("", oid):
            self._check_forward(oid, witness, book)
        return Tip(oid, book, witness)

    def _refs(self) -> tuple[str, str]:
        """Fetch ledger and witness. They differ while somebody's push is between the two, so one
        look is not enough then.

        :raises LedgerError: there is no ledger, but there was one
        """
        seen = ("", "")
        signs: dict[str, str] = {}
        for turn in range(LOOKS):
            if turn:
                self._rest(turn)
            if self.git.fetch(*_BOTH):
                seen = (self._here(LEDGER), self._here(WITNESS))
            else:
                signs = self.signs()
                if LEDGER in signs and WITNESS not in signs and self.git.fetch(_BOTH[0]):
                    return self._here(LEDGER), ""  # a ledger older than witnesses
                seen = ("", signs.get(WITNESS, ""))
            if seen[0] == seen[1]:
                break
        if not seen[0]:
            _check_beginning(sorted(signs))
        return seen

    def _here(self, ref: str) -> str:
        """The commit of a ref that was fetched."""
        return self.git.run("rev-parse", ref)

    def _rest(self, turn: int) -> None:
        self.pause(self.jitter() * min(2.0, 0.05 * 2**turn))

    def signs(self) -> dict[str, str]:
        """The remote's refs that only a factory makes, and their commits."""
        there = self.git.remote_refs("refs/ao/*", f"refs/heads/{self.branches}*")
        task = re.compile(rf"refs/heads/{re.escape(self.branches)}[1-9]\d*(-\d+)?|refs/ao/.+")
        return {ref: oid for ref, oid in there.items() if task.fullmatch(ref)}

    def _check_forward(self, oid: str, witness: str, book: Book) -> None:
        """Somebody else moved the ledger: forward, or away from what we wrote? It is asked of what
        was read: what is there by now may have been repaired."""
        self.git.fetch(*_BOTH, depth=WHOLE)
        kept = self.is_ancestor(witness, oid)
        before = fleet_from(self.files(witness)).epoch if kept else 0
        if not kept or before > book.fleet.epoch:
            raise LedgerError(
                f"{LEDGER} was rolled back, or moved by force: {WITNESS} is where ao-actions left "
                f"it; {WAY_OUT}"
            )

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether a commit that was fetched goes on from another, or is that one."""
        return self.git.attempt("merge-base", "--is-ancestor", old, new).code == 0

    def recall(self, tip: Tip, issues: Iterable[int]) -> Tip:
        """The same tip with the finished records of these issues, where there are any.

        :raises LedgerError: one is damaged, or the finished records are gone
        """
        wanted = [number for number in issues if number not in tip.book.finished]
        if not wanted or not self._fetch_finished(tip):
            return tip
        files = self.some_files(FINISHED, [path_of(number) for number in wanted])
        records = [record_from(content, path, FINISHED) for path, content in files.items()]
        found = {record.issue: record for record in records}
        check_counter(tip.book.fleet, found.values())
        book = replace(tip.book, finished={**tip.book.finished, **found})
        return replace(tip, book=book)

    def _fetch_finished(self, tip: Tip) -> bool:
        """False where no task has finished yet: then all epochs are accounted for.

        :raises LedgerError: the finished records are gone
        """
        for turn in range(LOOKS):
            if self.git.fetch(f"+{FINISHED}:{FINISHED}"):
                return True
            if len(epochs(tip.book.tasks.values())) >= tip.book.fleet.epoch:
                return False
            self._rest(turn)
        raise LedgerError(
            f"{FINISHED} is gone: {tip.book.fleet.epoch} epochs were given out, and the live tasks "
            f"do not account for all; {WAY_OUT}"
        )

    def history(self) -> dict[int, TaskRecord]:
        """The records of all finished tasks: for reports."""
        if not self.git.fetch(f"+{FINISHED}:{FINISHED}"):
            return {}
        files = self.files(FINISHED)
        records = (record_from(content, path, FINISHED) for path, content in files.items())
        return {record.issue: record for record in records}

    def entries(self, commit: str) -> list[Entry]:
        """What is in a commit that was fetched.

        :raises LedgerError: it cannot be read
        """
        done = self.git.attempt("ls-tree", "-r", "-z", "--long", "--full-tree", commit)
        if done.code != 0:
            raise LedgerError(f"{commit} cannot be read: {done.err.strip()}")
        found = []
        for line in done.out.decode(errors="surrogateescape").split("\0")[:-1]:
            words, path = line.split("\t", 1)
            mode, _, oid, size = words.split()
            found.append(Entry(mode, oid, int(size) if size != "-" else None, path))
        return found

    def files(self, commit: str) -> dict[str, bytes]:
        """The contents of the ledger's own files in a commit that was fetched.

        :raises LedgerError: one is no plain file, or too large
        """
        entries = [entry for entry in self.entries(commit) if ours(entry.path)]
        for entry in entries:
            fault = fault_of(entry)
            if fault is not None:
                raise LedgerError(f"{commit}:{entry.path} {fault}: {WAY_OUT}")
        try:
            contents = self.git.blobs(entry.oid for entry in entries)
        except GitError as error:
            raise LedgerError(f"{commit} cannot be read: {error}") from None
        return {e.path: content or b"" for e, content in zip(entries, contents, strict=True)}

    def some_files(self, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        """The contents of those of these files that are there."""
        contents = self.git.blobs(f"{commit}:{path}" for path in paths)
        return {path: c for path, c in zip(paths, contents, strict=True) if c is not None}

    # ---- writing ---------------------------------------------------------------------------

    def draft(self, tip: Tip, book: Book, lines: Sequence[str], *, at: datetime) -> Draft:
        """Commit the change from `tip.book` to `book`; `lines` say what happened."""
        hot, gone = _changes(tip.book, book)
        new = self.commit(LEDGER, tip.oid, changed=hot, gone=gone, lines=lines, at=at)
        moves = {LEDGER: (tip.oid, new), WITNESS: (tip.witness, new)}
        done = {
            path_of(number): as_json(record)
            for number, record in book.finished.items()
            if tip.book.finished.get(number) != record
        }
        if done:
            old = self._here(FINISHED) if self._fetch_finished(tip) else ""
            ended = self.commit(FINISHED, old, changed=done, lines=lines, at=at)
            moves[FINISHED] = (old, ended)
        return Draft(Tip(new, book, new), moves)

    def commit(
        self,
        ref: str,
        parent: str,
        *,
        changed: Mapping[str, bytes],
        gone: Iterable[str] = (),
        moved: Iterable[tuple[str, str]] = (),
        tree: str = "",
        lines: Sequence[str],
        trailers: Sequence[str] = (),
        at: datetime,
    ) -> str:
        """One commit on `parent`, by one `git fast-import`: no index and no work tree.

        It begins with the files of `parent`, or of `tree`; then `moved` (old path, new path) is
        done, then `gone`, then `changed`.
        """
        ends = [*trailers, f"Nonce: {self.nonce()}", ""]
        message = "\n".join([_subject(lines), "", *lines, "", *ends])
        scratch = ref.replace("refs/ao/", "refs/draft/")
        stamp = f"{int(at.timestamp())} +0000"
        parts = [
            f"commit {scratch}\nmark :1\ncommitter {BOT.name} <{BOT.email}> {stamp}\n".encode(),
            _data(message.encode()),
            f"from {parent}\n".encode() if parent else b"",
        ]
        parts += [f'M 040000 {tree} ""\n'.encode()] if tree else []
        parts += [f"R {_quoted(old)} {_quoted(new)}\n".encode() for old, new in moved]
        parts += [f"D {_quoted(path)}\n".encode() for path in gone]
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
            self._rest(turn)
        raise LedgerError(
            f"{LEDGER} was moved by others {tries} times in a row: the next pass tries again"
        )


def _newcomers(tip: Tip, steps: Iterable[actions.Transition]) -> list[int]:
    """Issues claimed without a live record: they may have a finished one (they came back)."""
    claims = (step.issue for step in steps if isinstance(step, actions.Claim))
    return [number for number in claims if number not in tip.book.tasks]


# ---- commits and refusals -------------------------------------------------------------------


def _changes(old: Book, new: Book) -> tuple[dict[str, bytes], list[str]]:
    changed = {
        path_of(number): as_json(record)
        for number, record in new.tasks.items()
        if old.tasks.get(number) != record
    }
    if old.fleet != new.fleet or not old.tasks:
        changed[FLEET] = as_json(new.fleet)
    return changed, [path_of(number) for number in old.tasks if number not in new.tasks]


def _check_beginning(signs: Sequence[str]) -> None:
    """A repository without a ledger never had one, or epochs would begin again at 1."""
    if signs:
        more = f" and {len(signs) - 3} more" if len(signs) > 3 else ""
        raise LedgerError(
            f"{LEDGER} is gone: {', '.join(signs[:3])}{more} show that there was one. A new "
            f"one would give out the same epochs again: {WAY_OUT}"
        )


def fault_of(entry: Entry) -> str | None:
    """Why git's entry cannot be one of our files, whatever is in it."""
    if entry.mode != "100644" or entry.size is None:
        kinds = {"120000": "a symbolic link", "160000": "a submodule", "100755": "a program"}
        return f"is {kinds.get(entry.mode, entry.mode)}, not a plain file"
    if entry.size > LARGEST:
        return f"has {entry.size} bytes, more than {LARGEST}"
    return None


def _quoted(path: str) -> str:
    """As fast-import takes a path that people may have named."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _subject(lines: Sequence[str]) -> str:
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{lines[0]}{more}"


def _refusal(out: str, err: str) -> str:
    remote = [line[8:].strip() for line in err.splitlines() if line.startswith("remote: ")]
    said = " ".join(part for part in (*remote[:3], *porcelain_reasons(out)[:2]) if part)
    return f"the push was refused: {said or reason(err)}"
