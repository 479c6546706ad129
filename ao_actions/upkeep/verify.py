"""Is the ledger sound? Every file at its tips, and every commit of its history.

What is wrong at the tip stops the factory or may make it do a thing twice, and `repair` mends
it. What was wrong in an older commit is a finding until a repair has looked at it: its commit
has the trailer `Repaired`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ao_actions import bookfiles
from ao_actions.bookfiles import FINISHED, FLEET, LEDGER, WITNESS, issue_of, path_of
from ao_actions.core.model import SCHEMA, Fleet, TaskRecord
from ao_actions.errors import AoError, LedgerError
from ao_actions.ledger import Ledger, fault_of
from ao_actions.upkeep import history
from ao_actions.upkeep.history import Commit


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is at the tip of one ref: the records and files that are sound."""

    records: dict[str, TaskRecord] = field(default_factory=dict)
    fleet: Fleet | None = None


@dataclass(slots=True, kw_only=True)
class Examination:
    """All that a look at the whole ledger shows. `highest`: of all epochs that were ever given
    out; `most_claims`: that were live at once, over the whole history."""

    refs: dict[str, str]
    findings: list[Finding] = field(default_factory=list)
    live: Shelf = field(default_factory=Shelf)
    finished: Shelf = field(default_factory=Shelf)
    commits: list[Commit] = field(default_factory=list)
    highest: int = 0
    most_claims: int = 0

    @property
    def figures(self) -> dict[str, int]:
        return {
            "commits": len(self.commits),
            "live": len(self.live.records),
            "finished": len(self.finished.records),
            "epochs": self.highest,
            "most_claims": self.most_claims,
        }


def examine(ledger: Ledger, max_parallel: int | None = None) -> Examination:
    """Look at everything; with `max_parallel`, at how many claims were live, too.

    :raises GitError: the remote did not answer
    """
    seen = Examination(refs=history.fetch(ledger.git))
    _look_at_refs(ledger, seen)
    for ref, shelf in ((LEDGER, "live"), (FINISHED, "finished")):
        if ref in seen.refs:
            setattr(seen, shelf, shelve(ledger, ref, seen.refs[ref], seen.findings))
    if LEDGER in seen.refs:
        _look_back(ledger, seen, max_parallel)
        _compare(seen)
    return seen


def _look_at_refs(ledger: Ledger, seen: Examination) -> None:
    tip, witness = seen.refs.get(LEDGER, ""), seen.refs.get(WITNESS, "")
    if not tip:
        try:
            ledger.read()
        except LedgerError as error:
            seen.findings.append(
                Finding(kind=Kind.GONE, ref=LEDGER, commit=witness, what=str(error).split(": nothing")[0])
            )
    elif witness not in ("", tip):
        kept = ledger.git.attempt("merge-base", "--is-ancestor", witness, tip).code == 0
        if not kept:
            what = f"is not the commit that ao-actions left there, {witness[:10]}, nor one after it"
            seen.findings.append(Finding(kind=Kind.ROLLED_BACK, ref=LEDGER, commit=tip, what=what))


def shelve(ledger: Ledger, ref: str, commit: str, findings: list[Finding]) -> Shelf:
    """The sound files of a commit; what is wrong with the others goes to the findings."""
    entries = [entry for entry in ledger.entries(commit) if bookfiles.ours(entry.path)]
    plain = [entry for entry in entries if fault_of(entry) is None]
    contents = dict(zip(plain, ledger.git.blobs(entry.oid for entry in plain), strict=True))
    records: dict[str, TaskRecord] = {}
    fleet: Fleet | None = None

    def found(kind: Kind, path: str, what: str) -> None:
        findings.append(Finding(kind=kind, ref=ref, commit=commit, path=path, what=what))

    for entry in entries:
        path, content = entry.path, contents.get(entry)
        if content is None:
            found(Kind.DAMAGED, path, fault_of(entry) or "is not there")
            continue
        try:
            if path == FLEET:
                fleet = bookfiles.fleet_from({path: content})
            else:
                records[path] = bookfiles.decoded(content, path, ref)
        except LedgerError as error:
            kind = Kind.NEWER if "this version knows" in str(error) else Kind.DAMAGED
            found(kind, path, _in_short(error, path))
    if ref == LEDGER and FLEET not in {entry.path for entry in entries}:
        found(Kind.DAMAGED, FLEET, "is not there, and with it the epoch counter")
    for path, record in records.items():
        if path != path_of(record.issue):
            found(Kind.MISPLACED, path, f"is of task {record.issue}")
        elif record.claim is not None and (record.epoch < 1 or ref == FINISHED):
            found(Kind.DAMAGED, path, "has a claim that cannot be")
    return Shelf(records=records, fleet=fleet)


def _in_short(error: LedgerError, path: str) -> str:
    return str(error).split(f"{path} ", 1)[-1].split(f"{path}: ", 1)[-1].split(": nothing")[0]


