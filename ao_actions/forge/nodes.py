"""From GraphQL and REST JSON to the core's frozen records; nothing here asks GitHub anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ao_actions.core import looked, overlap, projection
from ao_actions.core.model import Fleet, TaskRecord
from ao_actions.core.observed import (
    Check,
    Comment,
    Commit,
    Issue,
    IssueFacts,
    Pull,
    Review,
    ReviewComment,
    Run,
    StatusComment,
    Thread,
    Touch,
)
from ao_actions.core.policy import Policy

WORKFLOWS = "github-actions[bot]"  # the account of GITHUB_TOKEN
REVIEW_WORKFLOW = "ao-review.yml"  # its run waits for the others on a head: it is not one of CI


def issue(node: Mapping[str, Any]) -> Issue:
    return Issue(
        number=node["number"],
        title=node["title"],
        url=node["url"],
        is_open=node["state"] == "OPEN",
        labels=frozenset(label["name"] for label in node["labels"]["nodes"]),
        created_at=time(node["createdAt"]),
    )


def task_issue(repository: Mapping[str, Any], record: TaskRecord, policy: Policy) -> Issue:
    """A live task's issue; one that was deleted or moved away counts as closed."""
    node = repository.get(f"t{record.issue}")
    if node is None:
        return Issue(
            number=record.issue, title="", url="", is_open=False, created_at=record.created_at
        )
    marks = _marks(node, policy)
    return replace(
        issue(node),
        assignees=logins(node["assignees"]),
        labelled_at=max((mark.at for mark in marks), default=None),
        marks=marks,
        edits=_edits(node),
    )


def issue_facts(
    node: Mapping[str, Any],
    *,
    blocked_by: tuple[int, ...],
    may_write: Callable[[str], bool],
    policy: Policy,
) -> IssueFacts:
    marks, edits = _marks(node, policy), _edits(node)
    people = [touch.by for touch in (*marks, *edits) if not touch.by.endswith("[bot]")]
    people += (assignees := sorted(logins(node["assignees"])))
    trusted = dict.fromkeys(policy.bots, True) | {by: may_write(by) for by in people}
    looks = (mark.at for mark in marks if trusted.get(mark.by))
    changed = looked.unread(edits, looks, trusted)
    last = marks[-1] if marks else Touch(time(node["createdAt"]), "")
    reopened = [time(event["createdAt"]) for event in node["reopened"]["nodes"] if event]
    closing = node["closedByPullRequestsReferences"]["nodes"]
    merges = [time(pull["mergedAt"]) for pull in closing if pull["mergedAt"]]
    return IssueFacts(
        labelled_by=last.by,
        labelled_at=last.at,
        trusted=trusted.get(last.by, False),
        assigned=assignees[0] if len(assignees) == 1 and trusted[assignees[0]] else "",
        changed_by=changed.by if changed else None,
        open_pulls=tuple(pull["number"] for pull in closing if pull["state"] == "OPEN"),
        merged_at=max(merges, default=None),
        opened_at=max(reopened, default=time(node["createdAt"])),
        blocked_by=blocked_by,
        paths=overlap.named_paths(f"{node['title']}\n{node['body']}"),
    )


def labeller(node: Mapping[str, Any], label: str) -> str | None:
    """Who put the label on that the issue has; None where it has not, or a program did."""
    if all(each["name"] != label for each in node["labels"]["nodes"]):
        return None
    actors = [
        event["actor"]
        for event in node["timelineItems"]["nodes"]
        if event and event["label"]["name"] == label
    ]
    putter = actors[-1] if actors else None
    return putter["login"] if putter and putter["__typename"] == "User" else None


def _marks(node: Mapping[str, Any], policy: Policy) -> tuple[Touch, ...]:
    """Who put our label on, oldest first."""
    marks = (event for event in _events(node) if "label" in event)
    return tuple(_touch(e) for e in marks if e["label"]["name"] == policy.labels.ready)


def _edits(node: Mapping[str, Any]) -> tuple[Touch, ...]:
    """Who changed the title lately, and the text the last time."""
    edits = [_touch(event) for event in _events(node) if "label" not in event]
    if node["lastEditedAt"]:
        edits.append(Touch(time(node["lastEditedAt"]), login(node["editor"])))
    return tuple(edits)


