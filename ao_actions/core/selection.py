"""Which tasks get the free slots, and why a queued one has to wait (design 4, "Selection").

Work that is under way comes first (a merged pull request is worth more than a new one, and what
a limit cut short goes on before anything begins), then issues with the priority label, then
the oldest.
"""

from __future__ import annotations

from datetime import datetime

from ao_actions.core import overlap, text, transitions
from ao_actions.core.model import Phase
from ao_actions.core.observed import IssueFacts, Snapshot, Task
from ao_actions.core.phase import Verdict, restarted
from ao_actions.core.policy import Policy

CLAIMABLE = frozenset({Phase.QUEUED, Phase.CI_FAILED, Phase.CHANGES_REQUESTED, Phase.CONFLICTED})


def order(task: Task, policy: Policy) -> tuple[bool, bool, datetime, int]:
    """Sort key: lower goes first."""
    return (
        task.record is None,
        policy.labels.priority not in task.issue.labels,
        task.issue.created_at,
        task.issue.number,
    )


def needs_facts(task: Task, verdict: Verdict) -> bool:
    """Who answers for the task is looked up before a new round begins; one that is under way goes
    on with its owner."""
    return verdict.phase in CLAIMABLE and _begins(task) and task.issue.facts is None


def _begins(task: Task) -> bool:
    return task.record is None or restarted(task.record, task)


def hold(task: Task, verdict: Verdict, snapshot: Snapshot, policy: Policy) -> str | None:
    """Why a claimable task may not be claimed now, or None."""
    if _begins(task) and (reason := _hold_new(task, snapshot)) is not None:
        return reason
    if policy.hold_overlaps and (reason := overlaps(task, snapshot)) is not None:
        return reason
    if verdict.phase is Phase.CONFLICTED:
        return _hold_conflict(task, snapshot)
    return None


def _hold_new(task: Task, snapshot: Snapshot) -> str | None:
    facts = task.issue.facts
    if facts is None:
        return "its facts are not looked up yet"
    others = sorted(task.issue.assignees - {owner(task, snapshot)})
    pulls = tuple(n for n in facts.open_pulls if not task.pull or n != task.pull.number)
    merged = facts.merged_at is not None and facts.merged_at > facts.opened_at
    reasons = (
        (not facts.trusted and task.record is None, _not_theirs(facts)),  # else it has an owner
        (
            facts.trusted and not facts.owner,
            f"@{facts.labelled_by} put the label on: assign it to one person with write "
            "permission, who will answer for it",
        ),
        (
            facts.changed_by is not None and task.record is None,  # else `phase` judges it
            f"@{facts.changed_by} changed its text after the label was put on: read it, then take "
            "the label off and put it on again",
        ),
        (bool(others), f"it is assigned to @{''.join(others[:1])}"),
        (bool(pulls), f"pull request #{_first(pulls)} is open for it"),
        (merged, "a pull request for it was merged since it was opened"),
        (bool(facts.blocked_by), f"it is blocked by #{_first(facts.blocked_by)}"),
        (_ended(task, facts, snapshot), "its task has ended: put the label on again to return it"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _not_theirs(facts: IssueFacts) -> str:
    if not facts.labelled_by:
        return "who put the label on is too long ago to be seen: put it on again"
    if facts.by_bot:
        return f"@{facts.labelled_by}, which put the label on, is not among `bots`"
    return f"@{facts.labelled_by}, who put the label on, may not write here"


def owner(task: Task, snapshot: Snapshot) -> str:
    """Who answers for the task's next claim: who put the label on, or for a bot's whom it is
    assigned to. But the owner so far stays accountable, whom we assigned ourselves, where that
    one is not assigned; and so does one whose label somebody without rights put on again."""
    facts, assignees = task.issue.facts, task.issue.assignees
    old = task.record or snapshot.book.finished.get(task.issue.number)
    if facts is None:
        return old.owner if old else ""
    stays = old is not None and old.owner in assignees and facts.owner not in assignees
    return old.owner if old and (stays or not facts.trusted) else facts.owner


def _ended(task: Task, facts: IssueFacts, snapshot: Snapshot) -> bool:
    """It came to an end (its pull request was closed, say) and nobody has asked again since."""
    old = snapshot.book.finished.get(task.issue.number) if task.record is None else None
    if old is None or old.finished_at is None:
        return False
    return max(facts.labelled_at, facts.opened_at) <= old.finished_at


def _first(numbers: tuple[int, ...]) -> str:
    return "".join(str(number) for number in numbers[:1])


def _hold_conflict(task: Task, snapshot: Snapshot) -> str | None:
    """One conflict per base at a time: each merge would make the next conflict (design 8)."""
    base = task.pull.base if task.pull else snapshot.default_branch
    for record in snapshot.book.tasks.values():
        claim = record.claim
        if claim and claim.reason is Phase.CONFLICTED and claim.base == base:
            return f"#{record.issue} is being merged with {base} first"
    return None


def overlaps(task: Task, snapshot: Snapshot) -> str | None:
    """Which open pull request of ours changes what a task that begins is about (design 8)."""
    facts = task.issue.facts
    if facts is None or not _begins(task):
        return None
    for number, files in sorted(snapshot.files.items()):
        pull = snapshot.pulls.get(number)
        both = overlap.shared(facts.paths, files) if number != task.issue.number else ()
        if both and pull is not None and pull.state == "OPEN":
            return f"pull request #{pull.number} changes {text.line(both[0], limit=100)} too"
    return None


def needs_files(task: Task) -> bool:
    """Whether it matters what our open pull requests change."""
    return bool(task.issue.facts and task.issue.facts.paths) and _begins(task)


def next_round(task: Task, *, restarted: bool) -> tuple[int, bool]:
    """The round of the task's next claim, and whether it starts on a fresh branch."""
    old = task.record
    returning = old is not None and old.finished is not None
    return (
        transitions.needs_round(old, returning=returning, restarted=restarted),
        old is None or returning,
    )
