"""What GitHub would look like after a plan: enough of it for a second look.

Not a fake of GitHub: a pure function from a snapshot and a plan to the next snapshot, in which
each effect simply has happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from ao_actions.core import actions, checks, transitions
from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.model import Book
from ao_actions.core.observed import Issue, Pull, Run, Snapshot, StatusComment
from ao_actions.core.policy import Policy
from ao_actions.core.runs import run_title
from tests.builders import a_comment, a_pull, a_remark


def step(snapshot: Snapshot, plan: Iterable[actions.Action], policy: Policy) -> Snapshot:
    """The snapshot of the next pass, at the same time."""
    plan = tuple(plan)
    steps = [action for action in plan if isinstance(action, actions.Transition)]
    book = transitions.apply_all(snapshot.book, steps, policy)
    after = reduce(happened, (a for a in plan if isinstance(a, actions.Effect)), snapshot)
    return look(after, book, policy)


def look(snapshot: Snapshot, book: Book, policy: Policy) -> Snapshot:
    """What a sweep shows: labelled open issues, and what belongs to live tasks."""
    issues = {
        number: _facts_of_an_end(issue, snapshot.pulls.get(number))
        if number not in book.tasks
        else issue
        for number, issue in snapshot.issues.items()
        if number in book.tasks or (issue.is_open and policy.labels.ready in issue.labels)
    }
    return replace(
        snapshot,
        book=book,
        issues=issues,
        pulls={n: pull for n, pull in snapshot.pulls.items() if n in book.tasks},
        comments={n: said for n, said in snapshot.comments.items() if n in book.tasks},
        status_comments={n: c for n, c in snapshot.status_comments.items() if n in book.tasks},
        runs=(snapshot.runs or ()) if book.live_claims() else None,
    )


def _facts_of_an_end(issue: Issue, pull: Pull | None) -> Issue:
    if pull is None or issue.facts is None:
        return issue
    merged = pull.head_at if pull.state == "MERGED" else None
    numbers = (pull.number,) if pull.state == "OPEN" else ()
    return replace(issue, facts=replace(issue.facts, merged_at=merged, open_pulls=numbers))


def happened(world: Snapshot, effect: actions.Effect) -> Snapshot:
    """The world in which this effect was performed."""
    match effect:
        case actions.Dispatch():
            return _dispatched(world, effect)
        case actions.Rerun():
            world = _checks(world, effect)
            return _run(world, effect.run_id, status="queued", conclusion=None, handoff=None)
        case actions.Cancel():
            return _run(world, effect.run_id, status="completed", conclusion="cancelled")
        case actions.OpenPull():
            pull = a_pull(
                number=1000 + effect.issue,
                head=world.branches[effect.branch],
                head_at=world.now,
                base=effect.base,
                checks=(),
                assignees=frozenset(),
            )
            return replace(world, pulls={**world.pulls, effect.issue: pull})
        case actions.Answer():
            return _answered(world, effect)
        case actions.React():
            return _reacted(world, effect)
        case actions.Label():
            issue = world.issues[effect.issue]
            labels = (issue.labels | set(effect.add)) - set(effect.remove)
            return _issue(world, replace(issue, labels=labels))
        case actions.Assign():
            return _assigned(world, effect)
        case actions.RequestReview():
            pull = world.pulls[effect.issue]
            asked = replace(pull, requested=pull.requested | {effect.login})
            return replace(world, pulls={**world.pulls, effect.issue: asked})
        case actions.Report():
            comment = StatusComment(id=effect.comment or f"c{effect.issue}", body=effect.body)
            comments = {**world.status_comments, effect.issue: comment}
            return replace(world, status_comments=comments)
        case actions.Notice():
            assert effect.agent not in world.notices, "said twice"
            return replace(world, notices={**world.notices, effect.agent: f"n{effect.issue}"})


def _dispatched(world: Snapshot, effect: actions.Dispatch) -> Snapshot:
    runs = world.runs or ()
    number = max((run.id for run in runs), default=500) + 1
    run = Run(
        id=number,
        title=run_title(effect.issue, effect.epoch, effect.reason),
        status="queued",
        conclusion=None,
        url=f"https://github.com/o/r/actions/runs/{number}",
        created_at=world.now,
    )
    return replace(world, runs=(*runs, run))


def _checks(world: Snapshot, effect: actions.Rerun) -> Snapshot:
    """Red checks of a run that is started anew are open again."""
    pull = world.pulls.get(effect.issue)
    if pull is None or not any(check.run_id == effect.run_id for check in checks.red(pull)):
        return world
    again = tuple(
        replace(check, result=None)
        if check.run_id == effect.run_id and check in checks.red(pull)
        else check
        for check in pull.checks
    )
    pull = replace(pull, checks=again, red=None)
    return replace(world, pulls={**world.pulls, effect.issue: pull})


def _run(world: Snapshot, run_id: int, **changes: object) -> Snapshot:
    """A run that is started anew waits from then on."""
    if changes["status"] == "queued":
        changes["created_at"] = world.now
    runs = tuple(
        replace(run, **changes) if run.id == run_id else run  # type: ignore[arg-type]
        for run in world.runs or ()
    )
    return replace(world, runs=runs)


def _answered(world: Snapshot, effect: actions.Answer) -> Snapshot:
    said = effect.reply
    body = f"{REPLY_MARK.format(item=said.item)}\n{said.body}"
    words = {"author": "ao[bot]", "ours": True, "body": body, "created_at": world.now}
    if not said.thread:
        there = world.comments.get(effect.issue, ())
        new = a_remark(id=9000 + len(there), number=effect.number, **words)
        return replace(world, comments={**world.comments, effect.issue: (*there, new)})
    pull = world.pulls[effect.issue]
    reply = a_comment(id=9000, **words)
    threads = tuple(
        replace(thread, comments=(*thread.comments, reply)) if thread.id == said.thread else thread
        for thread in pull.threads or ()
    )
    return replace(world, pulls={**world.pulls, effect.issue: replace(pull, threads=threads)})


def _reacted(world: Snapshot, effect: actions.React) -> Snapshot:
    there = tuple(
        replace(said, reacted=said.reacted or said.node == effect.node)
        for said in world.comments.get(effect.issue, ())
    )
    world = replace(world, comments={**world.comments, effect.issue: there})
    pull = world.pulls.get(effect.issue)
    if pull is None:
        return world
    reviews = tuple(replace(r, reacted=r.reacted or r.node == effect.node) for r in pull.reviews)
    return replace(world, pulls={**world.pulls, effect.issue: replace(pull, reviews=reviews)})


def _assigned(world: Snapshot, effect: actions.Assign) -> Snapshot:
    issue = world.issues[effect.issue]
    if effect.number == issue.number:
        return _issue(world, replace(issue, assignees=issue.assignees | {effect.login}))
    pull = world.pulls[effect.issue]
    assigned = replace(pull, assignees=pull.assignees | {effect.login})
    return replace(world, pulls={**world.pulls, effect.issue: assigned})


def _issue(world: Snapshot, issue: Issue) -> Snapshot:
    return replace(world, issues={**world.issues, issue.number: issue})
