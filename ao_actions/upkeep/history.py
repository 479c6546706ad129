"""The ledger's history, across compactions: what changed when, and what was said of it.

A compacted ledger begins with a commit that names, in its trailer `Earlier`, the commit before
it; that one lies under `refs/ao/archive/` (see `compact`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ao_actions.bookfiles import FINISHED, LARGEST, LEDGER, WITNESS, ours, path_of
from ao_actions.errors import AoError, GitError
from ao_actions.git import OUTPUT, WHOLE, Git

ARCHIVE = "refs/ao/archive/"
BATCH = 5_000  # contents that are held in memory at once
_EARLIER = re.compile(r"^Earlier: ([0-9a-f]{40,64})$", re.MULTILINE)
_EPOCH = re.compile(r"\bepoch (\d{1,15})\b")
_CHANGE = re.compile(r":\d+ (\d+) [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\t(.*)")
_KINDS = {"000000": None, "160000": ""}
_FORM = "%x00%x01%H%x00%T%x00%P%x00%ct%x00%an%x00%ae%x00%B%x00"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that a commit wrote (`oid` is None where it took it away, "" for a submodule)."""

    path: str
    oid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit, and how it differs from its (first) parent. `earlier` is set on the first
    commit after a compaction; its `changes` are none then."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    at: datetime
    author: str
    email: str
    message: str
    changes: tuple[Change, ...]
    earlier: str | None = None

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0] or "(nothing)"

    @property
    def lines(self) -> list[str]:
        """What the commit says happened, a line for each thing."""
        paragraphs = self.message.split("\n\n")
        return paragraphs[1].splitlines() if len(paragraphs) > 1 else paragraphs


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of one task's history. `run_id` is that of the run that had the claim."""

    at: datetime
    commit: str
    epoch: int | None
    what: str
    run_id: int | None


def fetch(git: Git, *refs: str, filters: str | None = None) -> dict[str, str]:
    """The ledger's refs, or these, with their whole history, now here: ref to commit.

    :raises GitError: the remote did not answer
    """
    there = git.remote_refs(*(refs or (LEDGER, WITNESS, FINISHED)), f"{ARCHIVE}*")
    if not there:
        return {}
    wanted = [f"+{ref}:{ref}" for ref in there]
    if not git.fetch(*wanted, depth=WHOLE, filters=filters):
        raise GitError("refs of the ledger were deleted while they were read: try again")
    return dict(zip(there, git.run("rev-parse", *there).split(), strict=True))


def commits(git: Git, tip: str, *paths: str) -> list[Commit]:
    """The line of first parents down to `tip`, oldest first; of `paths`, where they are given,
    what changed them.

    :raises AoError: the history is not whole
    """
    parts: list[list[Commit]] = []
    seen: set[str] = set()
    start: str | None = tip
    while start is not None and start not in seen:
        seen.add(start)
        parts.append(own_line(git, start, *paths))
        start = _before(git, start)
    return [commit for part in reversed(parts) for commit in part]


def own_line(git: Git, tip: str, *paths: str) -> list[Commit]:
    """The commits of the ref itself, oldest first: since it was compacted, if it was."""
    options = ("--first-parent", "--diff-merges=first-parent", "--root", "--raw", "--no-abbrev")
    order = ("--reverse", "--no-renames", f"--format={_FORM}")
    done = git.attempt("log", *options, *order, tip, "--", *paths)
    if done.code != 0:
        raise AoError(f"the commit {tip} of the ledger's history is not there: {done.err.strip()}")
    return [_commit(text) for text in done.out.decode(errors="replace").split("\0\x01")[1:]]


def _before(git: Git, tip: str) -> str | None:
    """The commit that the first one of this line names as the one before it."""
    first = git.run("log", "--first-parent", "--max-parents=0", "--format=%B", tip)
    earlier = _EARLIER.search(first)
    return earlier[1] if earlier else None


def _commit(text: str) -> Commit:
    oid, tree, parents, at, author, email, message, raw = text.split("\0", 7)
    earlier = _EARLIER.search(message) if not parents else None
    changes = (_CHANGE.fullmatch(line) for line in raw.splitlines())
    return Commit(
        oid=oid,
        tree=tree,
        parents=tuple(parents.split()),
        at=datetime.fromtimestamp(int(at), UTC),
        author=author,
        email=email,
        message=message,
        earlier=earlier[1] if earlier else None,
        changes=()
        if earlier
        else tuple(
            Change(found[3], _KINDS.get(found[1], found[2]))
            for found in changes
            if found is not None and ours(found[3])
        ),
    )


