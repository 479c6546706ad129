"""Mend what `verify` finds, as far as that takes no guess; each repair is a commit of the ledger.

A dry run makes the same commits and pushes none of them, so it shows what the real run does.
What is replaced stays: in the history, below `damaged/`, or under `refs/ao/archive/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ao_actions.bookfiles import (
    FINISHED,
    FLEET,
    LARGEST,
    LEDGER,
    WITNESS,
    as_json,
    decoded,
    epochs,
    fleet_from,
    issue_of,
    path_of,
)
from ao_actions.core.model import Book, Fleet, Outcome, Stop, TaskRecord
from ao_actions.core.transitions import branch_name, end_claim
from ao_actions.errors import LedgerError
from ao_actions.ledger import Draft, Ledger, Tip
from ao_actions.upkeep import copies, history, verify
from ao_actions.upkeep.finding import Finding, Kind
from ao_actions.upkeep.history import ARCHIVE, Commit
from ao_actions.upkeep.rebuild import ASK
from ao_actions.upkeep.walk import ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How to repair. `to`: a commit to go on from. `clone`: a repository on this machine that may
    have the refs. `keeper`: who is asked where the owner is not known. `rebuilt` makes a book
    from what GitHub shows, where it was asked for."""

    at: datetime
    keeper: str
    to: str | None = None
    clone: Path | None = None
    rebuilt: Callable[[], Book] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a repair does, in words and as a draft; `left` needs a person."""

    lines: tuple[str, ...]
    draft: Draft
    left: tuple[Finding, ...] = ()


def plan(ledger: Ledger, seen: verify.Examination, wish: Wish) -> Plan:
    """What can be mended of what was seen; without lines, nothing is to be done.

    :raises LedgerError: the ledger is gone, and nothing is known to go on from
    """
    lost = [f for f in seen.findings if f.ref == LEDGER and f.kind is Kind.GONE]
    moved = [f for f in seen.findings if f.kind is Kind.ROLLED_BACK]
    mending = Mending(ledger, wish, dict(seen.refs), seen)
    if wish.to is not None:
        mending.go_on_from(copies.named(ledger.git, wish.to, wish.clone), "as was asked for")
    elif moved:
        mending.go_on_from(seen.refs[WITNESS], f"from {WITNESS}")
    elif lost:
        _restore(mending)
    mending.mend()
    return mending.plan()


def perform(ledger: Ledger, plan: Plan) -> None:
    """Push it.

    :raises LedgerError: somebody moved the ledger meanwhile
    """
    if not ledger.push(plan.draft):
        raise LedgerError(
            f"{LEDGER} was moved by somebody meanwhile: nothing was changed. Repair again."
        )


def _restore(mending: Mending) -> None:
    """Go on from the newest state that is known of a ledger that is gone."""
    wish, refs = mending.wish, mending.refs
    if WITNESS in refs:
        mending.go_on_from(refs[WITNESS], f"from {WITNESS}")
        return
    if wish.rebuilt is not None:
        mending.begin(wish.rebuilt())
        return
    found = copies.newest(mending.ledger, wish.clone)
    if not found:
        raise LedgerError(
            f"{LEDGER} is gone, and no copy was found: nothing was changed. Run this in a clone "
            "that has refs/ao/*, name a commit with --to, or use --from-github, which asks the "
            "owners of all open work"
        )
    mending.go_on_from(found, f"from the clone {wish.clone}")


@dataclass(slots=True)
class Sheet:
    """What becomes of the files of one ref."""

    base: str = ""
    tree: str = ""
    changed: dict[str, bytes] = field(default_factory=dict)
    moved: list[tuple[str, str]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)


class Mending:
    """A repair as it is thought out: what is done to each ref, and the words for it."""

    def __init__(
        self, ledger: Ledger, wish: Wish, refs: dict[str, str], seen: verify.Examination
    ) -> None:
        self.ledger, self.wish, self.refs, self.seen = ledger, wish, refs, seen
        self.base = refs.get(LEDGER, "")
        self.lines: list[str] = []
        self.left: list[Finding] = []
        self.records: dict[int, TaskRecord] = {}
        self.fleet: Fleet | None = None
        self.sheets = {LEDGER: Sheet(), FINISHED: Sheet(base=refs.get(FINISHED, ""))}
        self.highest = seen.highest

    # ---- what to go on from ------------------------------------------------------------------

    def go_on_from(self, commit: str, why: str) -> None:
        """Look at the ledger as if that commit were its tip."""
        was = self.refs.get(LEDGER, "")
        now = f"it was at {was[:10]}" if was else "it was gone"
        self.lines.append(f"ledger: restored to {commit[:10]}, {why} ({now})")
        self.base = commit
        refs = {**self.refs, LEDGER: commit}
        self.seen = verify.inspect(self.ledger, refs)
        self.highest = max(self.highest, self.seen.highest)

    def begin(self, book: Book) -> None:
        """A ledger of what is left to be seen."""
        self.lines.append(f"ledger: rebuilt from GitHub, {len(book.tasks)} tasks")
        for issue, record in sorted(book.tasks.items()):
            self.put(record, f"task {issue}: found on GitHub, its owner is asked")
        self.fleet = book.fleet
        self.highest = max(self.highest, book.fleet.epoch)
        self.seen = verify.Examination(refs=self.refs)

    # ---- mending -----------------------------------------------------------------------------

    def put(self, record: TaskRecord, line: str) -> None:
        self.records[record.issue] = record
        self.sheets[LEDGER].changed[path_of(record.issue)] = as_json(record)
        self.lines.append(line)

    def mend(self) -> None:
        self._stand_on_base()
        self.records |= {
            record.issue: record
            for path, record in self.seen.live.records.items()
            if path == path_of(record.issue)
        }
        self.fleet = self.fleet or self.seen.live.fleet
        for finding in self.seen.findings:
            self._mend(finding)
        self._count()

    def _stand_on_base(self) -> None:
        """On the commit, or on its files alone: a shallow clone has nothing before it, and GitHub
        takes no commit whose parents it has not."""
        sheet, git = self.sheets[LEDGER], self.ledger.git
        shallow = git.run("rev-parse", "--is-shallow-repository") == "true"
        if self.base and shallow and self.base not in self.refs.values():
            sheet.tree = git.run("rev-parse", f"{self.base}^{{tree}}")
            self.lines.append("ledger: begins anew, for the clone has no older commits")
        else:
            sheet.base = self.base

    def _mend(self, finding: Finding) -> None:
        match finding.kind:
            case Kind.NEWER:
                self.left.append(finding)
            case Kind.DAMAGED if finding.path == FLEET:
                self.fleet = self._last_fleet()
                self.lines.append("fleet.json: restored from the history")
            case Kind.DAMAGED:
                self._restore(finding)
            case Kind.MISPLACED:
                self._move(finding)
            case Kind.TWICE:
                self._end_claims(finding)
            case Kind.ENDED:
                self._set_aside(finding)
            case Kind.GONE if finding.ref == FINISHED and finding.path:
                self._end_again(finding)
            case Kind.PAST | Kind.CROWDED:
                where = f"{finding.commit[:10]}:{finding.path}".rstrip(":")
                self.lines.append(f"ledger: looked at: {where} {finding.what}")
            case _:  # the refs themselves, and the counter: see `plan` and `_count`
                pass

    def _restore(self, finding: Finding) -> None:
        """The last good version of a record, or a record that asks its owner."""
        path, sheet = finding.path, self.sheets[finding.ref]
        issue = issue_of(path)
        good = self._last_good(finding) if issue is not None and path == path_of(issue) else None
        if good is not None:
            commit, record = good
            line = f"task {issue}: {path} restored from {commit.oid[:10]} ({finding.what})"
            if finding.ref == LEDGER:
                self.put(record, line)
            else:
                sheet.changed[path] = as_json(record)
                self.lines.append(f"{line}, finished")
            return
        self._set_aside(finding)
        if issue is not None and finding.ref == LEDGER and issue not in self.records:
            self.put(self._asking(issue), f"task {issue}: nothing is known of it, a human is asked")

    def _last_good(self, finding: Finding) -> tuple[Commit, TaskRecord] | None:
        commits = (
            self.seen.commits
            if finding.ref == LEDGER
            else history.commits(self.ledger.git, self.refs[FINISHED])
        )
        for commit in reversed(commits):
            for change in commit.changes:
                if change.path == finding.path and change.oid:
                    record = self._sound(change.oid, finding)
                    if record is not None:
                        return commit, record
        return None

    def _sound(self, oid: str, finding: Finding) -> TaskRecord | None:
        if self.ledger.git.sizes([oid])[0] > LARGEST:
            return None
        [content] = self.ledger.git.blobs([oid])
        try:
            record = decoded(content or b"", finding.path, finding.ref)
        except LedgerError:
            return None
        claimed = record.claim is not None
        impossible = claimed and (record.epoch < 1 or finding.ref == FINISHED)
        return record if path_of(record.issue) == finding.path and not impossible else None

    def _asking(self, issue: int) -> TaskRecord:
        at = self.wish.at
        stop = Stop(
            reason="its record in the ledger was damaged, and no good one was found",
            ask=ASK,
            at=at,
        )
        branch = branch_name(self.ledger.branches, issue, 1)
        return TaskRecord(
            issue=issue, branch=branch, owner=self.wish.keeper, created_at=at, stop=stop
        )

    def _set_aside(self, finding: Finding) -> None:
        sheet, path = self.sheets[finding.ref], finding.path
        sheet.moved.append((path, f"damaged/{path}"))
        found = self.seen.live.records.get(path)
        if finding.ref == LEDGER and found is not None and path == path_of(found.issue):
            self.records.pop(found.issue, None)
        self.lines.append(f"{path}: set aside as damaged/{path} ({finding.what})")

    def _move(self, finding: Finding) -> None:
        """To its place; where that is taken, by a record of a later epoch or not, aside."""
        sheet, live = self.sheets[finding.ref], finding.ref == LEDGER
        shelf = self.seen.live if live else self.seen.finished
        record = shelf.records[finding.path]
        place = path_of(record.issue)
        if place in shelf.records or place in sheet.taken or place in sheet.changed:
            self._set_aside(finding)
            return
        sheet.moved.append((finding.path, place))
        sheet.taken.add(place)
        if live:
            self.records[record.issue] = record
        self.lines.append(f"task {record.issue}: moved from {finding.path} to {place}")

    def _end_claims(self, finding: Finding) -> None:
        """Nobody can say whose epoch it is: both claims end, and their runs find them gone."""
        record = self.seen.live.records[finding.path]
        for each in [r for r in self.records.values() if r.claim and r.epoch == record.epoch]:
            ended = end_claim(
                each, outcome=Outcome.LOST, detail="two tasks had its epoch", at=self.wish.at
            )
            self.put(ended, f"task {each.issue}: released, epoch {each.epoch}, it was not its own")

    def _end_again(self, finding: Finding) -> None:
        """The finished record, from the last live one: as `Finish` made it."""
        before: dict[str, TaskRecord] = {}
        for commit in self.seen.commits:
            for change in commit.changes:
                if change.path != finding.path:
                    continue
                phase = ending(commit, finding.path) if change.oid is None else None
                last = before.get(finding.path)
                if phase is not None and last is not None:
                    if last.claim is not None:
                        last = end_claim(
                            last, outcome=Outcome.WITHDRAWN, detail="it finished", at=commit.at
                        )
                    last = replace(last, finished=phase, finished_at=commit.at)
                    self.sheets[FINISHED].changed[finding.path] = as_json(last)
                elif change.oid:
                    record = self._sound(change.oid, replace(finding, ref=LEDGER))
                    before = {finding.path: record} if record else before
        issue = issue_of(finding.path)
        if finding.path in self.sheets[FINISHED].changed:
            self.lines.append(f"task {issue}: its finished record was made again")
        else:
            self.left.append(finding)

    # ---- the counter -------------------------------------------------------------------------

    def _last_fleet(self) -> Fleet:
        for commit in reversed(self.seen.commits):
            for change in commit.changes:
                if change.path == FLEET and change.oid:
                    [content] = self.ledger.git.blobs([change.oid])
                    try:
                        return fleet_from({FLEET: content or b""})
                    except LedgerError:
                        continue
        return Fleet()

    def _count(self) -> None:
        """No epoch is given out twice, whatever was lost."""
        fleet = self.fleet or Fleet()
        highest = max(self.highest, fleet.epoch, *epochs(self.records.values()), 0)
        if highest > fleet.epoch:
            self.lines.append(f"fleet.json: the epoch counter set from {fleet.epoch} to {highest}")
            fleet = replace(fleet, epoch=highest)
        if fleet != self.seen.live.fleet:
            self.sheets[LEDGER].changed[FLEET] = as_json(fleet)
        self.fleet = fleet

    # ---- the commits -------------------------------------------------------------------------

    def plan(self) -> Plan:
        fleet = self.fleet or Fleet()
        given = epochs(self.records.values())
        # Without it, epochs that no record accounts for would say that it was deleted.
        begins = (
            FINISHED not in self.refs
            and len(given) < fleet.epoch
            and bool(self.lines or self.seen.findings)
        )
        if begins and not self.sheets[FINISHED].changed:
            self.lines.append("finished: begun anew, without records")
        if not self.lines:
            return Plan(lines=(), draft=Draft(Tip("", Book()), {}), left=tuple(self.left))
        moves: dict[str, tuple[str, str]] = {}
        for ref, sheet in self.sheets.items():
            if ref == LEDGER or sheet.changed or sheet.moved or begins:
                moves[ref] = (self.refs.get(ref, ""), self._commit(ref, sheet))
        new = moves[LEDGER][1]
        moves[WITNESS] = (self.refs.get(WITNESS, ""), new)
        moves |= self._kept()
        book = Book(fleet=fleet, tasks=self.records)
        return Plan(
            lines=tuple(self.lines), draft=Draft(Tip(new, book, new), moves), left=tuple(self.left)
        )

    def _commit(self, ref: str, sheet: Sheet) -> str:
        return self.ledger.commit(
            ref,
            sheet.base,
            changed=sheet.changed,
            moved=sheet.moved,
            tree=sheet.tree,
            lines=self.lines,
            trailers=["Repaired: yes"],
            at=self.wish.at,
        )

    def _kept(self) -> Mapping[str, tuple[str, str]]:
        """What the ledger's ref leaves behind, under a name of its own."""
        was = self.refs.get(LEDGER, "")
        if not was or was == self.base or self.ledger.is_ancestor(was, self.base):
            return {}
        name = f"{ARCHIVE}{self.wish.at:%Y-%m-%d}-{was[:10]}"
        return {} if name in self.refs else {name: ("", was)}