def _compare(seen: Examination) -> None:
    """What only shows when the files are held against each other."""
    live = {r.issue: r for p, r in seen.live.records.items() if p == path_of(r.issue)}
    done = {r.issue: r for p, r in seen.finished.records.items() if p == path_of(r.issue)}
    tip = seen.refs[LEDGER]

    def found(kind: Kind, path: str, what: str, ref: str = LEDGER) -> None:
        commit = seen.refs.get(ref, "")
        seen.findings.append(Finding(kind=kind, ref=ref, commit=commit, path=path, what=what))

    counter = seen.live.fleet.epoch if seen.live.fleet else 0
    drawn = bookfiles.epochs((*live.values(), *done.values()))
    seen.highest = max(seen.highest, counter, *drawn, 0)
    if seen.live.fleet and counter < seen.highest:
        found(Kind.COUNTER, FLEET, f"the counter is at {counter}, epoch {seen.highest} was drawn")
    if FINISHED not in seen.refs and len(bookfiles.epochs(live.values())) < counter:
        found(Kind.GONE, "", "epochs were given out that no live task accounts for", FINISHED)
    bearers: dict[int, int] = {}
    for issue, record in sorted(live.items()):
        ended = done.get(issue)
        if ended is not None and record.epoch <= ended.epoch:
            found(Kind.ENDED, path_of(issue), f"is live, but finished at epoch {ended.epoch}")
        elif record.claim is not None and record.epoch in bearers:
            what = f"has the epoch {record.epoch} of task {bearers[record.epoch]}"
            found(Kind.TWICE, path_of(issue), what)
        elif record.claim is not None:
            bearers[record.epoch] = issue
    assert tip  # noqa: S101 - the caller saw it


# ---- history -------------------------------------------------------------------------------


def _look_back(ledger: Ledger, seen: Examination, max_parallel: int | None) -> None:
    try:
        seen.commits = history.commits(ledger.git, seen.refs[LEDGER])
    except AoError as error:
        past = Finding(kind=Kind.PAST, ref=LEDGER, commit=seen.refs[LEDGER], what=str(error))
        seen.findings.append(past)
        return
    walk = _Walk(seen, max_parallel)
    past: list[Finding] = []
    for commit, files in history.contents(ledger.git, seen.commits):
        if repaired(commit):
            past.clear()
            walk.forgive()
        past += walk.step(commit, files)
    seen.findings += [f for f in past if f.commit != seen.refs[LEDGER] or f.path == ""]


def repaired(commit: Commit) -> bool:
    """Whether a repair has written it, so that what came before was looked at."""
    return "\nRepaired: yes\n" in f"\n{commit.message}\n"


class _Walk:
    """The state of the ledger at each commit, as far as the rules need it."""

    def __init__(self, seen: Examination, max_parallel: int | None) -> None:
        self.seen, self.max_parallel = seen, max_parallel
        self.epochs: dict[str, int] = {}
        self.claims: set[str] = set()
        self.drawn: dict[int, str] = {}
        self.counter = 0
        self.last: Commit | None = None
        self.forgiven = False

    def forgive(self) -> None:
        """A repair may bring an older state back."""
        self.forgiven = True

    def step(self, commit: Commit, files: dict[str, Any]) -> Iterator[Finding]:
        """The rules that this commit breaks; those of its files at the tip are `shelve`'s."""
        words = [*self._line(commit)]
        for path, value in files.items():
            if path == FLEET:
                words += [(path, what) for what in self._count(value)]
        for path, value in files.items():
            if path != FLEET:
                words += [(path, what) for what in self._record(path, value)]
        self.seen.most_claims = max(self.seen.most_claims, len(self.claims))
        if self.max_parallel is not None and len(self.claims) > self.max_parallel:
            yield Finding(
                kind=Kind.CROWDED,
                ref=LEDGER,
                commit=commit.oid,
                what=f"{len(self.claims)} claims are live, {self.max_parallel} are allowed",
            )
        self.last, self.forgiven = commit, False
        for path, what in words:
            yield Finding(kind=Kind.PAST, ref=LEDGER, commit=commit.oid, path=path, what=what)

    def _line(self, commit: Commit) -> Iterable[tuple[str, str]]:
        if len(commit.parents) > 1:
            yield "", f"is a merge of {len(commit.parents)} commits: the ledger is one line"
        if self.last is not None and not commit.parents and commit.earlier != self.last.oid:
            yield "", "begins the ledger anew"

    def _count(self, value: Any) -> Iterable[str]:
        epoch = value.get("epoch") if isinstance(value, dict) else None
        if not isinstance(epoch, int):
            yield "has no epoch counter"
            return
        if epoch < self.counter and not self.forgiven:
            yield f"the counter fell from {self.counter} to {epoch}"
        self.counter = max(epoch, self.counter)
        self.seen.highest = max(self.seen.highest, epoch)

    def _record(self, path: str, value: Any) -> Iterable[str]:
        before = self.epochs.get(path, 0)
        self.claims.discard(path)
        if value is None:
            self.epochs.pop(path, None)
            return
        if not isinstance(value, dict):
            yield f"is not JSON ({value})"
            return
        schema, epoch = value.get("schema", SCHEMA), value.get("epoch")
        if not isinstance(schema, int) or schema > SCHEMA:
            yield f"has schema {schema}, this version knows {SCHEMA}"
        if not isinstance(epoch, int):
            yield "has no epoch"
            return
        if issue_of(path) != value.get("issue") or path != path_of(value["issue"]):
            yield f"is of task {value.get('issue')}"
        if value.get("claim") is not None:
            self.claims.add(path)
            yield from self._claim(path, epoch, before)
        self.epochs[path] = epoch
        self.seen.highest = max(self.seen.highest, epoch)

    def _claim(self, path: str, epoch: int, before: int) -> Iterable[str]:
        if epoch == before or self.forgiven:
            return
        if self.drawn.setdefault(epoch, path) != path or epoch < before:
            yield f"was claimed with epoch {epoch}, which {self.drawn[epoch]} had"
        if epoch > self.counter:
            yield f"was claimed with epoch {epoch}, the counter is at {self.counter}"
