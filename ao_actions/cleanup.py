"""`ao-actions cleanup`: looks at what finished tasks left, and removes what the rules let go.

What may go is decided in `core.cleanup`. Here is how the facts are found, and how each removal is
made so that it can only take what was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ao_actions.core import cleanup
from ao_actions.core.cleanup import Branch, DeleteArtifact, DeleteBranch, Remains
from ao_actions.core.policy import Policy
from ao_actions.errors import AoError, GitError
from ao_actions.forge import artifacts, pulls
from ao_actions.forge.client import Client
from ao_actions.ledger import Draft, Ledger

HEADS = "refs/heads/"
LOOK = "refs/look/"  # here: what was fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action and what came of it: planned, deleted, gone already, kept or FAILED."""

    action: cleanup.Action
    result: str

    def __str__(self) -> str:
        return f"{cleanup.describe(self.action)}: {self.result} ({self.action.because})"


def planned(action: cleanup.Action) -> Step:
    return Step(action=action, result="kept" if isinstance(action, cleanup.Keep) else "planned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaner:
    """Everything a clean-up needs; `progress` hears what is being looked at."""

    client: Client
    ledger: Ledger
    policy: Policy
    progress: Callable[[str], None]

    def plan(self) -> tuple[cleanup.Action, ...]:
        """What is to be done, as things stand; nothing is changed.

        :raises AoError: the ledger or GitHub cannot be read
        """
        return cleanup.plan(self._look(), self.policy.branch_prefix)

    def perform(self, action: cleanup.Action) -> Step:
        """Carry out one action of a plan."""
        match action:
            case DeleteBranch():
                return self._delete_branch(action)
            case DeleteArtifact():
                there = artifacts.delete(self.client, action.id)
                return Step(action=action, result="deleted" if there else "gone already")
            case cleanup.Keep():
                return planned(action)

    def run(
        self, plan: Iterable[cleanup.Action], tell: Callable[[Step], None]
    ) -> tuple[tuple[Step, ...], tuple[str, ...]]:
        """All of a plan, and what failed of it; one failure stops no other removal."""
        steps: list[Step] = []
        failures: list[str] = []
        for action in plan:
            try:
                step = self.perform(action)
            except AoError as error:
                failures.append(f"{cleanup.describe(action)}: {error}")
                step = Step(action=action, result="FAILED")
            steps.append(step)
            tell(step)
        return tuple(steps), tuple(failures)

    # ---- looking ---------------------------------------------------------------------------

    def _look(self) -> Remains:
        """Finished records first, the live ones after: a task that comes back meanwhile is live.
        The client's clock is GitHub's."""
        self.progress("reading the ledger")
        finished = self.ledger.history()
        live = self.ledger.read().book.tasks
        finished = {number: record for number, record in finished.items() if number not in live}
        base = str(self.client.settle()["default_branch"])
        remains = Remains(now=self.client.now(), default_branch=base, finished=finished)
        if not finished:
            return remains
        refs = self.ledger.git.remote_refs(f"{HEADS}*", f"{cleanup.ATTIC}/*")
        names = [
            name
            for record in finished.values()
            for name in cleanup.branches_of(record, self.policy.branch_prefix)
            if HEADS + name in refs
        ]
        self.progress(f"looking at {len(names)} branches of {len(finished)} finished tasks")
        return replace(
            remains,
            branches=self._branches(names, base) if names else {},
            artifacts=self._artifacts(),
            attic={ref: oid for ref, oid in refs.items() if ref.startswith(cleanup.ATTIC)},
        )

    def _artifacts(self) -> tuple[cleanup.Artifact, ...]:
        self.progress("looking at artifacts")
        return artifacts.everywhere(self.client)

    def _branches(self, names: Iterable[str], base: str) -> dict[str, Branch]:
        """The branches, with the commits and trees of the base; nobody's files are fetched."""
        heads = self._fetched([*names, base])
        tip = heads[base]
        trees = set(self.ledger.git.run("log", "--format=%T", tip).split())
        opened = pulls.opened(self.client)
        found = {}
        for count, name in enumerate(names, 1):
            head = heads[name]
            beyond = tuple(self.ledger.git.run("rev-list", head, f"^{tip}").split())
            found[name] = Branch(
                name=name,
                head=head,
                beyond=beyond,
                merged=self._merged(name, head, base, lost=bool(beyond), trees=trees),
                pulls=opened.get(name, ()),
            )
            if count % 100 == 0:
                self.progress(f"looked at {count} branches")
        return found

    def _fetched(self, names: Iterable[str]) -> dict[str, str]:
        """Branches with their commits, as they came."""
        wanted = [f"+{HEADS}{name}:{LOOK}{name}" for name in names]
        if not self.ledger.git.fetch(*wanted, depth=None, filters="tree:0"):
            raise GitError("a branch was deleted while it was looked at: run it again")
        lines = self.ledger.git.run("for-each-ref", "--format=%(objectname) %(refname)", LOOK)
        pairs = (line.split(" ", 1) for line in lines.splitlines())
        return {ref.removeprefix(LOOK): oid for oid, ref in pairs}

    def _merged(self, name: str, head: str, base: str, *, lost: bool, trees: set[str]) -> str:
        """How the branch's work got into the base. After a squash or a rebase its commits are not
        there: then the same tree is, or GitHub says that it merged this very commit."""
        if not lost:
            return f"{base} has its commits"
        if self.ledger.git.run("log", "-1", "--format=%T", head) in trees:
            return f"{base} had the same files"
        number = pulls.merged(self.client, name, head)
        return f"it was merged by #{number}" if number else ""

    # ---- removing --------------------------------------------------------------------------

    def _delete_branch(self, action: DeleteBranch) -> Step:
        """One atomic push, leased on the commit that was looked at: a branch that moved stays."""
        since = pulls.opened_for(self.client, action.branch)
        if since is not None:
            return Step(action=action, result=f"kept: #{since} was opened meanwhile")
        moves = {HEADS + action.branch: (action.head, "")}
        if action.attic:
            moves[action.attic] = ("", action.head)
        tip = self.ledger.read()
        if action.issue in tip.book.tasks:
            return Step(action=action, result="kept: the task has come back meanwhile")
        if self.ledger.push(Draft(tip, moves)):
            return Step(action=action, result="deleted")
        now = self.ledger.git.remote_refs(HEADS + action.branch)
        return Step(action=action, result="kept: it was moved meanwhile" if now else "gone already")
