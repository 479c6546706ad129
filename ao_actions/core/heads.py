"""Whose commit heads a task's branch: ours, or that of a human who works on it."""

from __future__ import annotations

from ao_actions.core import feedback
from ao_actions.core.model import TaskRecord
from ao_actions.core.observed import Pull, Task
from ao_actions.core.policy import Policy


def human_commit(task: Task, _policy: Policy) -> str | None:
    """A commit that is not ours heads the branch, and no review since asks us to go on.

    Bringing the base up to date and applying a suggestion are not taking over (design 2.4).
    """
    pull, record = task.pull, task.record
    if pull is None or record is None or not has_strange_head(task):
        return None
    if _base_merged(pull, record) or _by_buttons(pull, record) or feedback.review_items(task):
        return None
    return pull.head[:7]


def has_strange_head(task: Task) -> bool:
    """Whether a commit that we have neither made nor taken up heads an open pull request."""
    pull, record = task.pull, task.record
    if pull is None or record is None or pull.state != "OPEN":
        return False
    return pull.head not in (*record.published, record.resumed)


def _base_merged(pull: Pull, record: TaskRecord) -> bool:
    """Whether the head is a merge on top of our commit."""
    parents = next((c.parents for c in pull.recent or () if c.oid == pull.head), ())
    return len(parents) > 1 and bool(set(parents) & set(record.published))


def _by_buttons(pull: Pull, record: TaskRecord) -> bool:
    """Whether everything above our last commit was made by GitHub's own buttons: suggestions
    that were applied, the base merged in. GitHub itself commits those."""
    recent = pull.recent or ()
    ours = [index for index, commit in enumerate(recent) if commit.oid in record.published]
    above = recent[ours[-1] + 1 :] if ours else ()
    return bool(above) and all(
        commit.committer == "noreply@github.com"
        and commit.headline.startswith(("Apply suggestion", f"Merge branch '{pull.base}' into "))
        for commit in above
    )
