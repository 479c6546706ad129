"""Pull requests, reviews and review comments on the wire."""

from __future__ import annotations

from ao_actions.localgithub import merging
from ao_actions.localgithub.model import PullRequest, Repository, Review, ReviewComment
from ao_actions.localgithub.wire import core, issues
from ao_actions.localgithub.wire.core import Json, Wire, stamp, stamp_or_none


def pull(wire: Wire, repo: Repository, record: PullRequest) -> Json:
    """A pull request as lists and webhooks show it."""
    issue = repo.issues[record.number]
    url = f"{wire.repo(repo)}/pulls/{record.number}"
    issue_url = f"{wire.repo(repo)}/issues/{record.number}"
    html = issues.page(wire, repo, issue)
    assignees = [core.user(wire, login) for login in issue.assignees]
    statuses = f"{wire.repo(repo)}/statuses/{record.head_sha}"
    links = {
        "self": url,
        "html": html,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{wire.repo(repo)}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": statuses,
    }
    return {
        "url": url,
        "id": issue.id,
        "node_id": core.node_id("PullRequest", issue.id),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue_url,
        "number": record.number,
        "state": issue.state,
        "locked": issue.locked,
        "title": issue.title,
        "user": core.user(wire, issue.user),
        "body": issue.body or None,
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "closed_at": stamp_or_none(issue.closed_at),
        "merged_at": stamp_or_none(record.merged_at),
        "merge_commit_sha": record.merge_commit_sha or _known_test_merge(wire, repo, record),
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [core.user(wire, name) for name in record.requested_reviewers],
        "requested_teams": [],
        "labels": issues.labels(wire, repo, issue.labels),
        "milestone": None,
        "draft": record.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": statuses,
        "head": branch(wire, repo, record.head_ref, record.head_sha),
        "base": branch(wire, repo, record.base_ref, record.base_sha),
        "_links": {name: {"href": target} for name, target in links.items()},
        "author_association": core.author_association(repo, issue.user),
        "auto_merge": _auto_merge(wire, record),
        "active_lock_reason": None,
    }


def full_pull(wire: Wire, repo: Repository, record: PullRequest) -> Json:
    """A pull request by itself: with its mergeability and counts."""
    issue = repo.issues[record.number]
    bare = wire.world.bare(repo)
    is_open = issue.state == "open"
    mergeable = merging.test_merge(wire.world, repo, record).mergeable if is_open else None
    base = merging.merge_base(wire.world, repo, record)
    files = bare.changes(base, record.head_sha, patch=False)
    state = merging.merge_state(wire.world, repo, record)
    return pull(wire, repo, record) | {
        "merged": record.merged,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state.lower(),
        "merged_by": core.user_or_none(wire, record.merged_by),
        "comments": len(issue.comments),
        "review_comments": len(record.review_comments),
        "maintainer_can_modify": False,
        "commits": len(bare.log(f"{base}..{record.head_sha}")),
        "additions": sum(each.additions for each in files),
        "deletions": sum(each.deletions for each in files),
        "changed_files": len(files),
    }


def _known_test_merge(wire: Wire, repo: Repository, record: PullRequest) -> str | None:
    known = wire.world.test_merges.get((repo.full_name, record.number))
    return known[1] if known else None


def branch(wire: Wire, repo: Repository, name: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner}:{name}",
        "ref": name,
        "sha": sha,
        "user": core.user(wire, repo.owner),
        "repo": core.repository(wire, repo),
    }


def _auto_merge(wire: Wire, record: PullRequest) -> Json | None:
    if record.auto_merge is None:
        return None
    return {
        "enabled_by": core.user(wire, record.auto_merge["enabled_by"]),
        "merge_method": record.auto_merge["merge_method"],
        "commit_title": record.auto_merge.get("commit_title"),
        "commit_message": record.auto_merge.get("commit_message"),
    }


def review(wire: Wire, repo: Repository, record: PullRequest, given: Review) -> Json:
    html = f"{wire.page(repo)}/pull/{record.number}#pullrequestreview-{given.id}"
    pull_url = f"{wire.repo(repo)}/pulls/{record.number}"
    body: Json = {
        "id": given.id,
        "node_id": core.node_id("PullRequestReview", given.id),
        "user": core.user(wire, given.user),
        "body": given.body,
        "state": given.state,
        "html_url": html,
        "pull_request_url": pull_url,
        "author_association": core.author_association(repo, given.user),
        "_links": {"html": {"href": html}, "pull_request": {"href": pull_url}},
        "commit_id": given.commit_id,
    }
    if given.state != "PENDING":
        body["submitted_at"] = stamp(given.submitted_at)
    return body


def review_comment(wire: Wire, repo: Repository, record: PullRequest, said: ReviewComment) -> Json:
    url = f"{wire.repo(repo)}/pulls/comments/{said.id}"
    pull_url = f"{wire.repo(repo)}/pulls/{record.number}"
    html = f"{wire.page(repo)}/pull/{record.number}#discussion_r{said.id}"
    thread = next((each for each in record.threads if each.id == said.thread_id), None)
    # an outdated comment keeps its original line but stands on no line of the new head
    line = None if thread is not None and thread.is_outdated else said.line
    body: Json = {
        "url": url,
        "pull_request_review_id": said.review_id,
        "id": said.id,
        "node_id": core.node_id("PullRequestReviewComment", said.id),
        "diff_hunk": said.diff_hunk,
        "path": said.path,
        "position": line,
        "original_position": said.line,
        "commit_id": record.head_sha if line is not None else said.commit_id,
        "original_commit_id": said.commit_id,
        "user": core.user(wire, said.user),
        "body": said.body,
        "created_at": stamp(said.created_at),
        "updated_at": stamp(said.updated_at),
        "html_url": html,
        "pull_request_url": pull_url,
        "author_association": core.author_association(repo, said.user),
        "_links": {
            "self": {"href": url},
            "html": {"href": html},
            "pull_request": {"href": pull_url},
        },
        "start_line": said.start_line,
        "original_start_line": said.start_line,
        "start_side": said.side if said.start_line else None,
        "line": line,
        "original_line": said.line,
        "side": said.side,
        "subject_type": "line" if said.line is not None else "file",
        "reactions": issues.reactions(url, said.reactions),
    }
    if said.in_reply_to_id is not None:
        body["in_reply_to_id"] = said.in_reply_to_id
    return body
