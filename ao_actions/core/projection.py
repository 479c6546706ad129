"""What labels, assignees and the status comment should say: a projection, never a source.

Written by reconcile only and repaired when it drifts (design 3). Everything here is made of
our own words and numbers; outside text is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator

from ao_actions.core import actions, budget, text
from ao_actions.core.model import Pause, Phase, Reply, TaskRecord
from ao_actions.core.observed import Snapshot, Task
from ao_actions.core.phase import Verdict
from ao_actions.core.policy import Policy

STATUS_MARK = "<!-- ao:status -->"
_NOTICE_MARK = "<!-- ao:limit {agent} {since:%Y-%m-%dT%H:%M:%SZ} -->"

_ASKS = {
    Phase.NEEDS_HUMAN: "Say `/ao retry` (or take the label `{ready}` off and put it on again) to "
    "let the agent have another go, or take the issue over.",
    Phase.READY: "It is yours to merge.",
    Phase.IN_REVIEW: "It is yours to review.",
    Phase.CI_BLOCKED: "Look at the change, then approve its workflows on the pull request.",
}


def state_label(phase: Phase, policy: Policy) -> str | None:
    labels = policy.labels
    match phase:
        case Phase.DONE | Phase.WITHDRAWN | Phase.QUEUED:
            return None
        case Phase.PAUSED:
            return labels.paused
        case Phase.NEEDS_HUMAN:
            return labels.needs_human
        case Phase.READY | Phase.IN_REVIEW | Phase.CI_PENDING | Phase.CI_BLOCKED:
            return labels.review
        case _:
            return labels.working


def project(
    task: Task, verdict: Verdict, snapshot: Snapshot, policy: Policy
) -> Iterator[actions.Effect]:
    """The effects that bring labels, assignees, reviewers and the status comment up to date."""
    record = task.record
    if record is None:
        return
    yield from _label(task, verdict, policy)
    if record.ended is not None and record.ended.word == "take-over":
        yield from _hand_over(task, record, record.ended.login)
    if verdict.phase not in (Phase.DONE, Phase.WITHDRAWN):
        yield from _assign(task, record, verdict)
        yield from _ask_for_review(task, record, verdict)
    yield from _report(task, record, verdict, snapshot, policy)


def _label(task: Task, verdict: Verdict, policy: Policy) -> Iterator[actions.Label]:
    wanted = state_label(verdict.phase, policy)
    labels = policy.labels
    ours = {labels.working, labels.review, labels.needs_human, labels.paused}
    add = {wanted} - task.issue.labels if wanted else set()
    if task.record and task.record.ended:
        ours |= {labels.ready}
    remove = (ours - {wanted}) & task.issue.labels
    if add or remove:
        yield actions.Label(
            issue=task.issue.number,
            add=tuple(sorted(add)),
            remove=tuple(sorted(remove)),
            because=f"the task is {verdict.phase}",
        )


def _assign(task: Task, record: TaskRecord, verdict: Verdict) -> Iterator[actions.Assign]:
    if record.owner not in task.issue.assignees:
        yield actions.Assign(
            issue=record.issue,
            number=record.issue,
            login=record.owner,
            because="who set a task going owns it",
        )
    pull = task.pull
    if pull and record.owner not in pull.assignees and verdict.phase is not Phase.WORKING:
        yield actions.Assign(
            issue=record.issue,
            number=pull.number,
            login=record.owner,
            because="who set a task going owns its pull request",
        )


def _hand_over(task: Task, record: TaskRecord, login: str) -> Iterator[actions.Assign]:
    """Whoever takes a task over is assigned; nobody is taken away (humans win)."""
    if login not in task.issue.assignees:
        yield actions.Assign(
            issue=record.issue, number=record.issue, login=login, because=f"@{login} takes it over"
        )


def _ask_for_review(
    task: Task, record: TaskRecord, verdict: Verdict
) -> Iterator[actions.RequestReview]:
    """Once per head and never while it is red; the author cannot review their own."""
    pull = task.pull
    if pull is None or verdict.phase not in (Phase.READY, Phase.IN_REVIEW):
        return
    seen = any(
        review.author == record.owner and review.submitted_at >= pull.head_at
        for review in pull.reviews
    )
    if record.owner not in pull.requested and not seen and pull.author != record.owner:
        yield actions.RequestReview(
            issue=record.issue,
            pull=pull.number,
            login=record.owner,
            because=f"{pull.head[:7]} is green",
        )


def _report(
    task: Task, record: TaskRecord, verdict: Verdict, snapshot: Snapshot, policy: Policy
) -> Iterator[actions.Report]:
    body = status_body(task, record, verdict, policy)
    known = snapshot.status_comments.get(record.issue)
    if known is None or known.body != body:
        yield actions.Report(
            issue=record.issue,
            comment=known.id if known else record.status_comment,
            body=body,
            because="the status comment is missing" if known is None else "it is out of date",
        )


def status_body(task: Task, record: TaskRecord, verdict: Verdict, policy: Policy) -> str:
    """The status comment: phase, reason, what to do, and an account of the attempts."""
    lines = [STATUS_MARK, f"**{verdict.phase}**: {verdict.because}."]
    ask = _ASKS.get(verdict.phase, "").format(ready=policy.labels.ready)
    if verdict.way:
        ask = verdict.way
    elif verdict.phase is Phase.NEEDS_HUMAN and record.stop is not None:
        ask = f"{record.stop.ask} {ask}"
        if record.stop.url:
            lines.append(f"See {record.stop.url}.")
    if ask:
        lines.append(f"@{record.owner}: {ask}")
    if task.pull:
        lines.append(f"Pull request: #{task.pull.number}.")
    rows = [
        f"| {a.epoch} | {a.reason} | {a.agent} | {a.outcome} | {_cell(a.detail)} |"
        for a in record.attempts
    ]
    if rows:
        made = budget.attempts_made(record)
        lines += [
            "",
            f"<details><summary>{made} of {budget.attempts(record, policy)} attempts</summary>",
            "",
            "| epoch | reason | agent | outcome | detail |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "</details>",
        ]
    return "\n".join(lines)


def account(task: Task, record: TaskRecord, spent: str) -> Reply:
    """What the owner is told, once, when a budget is spent: what was tried, what it cost, and
    what they can do."""
    rows = [
        f"| {a.epoch} | {a.reason} | {a.agent} | {a.outcome} | ${a.spent.usd:.2f} |"
        for a in record.this_round()
    ]
    usd = sum(attempt.spent.usd for attempt in record.this_round())
    body = [
        f"@{record.owner}: {spent}, so no agent is sent again.",
        "",
        "| epoch | reason | agent | outcome | cost |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        f"Together ${usd:.2f}. What you can do, in a comment:",
        "",
        "- `/ao budget +1` for an attempt more (`/ao budget +$5` for money)",
        "- `/ao retry` for a new round with fresh attempts and money",
        "- `/ao take-over` to go on yourself; the branch stays as it is",
    ]
    number = task.pull.number if task.pull else record.issue
    item = f"exhausted:{record.epoch}:{record.extra_attempts}:{record.extra_usd:g}"
    return Reply(thread="", item=item, number=number, body="\n".join(body))


def notice_mark(agent: str, pause: Pause) -> str:
    """The first line of the comment that tells of this pause, renewed or not."""
    return _NOTICE_MARK.format(agent=text.line(agent, limit=80), since=pause.since)


def notice_body(agent: str, pause: Pause, owner: str, waiting: int) -> str:
    """The comment that tells of a pause: one for all the tasks that wait."""
    name = text.line(agent, limit=80)
    tasks = "1 task waits" if waiting == 1 else f"{waiting} tasks wait"
    return "\n".join(
        [
            notice_mark(agent, pause),
            f"@{owner}: {name} has met its model's limit and is paused until "
            f"{pause.until:%Y-%m-%d %H:%M} UTC. {tasks} for it.",
            "",
            "There is nothing that you have to do: they go on by themselves, the oldest first. "
            "Each one's status comment says when. To go on sooner, name another agent in "
            "`agents:` of `.github/ao.yml`, which takes over while this one is paused.",
        ]
    )


def _cell(words: str) -> str:
    """Text for a table cell: no row, mention, link or HTML can come out of it."""
    flat = " ".join(text.visible(words).split())[:160].replace("`", "'")
    return f"`{flat.replace('|', '/')}`" if flat else ""
