"""Is the ledger sound? Every file at its tips, and every commit of its history.

What is wrong at the tip stops the factory or may make it do a thing twice, and `repair` mends
it. What was wrong in an older commit is a finding until a repair has looked at it: its commit
has the trailer `Repaired`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ao_actions import bookfiles
from ao_actions.bookfiles import FINISHED, FLEET, LEDGER, WITNESS, path_of
from ao_actions.core.model import Fleet, TaskRecord
from ao_actions.errors import AoError, LedgerError
from ao_actions.ledger import Ledger, fault_of
from ao_actions.upkeep import history
from ao_actions.upkeep.finding import Finding, Kind
from ao_actions.upkeep.history import Commit
from ao_actions.upkeep.walk import Walk, repaired


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
    refs = history.fetch(ledger.git)
    seen = inspect(ledger, refs, max_parallel)
    seen.findings[:0] = _look_at_refs(ledger, refs)
    return seen


def inspect(ledger: Ledger, refs: dict[str, str], max_parallel: int | None = None) -> Examination:
    """What is below these refs, whose commits were fetched."""
    seen = Examination(refs=refs)
    for ref, shelf in ((LEDGER, "live"), (FINISHED, "finished")):
        if ref in seen.refs:
            setattr(seen, shelf, shelve(ledger, ref, seen.refs[ref], seen.findings))
    if LEDGER in seen.refs:
        _look_back(ledger, seen, max_parallel)
        _compare(seen)
    return seen


def _look_at_refs(ledger: Ledger, refs: dict[str, str]) -> list[Finding]:
    tip, witness = refs.get(LEDGER, ""), refs.get(WITNESS, "")
    if not tip:
        signs = sorted(ledger.signs())
        what = f"is not there, but {', '.join(signs[:3])} show that it was"
        return [Finding(kind=Kind.GONE, ref=LEDGER, commit="", what=what)] if signs else []
    if witness in ("", tip) or ledger.is_ancestor(witness, tip):
        return []
    what = f"is not the commit that ao-actions left there, {witness[:10]}, nor one after it"
    return [Finding(kind=Kind.ROLLED_BACK, ref=LEDGER, commit=tip, what=what)]


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


# ---- history -------------------------------------------------------------------------------


def _look_back(ledger: Ledger, seen: Examination, max_parallel: int | None) -> None:
    try:
        seen.commits = history.commits(ledger.git, seen.refs[LEDGER])
    except AoError as error:
        tip = seen.refs[LEDGER]
        seen.findings.append(Finding(kind=Kind.PAST, ref=LEDGER, commit=tip, what=str(error)))
        return
    walk = Walk(ledger.git, max_parallel)
    past: list[Finding] = []
    for commit, files in history.contents(ledger.git, seen.commits):
        if repaired(commit):
            past.clear()
            walk.forgive()
        past += walk.step(commit, files)
    seen.highest, seen.most_claims = walk.highest, walk.most_claims
    known = {(finding.ref, finding.path) for finding in seen.findings}
    tip = seen.refs[LEDGER]
    seen.findings += [f for f in past if f.commit != tip or (f.ref, f.path) not in known]
    for path, commit in walk.ended.items():
        if path not in seen.finished.records:
            what = f"{commit.oid[:10]} finished it, and it is not here"
            gone = seen.refs.get(FINISHED, "")
            seen.findings.append(
                Finding(kind=Kind.GONE, ref=FINISHED, commit=gone, path=path, what=what)
            )
