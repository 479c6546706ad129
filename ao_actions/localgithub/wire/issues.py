"""Issues, labels, comments, reactions and timelines on the wire."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.model import (
    Comment,
    Issue,
    Label,
    Reaction,
    Repository,
    TimelineEvent,
)
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json, Wire, stamp, stamp_or_none

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def label(wire: Wire, repo: Repository, record: Label) -> Json:
    from urllib.parse import quote

    return {
        "id": record.id,
        "node_id": core.node_id("Label", record.id),
        "url": f"{wire.repo(repo)}/labels/{quote(record.name)}",
        "name": record.name,
        "color": record.color,
        "default": False,
        "description": record.description,
    }


def labels(wire: Wire, repo: Repository, names: list[str]) -> list[Json]:
    known = {record.name: record for record in repo.labels}
    return [label(wire, repo, known[name]) for name in names if name in known]


def reactions(url: str, given: list[Reaction]) -> Json:
    """The rollup that issues and comments carry."""
    counts = {name: sum(r.content == name for r in given) for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}


def reaction(wire: Wire, record: Reaction) -> Json:
    return {
        "id": record.id,
        "node_id": core.node_id("Reaction", record.id),
        "user": core.user(wire, record.user),
        "content": record.content,
        "created_at": stamp(record.created_at),
    }


def issue(wire: Wire, repo: Repository, record: Issue) -> Json:
    """An issue, or a pull request as the issues API shows it: with a `pull_request` key."""
    url = f"{wire.repo(repo)}/issues/{record.number}"
    assignees = [core.user(wire, login) for login in record.assignees]
    body: Json = {
        "url": url,
        "repository_url": wire.repo(repo),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page(wire, repo, record),
        "id": record.id,
        "node_id": core.node_id("PullRequest" if record.is_pull else "Issue", record.id),
        "number": record.number,
        "title": record.title,
        "user": core.user(wire, record.user),
        "labels": labels(wire, repo, record.labels),
        "state": record.state,
        "locked": record.locked,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": len(record.comments),
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.updated_at),
        "closed_at": stamp_or_none(record.closed_at),
        "author_association": core.author_association(repo, record.user),
        "active_lock_reason": None,
        "body": record.body or None,
        "closed_by": core.user_or_none(wire, record.closed_by),
        "reactions": reactions(url, record.reactions),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": record.state_reason,
    }
    if record.is_pull:
        return body | _pull_part(wire, repo, record)
    done = sum(repo.issues[n].state == "closed" for n in record.sub_issues if n in repo.issues)
    total = len(record.sub_issues)
    return body | {
        "sub_issues_summary": {
            "total": total,
            "completed": done,
            "percent_completed": 100 * done // total if total else 0,
        },
        "issue_dependencies_summary": dependencies_summary(repo, record),
    }


def dependencies_summary(repo: Repository, record: Issue) -> dict[str, int]:
    """`blocked_by` counts open blockers, `total_blocked_by` all of them; `blocking` likewise."""
    blockers = [repo.issues[number] for number in record.blocked_by if number in repo.issues]
    blocked = [other for other in repo.issues.values() if record.number in other.blocked_by]
    return {
        "blocked_by": sum(each.state == "open" for each in blockers),
        "total_blocked_by": len(blockers),
        "blocking": sum(each.state == "open" for each in blocked),
        "total_blocking": len(blocked),
    }


def _pull_part(wire: Wire, repo: Repository, record: Issue) -> Json:
    pull = repo.pulls[record.number]
    html = page(wire, repo, record)
    return {
        "draft": pull.draft,
        "pull_request": {
            "url": f"{wire.repo(repo)}/pulls/{record.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": stamp_or_none(pull.merged_at),
        },
    }


def page(wire: Wire, repo: Repository, record: Issue) -> str:
    kind = "pull" if record.is_pull else "issues"
    return f"{wire.page(repo)}/{kind}/{record.number}"


def comment(wire: Wire, repo: Repository, record: Issue, said: Comment) -> Json:
    url = f"{wire.repo(repo)}/issues/comments/{said.id}"
    return {
        "url": url,
        "html_url": f"{page(wire, repo, record)}#issuecomment-{said.id}",
        "issue_url": f"{wire.repo(repo)}/issues/{record.number}",
        "id": said.id,
        "node_id": core.node_id("IssueComment", said.id),
        "user": core.user(wire, said.user),
        "created_at": stamp(said.created_at),
        "updated_at": stamp(said.updated_at),
        "body": said.body,
        "author_association": core.author_association(repo, said.user),
        "reactions": reactions(url, said.reactions),
        "performed_via_github_app": core.app(wire, said.app) if said.app else None,
    }


def event(wire: Wire, repo: Repository, record: TimelineEvent) -> Json:
    """An entry of /events and of /timeline; each kind has its own extra keys."""
    commit = f"{wire.repo(repo)}/commits/{record.commit_id}" if record.commit_id else None
    body: dict[str, Any] = {
        "id": record.id,
        "node_id": core.node_id("TimelineEvent", record.id),
        "url": f"{wire.repo(repo)}/issues/events/{record.id}",
        "actor": core.user(wire, record.actor),
        "event": record.event,
        "commit_id": record.commit_id,
        "commit_url": commit,
        "created_at": stamp(record.created_at),
        "performed_via_github_app": None,
    }
    if record.label is not None:
        color = next((each.color for each in repo.labels if each.name == record.label), "ededed")
        body["label"] = {"name": record.label, "color": color}
    if record.assignee is not None:
        body["assignee"] = core.user(wire, record.assignee)
        body["assigner"] = core.user(wire, record.actor)
    if record.reviewer is not None:
        body["requested_reviewer"] = core.user(wire, record.reviewer)
        body["review_requester"] = core.user(wire, record.actor)
    if record.rename is not None:
        body["rename"] = {"from": record.rename[0], "to": record.rename[1]}
    if record.event == "closed":
        body["state_reason"] = None
    if record.source is not None and record.source in repo.issues:
        source = issue(wire, repo, repo.issues[record.source])
        body["source"] = {"type": "issue", "issue": source}
    return body