def _events(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The label put on, and the title changed; what GitHub shows nothing of is left out."""
    return [event for event in node["timelineItems"]["nodes"] if event]


def _touch(event: Mapping[str, Any]) -> Touch:
    return Touch(time(event["createdAt"]), login(event["actor"]))


def status_comment(repository: Mapping[str, Any], record: TaskRecord) -> StatusComment | None:
    """Our status comment: the one whose id the ledger has, else a marked one of our account."""
    node = repository.get(f"t{record.issue}")
    comments = node["comments"]["nodes"] if node else []
    for comment in comments:
        if str(comment["databaseId"]) == record.status_comment:
            return StatusComment(id=str(comment["databaseId"]), body=comment["body"])
    for comment in comments:
        if comment["body"].startswith(projection.STATUS_MARK) and by_program(comment):
            return StatusComment(id=str(comment["databaseId"]), body=comment["body"])
    return None


def notices(repository: Mapping[str, Any], fleet: Fleet) -> dict[str, str]:
    """Paused agents to our comment that tells of it, where it is among an issue's last ones."""
    found = {}
    for agent, pause in fleet.paused.items():
        node = repository.get(f"t{pause.issue}")
        mark = projection.notice_mark(agent, pause)
        for comment in node["comments"]["nodes"] if node else []:
            if comment["body"].startswith(mark) and by_program(comment):
                found[agent] = str(comment["databaseId"])
                break
    return found


def comments(repository: Mapping[str, Any], record: TaskRecord) -> Iterator[Comment]:
    """What was said lately on the task's issue and on its pull request, our own words too."""
    issue_node = repository.get(f"t{record.issue}")
    ref = repository.get(f"b{record.issue}") or {"associatedPullRequests": {"nodes": []}}
    for node in [*filter(None, [issue_node]), *ref["associatedPullRequests"]["nodes"]]:
        for said in node["comments"]["nodes"]:
            yield comment(said, node["number"])


def comment(node: Mapping[str, Any], number: int) -> Comment:
    return Comment(
        id=node["databaseId"],
        node=node["id"],
        number=number,
        author=login(node["author"]),
        body=node["body"],
        created_at=time(node["createdAt"]),
        edited_at=_time_or_none(node["lastEditedAt"]),
        ours=by_program(node),
        reacted=_reacted(node),
    )


def pull(node: Mapping[str, Any]) -> Pull:
    commit = node["commits"]["nodes"][0]["commit"] if node["commits"]["nodes"] else {}
    suites = (commit.get("checkSuites") or {"nodes": []})["nodes"]
    runs = [suite for suite in suites if suite["workflowRun"] and not _ours(suite)]
    return Pull(
        number=node["number"],
        url=node["url"],
        state=node["state"],
        author=login(node["author"]),
        draft=node["isDraft"],
        head=node["headRefOid"],
        head_at=_head_time(commit, suites),
        base=node["baseRefName"],
        mergeable=node["mergeable"],
        review_decision=node["reviewDecision"],
        checks=(*_checks(commit), *_without_jobs(runs)),
        suites_waiting=sum(suite["conclusion"] == "ACTION_REQUIRED" for suite in runs),
        suites_open=sum(suite["status"] != "COMPLETED" for suite in runs),
        reviews=tuple(review(each) for each in node["reviews"]["nodes"]),
        requested=frozenset(
            request["requestedReviewer"]["login"]
            for request in node["reviewRequests"]["nodes"]
            if request["requestedReviewer"] and "login" in request["requestedReviewer"]
        ),
        assignees=logins(node["assignees"]),
        open_threads=sum(not thread["isResolved"] for thread in node["reviewThreads"]["nodes"]),
    )


def is_own(pull: Mapping[str, Any]) -> bool:
    """Whether a pull request (REST) is from this very repository, not from a fork."""
    head, base = pull["head"]["repo"], pull["base"]["repo"]
    return head is not None and bool(head["id"] == base["id"])  # None: a fork that was deleted


def ended_pull(node: Mapping[str, Any], record: TaskRecord) -> Pull:
    """A closed or merged pull request whose branch is gone: how it ended is all that counts."""
    return Pull(
        number=node["number"],
        url=node["url"],
        state=node["state"],
        author="",
        head=record.published[-1] if record.published else "",
        head_at=record.created_at,
        base="",
    )


def logins(connection: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(user["login"] for user in connection["nodes"])


def _head_time(commit: Mapping[str, Any], suites: list[Any]) -> datetime:
    """When the head was pushed: a commit's own date is what its author says it is."""
    times = [time(suite["createdAt"]) for suite in suites]
    return min(times) if times else time(commit.get("committedDate", "1970-01-01T00:00:00Z"))


def _checks(commit: Mapping[str, Any]) -> Iterator[Check]:
    rollup = commit.get("statusCheckRollup") or {"contexts": {"nodes": []}}
    for node in rollup["contexts"]["nodes"]:
        if node["__typename"] == "StatusContext":
            pending = node["state"] in ("PENDING", "EXPECTED")
            yield Check(
                name=node["context"],
                result=None if pending else node["state"],
                url=node["targetUrl"] or "",
            )
        elif not _ours(suite := node["checkSuite"] or {}):
            run = suite.get("workflowRun") or {}
            yield Check(
                name=node["name"],
                result=node["conclusion"] if node["status"] == "COMPLETED" else None,
                url=node["detailsUrl"] or "",
                run_id=run.get("databaseId"),
                job_id=node["databaseId"],
            )


def _without_jobs(suites: list[Any]) -> Iterator[Check]:
    """Workflows that GitHub could not even start: such a run has no job and so no check."""
    for suite in suites:
        if suite["conclusion"] == "STARTUP_FAILURE":
            run = suite["workflowRun"]
            name = run["workflow"]["resourcePath"].rpartition("/")[2]
            yield Check(name=name, result=suite["conclusion"], run_id=run["databaseId"])


def _ours(suite: Mapping[str, Any]) -> bool:
    """Whether the suite is that of our own job, which waits until the others are done."""
    path: str = (suite.get("workflowRun") or {}).get("workflow", {}).get("resourcePath", "")
    return path.endswith(f"/{REVIEW_WORKFLOW}")


def review(node: Mapping[str, Any]) -> Review:
    return Review(
        id=node["databaseId"],
        author=login(node["author"]),
        state=node["state"],
        body=node["body"],
        submitted_at=time(node["submittedAt"]),
        node=node["id"],
        edited_at=_time_or_none(node["lastEditedAt"]),
        reacted=_reacted(node),
    )


def recent(node: Mapping[str, Any]) -> tuple[Commit, ...]:
    """A pull request's newest commits, oldest first."""
    return tuple(_commit(each["commit"]) for each in node["commits"]["nodes"])


def _commit(node: Mapping[str, Any]) -> Commit:
    committer = node["committer"] or {}
    return Commit(
        oid=node["oid"],
        headline=node["messageHeadline"],
        committer=committer.get("email") or "",
        parents=tuple(parent["oid"] for parent in node["parents"]["nodes"]),
    )


def _reacted(node: Mapping[str, Any]) -> bool:
    """Whether the viewer has acknowledged it (see `actions.React`)."""
    kinds = ("THUMBS_UP", "EYES", "CONFUSED")
    groups = node["reactionGroups"] or ()
    return any(group["viewerHasReacted"] and group["content"] in kinds for group in groups)


def threads_of(node: Mapping[str, Any]) -> Iterator[Thread]:
    for thread in node["reviewThreads"]["nodes"]:
        yield Thread(
            id=thread["id"],
            path=thread["path"],
            line=thread["line"],
            start_line=thread["startLine"],
            resolved=thread["isResolved"],
            comments=tuple(
                ReviewComment(
                    id=comment["databaseId"],
                    author=login(comment["author"]),
                    body=comment["body"],
                    created_at=time(comment["createdAt"]),
                    edited_at=_time_or_none(comment["lastEditedAt"]),
                    ours=by_program(comment),
                )
                for comment in thread["comments"]["nodes"]
            ),
        )


def run(node: Mapping[str, Any]) -> Run:
    """A run from its REST JSON."""
    return Run(
        id=node["id"],
        title=node["display_title"],
        status=node["status"],
        conclusion=node["conclusion"],
        url=node["html_url"],
        # of this attempt: a re-run keeps the run's own date
        created_at=time(node.get("run_started_at") or node["created_at"]),
        ended_at=time(node["updated_at"]) if node["status"] == "completed" else None,
    )


def by_program(comment: Mapping[str, Any]) -> bool:
    """Whether it was posted under our account, or that of this repository's workflows: another
    bot is a stranger, whatever mark it has copied."""
    return bool(comment["viewerDidAuthor"]) or login(comment["author"]) == WORKFLOWS


def login(author: Mapping[str, Any] | None) -> str:
    """A deleted account has no login; GitHub calls it ghost. A bot's is shown as in REST, with
    `[bot]`, which no person's can have: a person may be called as the bot is, or as an account
    that was imported from elsewhere."""
    if not author:
        return "ghost"
    name: str = author["login"]
    kind = author.get("__typename", "User")
    if kind == "User" or name.endswith("[bot]"):
        return name
    return f"{name}[{kind.lower()}]"


def _time_or_none(text: str | None) -> datetime | None:
    return time(text) if text else None


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)