def contents(git: Git, history: Iterable[Commit]) -> Iterator[tuple[Commit, dict[str, Any]]]:
    """Each commit with the JSON of what it wrote by path: None for what it took away, and a
    `ValueError` for what is no JSON object."""
    batch: list[Commit] = []
    wanted = 0
    for commit in history:
        batch.append(commit)
        wanted += len(commit.changes)
        if wanted >= BATCH:
            yield from _read(git, batch)
            batch, wanted = [], 0
    yield from _read(git, batch)


def _read(git: Git, batch: list[Commit]) -> Iterator[tuple[Commit, dict[str, Any]]]:
    oids = sorted({change.oid for commit in batch for change in commit.changes if change.oid})
    sizes = dict(zip(oids, git.sizes(oids), strict=True))
    small = [oid for oid in oids if sizes[oid] <= LARGEST]
    found: dict[str | None, Any] = {None: None, "": ValueError("it is a submodule")}
    for chunk in _chunks(small, sizes):
        blobs = zip(chunk, git.blobs(chunk), strict=True)
        found |= {oid: _parsed(blob) for oid, blob in blobs}
    large = ValueError(f"it has more than {LARGEST} bytes")
    for commit in batch:
        yield commit, {c.path: found.get(c.oid, large) for c in commit.changes}


def _chunks(oids: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """So many contents that one git may print them at once."""
    chunk: list[str] = []
    room = OUTPUT // 2
    for oid in oids:
        if sizes[oid] > room:
            yield chunk
            chunk, room = [], OUTPUT // 2
        chunk.append(oid)
        room -= sizes[oid] + 100
    yield chunk


def _parsed(content: bytes | None) -> Any:
    try:
        value = json.loads(content or b"")
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))
    return value if isinstance(value, dict) else ValueError("it is no JSON object")


def log(git: Git, issue: int) -> list[Entry]:
    """What happened to one task, oldest first; empty where the ledger never had it.

    Files are not fetched but those of the task: of an old ledger they are the most.

    :raises AoError: the history is not whole
    """
    refs = fetch(git, LEDGER, filters="blob:none")
    if LEDGER not in refs:
        return []
    path = path_of(issue)
    touched = [commit for commit in commits(git, refs[LEDGER], path) if commit.changes]
    versions = sorted({change.oid for commit in touched for change in commit.changes if change.oid})
    git.fetch_left_out(versions)
    entries: list[Entry] = []
    before: dict[str, Any] = {}
    for commit, files in contents(git, touched):
        value = files[path]
        after = value if isinstance(value, dict) else {}
        mine = [line for line in commit.lines if line.startswith(f"task {issue}: ")]
        said = [line.partition(": ")[2] for line in mine]
        said = said or [f"{commit.subject} (by {commit.author})"]
        for what in said:
            named = _EPOCH.search(what)
            epoch = int(named[1]) if named else _number((after or before).get("epoch"))
            run_id = _run(after, epoch) or _run(before, epoch)
            entries.append(
                Entry(at=commit.at, commit=commit.oid, epoch=epoch, what=what, run_id=run_id)
            )
        before = after
    return entries


def _run(record: dict[str, Any], epoch: int | None) -> int | None:
    """The run that had the claim of this epoch, as far as the record knows it."""
    attempts, claim = record.get("attempts"), record.get("claim")
    held = [claim] if record.get("epoch") == epoch else []
    tried = attempts if isinstance(attempts, list) else []
    for each in (*held, *(t for t in tried if isinstance(t, dict) and t.get("epoch") == epoch)):
        run_id = _number(each.get("run_id")) if isinstance(each, dict) else None
        if run_id is not None:
            return run_id
    return None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def table(entries: Iterable[Entry]) -> list[str]:
    """The history as lines of text, the first one with the columns' names."""
    rows = [
        f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.commit[:10]}  {entry.epoch or '-':<5}  "
        f"{entry.run_id or '-':<12}  {entry.what}"
        for entry in entries
    ]
    return [f"{'WHEN (UTC)':19}  {'COMMIT':10}  EPOCH  {'RUN':12}  WHAT", *rows] if rows else []
