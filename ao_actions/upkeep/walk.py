"""One walk over the ledger's commits, oldest first, and the rules that each has to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ao_actions.bookfiles import FLEET, LEDGER, issue_of, path_of
from ao_actions.core.model import SCHEMA, Phase
from ao_actions.git import Git
from ao_actions.upkeep.finding import Finding, Kind
from ao_actions.upkeep.history import Commit


def repaired(commit: Commit) -> bool:
    """Whether a repair has written it, so that what came before was looked at."""
    return "\nRepaired: yes\n" in f"\n{commit.message}\n"


def ending(commit: Commit, path: str) -> Phase | None:
    """The phase in which a commit says that the task of this path has finished."""
    start = f"task {issue_of(path)}: "
    words = (line.removeprefix(start) for line in commit.lines if line.startswith(start))
    return next((Phase(word) for word in words if word in _LAST), None)


_LAST = {Phase.DONE.value, Phase.WITHDRAWN.value}


class Walk:
    """The state of the ledger at each commit, as far as the rules need it."""

    def __init__(self, git: Git, max_parallel: int | None) -> None:
        self.git = git
        self.max_parallel = max_parallel
        self.highest = 0  # epoch that was drawn
        self.most_claims = 0  # that were live at once
        self.epochs: dict[str, int] = {}
        self.claims: set[str] = set()
        self.drawn: dict[int, str] = {}
        self.counter = 0
        self.ended: dict[str, Commit] = {}
        self.last: Commit | None = None
        self.forgiven = False

    def forgive(self) -> None:
        """A repair may bring an older state back."""
        self.forgiven = True

    def step(self, commit: Commit, files: dict[str, Any]) -> Iterator[Finding]:
        """The rules that this commit breaks; those of its files at the tip are `shelve`'s."""
        words = [*self._line(commit)]
        for path, value in files.items():
            self.ended.pop(path, None)
            if value is None and ending(commit, path) is not None:
                self.ended[path] = commit
        for path, value in files.items():
            if path == FLEET:
                words += [(path, what) for what in self._count(value)]
        for path, value in files.items():
            if path != FLEET:
                words += [(path, what) for what in self._record(path, value)]
        self.most_claims = max(self.most_claims, len(self.claims))
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
        if commit.earlier is not None and self._differs(commit.earlier, commit.oid):
            yield "", f"does not begin with what {commit.earlier[:10]} left"

    def _differs(self, old: str, new: str) -> bool:
        return self.git.attempt("diff-tree", "--quiet", old, new).code != 0

    def _count(self, value: Any) -> Iterable[str]:
        epoch = value.get("epoch") if isinstance(value, dict) else None
        if not isinstance(epoch, int):
            yield "has no epoch counter"
            return
        if epoch < self.counter and not self.forgiven:
            yield f"the counter fell from {self.counter} to {epoch}"
        self.counter = max(epoch, self.counter)
        self.highest = max(self.highest, epoch)

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
        issue = value.get("issue")
        if not isinstance(issue, int) or path != path_of(issue):
            yield f"is of task {issue}"
        if value.get("claim") is not None:
            self.claims.add(path)
            yield from self._claim(path, epoch, before)
        self.epochs[path] = epoch
        self.highest = max(self.highest, epoch)

    def _claim(self, path: str, epoch: int, before: int) -> Iterable[str]:
        if epoch == before or self.forgiven:
            return
        if self.drawn.setdefault(epoch, path) != path or epoch < before:
            yield f"was claimed with epoch {epoch}, which {self.drawn[epoch]} had"
        if epoch > self.counter:
            yield f"was claimed with epoch {epoch}, the counter is at {self.counter}"
