"""What GitHub's API answers about a `State`, in the form in which it says it.

Only the fields are here that `ao_actions/forge` reads; a field too many is harmless, and one that
is missing is a loud KeyError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from tests.sim.world import (
    BOT,
    CI,
    READY,
    REPOSITORY,
    WORK,
    WRITERS,
    Comment,
    Commit,
    Issue,
    Pull,
    Review,
    Run,
    State,
    World,
)

Json = Any
WEB = "https://github.com/acme/widgets"
_TASK = re.compile(r"t(\d+): issue\(number: \d+\)")
_BRANCH = re.compile(r'b(\d+): ref\(qualifiedName: "refs/heads/([^"]+)"\)')
_EARLIER = re.compile(r'(e\d+_\d+): ref\(qualifiedName: "refs/heads/([^"]+)"\)')
_PULL = re.compile(r"p(\d*): pullRequest\(number: (\d+)\)")
PASSED, FAILED = "success", "failure"


def time(at: datetime | None) -> str | None:
    """All times of the world are in UTC."""
    return f"{at.isoformat()[:19]}Z" if at else None


def user(login: str) -> Json:
    return {"login": f"{BOT}[bot]" if login == BOT else login, "type": kind(login)}


def kind(login: str) -> str:
    return "Bot" if login == BOT else "User"


def text(issue: Issue) -> str:
    return f"Please. ({issue.edited[0]})" if issue.edited else "Please."


def _author(login: str) -> Json:
    return {"login": login, "__typename": kind(login)}


# ---- GraphQL -------------------------------------------------------------------------------
#
# A sweep shows nearly all that there is, again and again, so it is put together as text: what
# hangs on one immutable thing alone is written once for that thing.

T = TypeVar("T")
KEPT = 10_000  # things whose text is kept


def _once(show: Callable[[T], Json]) -> Callable[[T], str]:
    """The JSON text of a thing; the very same thing has the same one."""
    known: dict[int, tuple[T, str]] = {}

    def shown(thing: T) -> str:
        found = known.get(id(thing))
        if found is None:
            if len(known) >= KEPT:
                known.clear()
            found = known[id(thing)] = (thing, json.dumps(show(thing)))
        return found[1]

    return shown


def _object(parts: Mapping[str, str], begun: str = "") -> str:
    """An object of parts that are JSON already, after those of another one."""
    more = ", ".join([f'"{name}": {part}' for name, part in parts.items()])
    return f"{begun[:-1]}, {more}}}" if begun else f"{{{more}}}"


def _nodes(items: Iterable[str]) -> str:
    return f'{{"nodes": [{", ".join(items)}]}}'


class Asked(NamedTuple):
    """What a query asks for, with its aliases."""

    details: bool
    listed: bool
    tasks: tuple[int, ...]
    branches: tuple[tuple[int, str], ...]
    earlier: tuple[tuple[str, str], ...]
    pulls: tuple[tuple[str, int], ...]


@lru_cache(maxsize=4096)
def _asked(query: str) -> Asked:
    return Asked(
        details=query.startswith("query Details"),
        listed="issues(labels" in query,
        tasks=tuple(map(int, _TASK.findall(query))),
        branches=tuple((int(number), branch) for number, branch in _BRANCH.findall(query)),
        earlier=tuple(_EARLIER.findall(query)),
        pulls=tuple((alias, int(number)) for alias, number in _PULL.findall(query)),
    )


def sweep(world: World, state: State, query: str) -> str:
    """Of `Sweep` and `Details`: each alias with all that is known of what it names. What is asked
    twice of the very same state has the same answer; where an old one is shown, the base branch
    is today's."""
    if state is not world.state:
        return _sweep(world, state, query)
    if world.shown[0] is not state:
        world.shown = (state, {})
    known = world.shown[1]
    if query not in known:
        known[query] = _sweep(world, state, query)
    return known[query]


def _sweep(world: World, state: State, query: str) -> str:
    asked = _asked(query.partition("\nfragment ")[0])
    answer = {"defaultBranchRef": '{"name": "main"}'}
    if asked.listed:
        nodes = [
            _issue(state, issue)
            for issue in state.issues.values()
            if issue.is_open and READY in issue.labels
        ]
        answer["issues"] = _object({"pageInfo": '{"hasNextPage": false}'}, _nodes(nodes))
    for number in asked.tasks:
        issue = state.issues.get(number)
        answer[f"t{number}"] = _issue(state, issue) if issue else "null"
    for number, branch in asked.branches:
        answer |= _branch(world, state, number, branch)
    for alias, branch in asked.earlier:
        found = [{"number": p.number} for p in _of(state, branch) if p.state == "OPEN"]
        there = f"refs/heads/{branch}" in state.refs
        answer[alias] = json.dumps({"associatedPullRequests": {"nodes": found}} if there else None)
    for alias, number in asked.pulls:
        pull = state.pulls.get(number)
        answer[f"p{alias}"] = _pull(world, state, pull, details=asked.details) if pull else "null"
    return _object(answer)


def _branch(world: World, state: State, number: int, branch: str) -> dict[str, str]:
    pulls = _of(state, branch)
    oid = state.refs.get(f"refs/heads/{branch}")
    found = [_pull(world, state, pulls[-1])] if pulls and oid else []
    parts = {"target": f'{{"oid": "{oid}"}}', "associatedPullRequests": _nodes(found)}
    return {
        f"p{number}": _nodes(map(_ended, pulls[-10:])),
        f"b{number}": _object(parts) if oid else "null",
    }


@_once
def _ended(pull: Pull) -> Json:
    return {
        "number": pull.number,
        "url": f"{WEB}/pull/{pull.number}",
        "state": pull.state,
        "isCrossRepository": False,
    }


def _of(state: State, branch: str) -> list[Pull]:
    return [pull for pull in state.pulls.values() if pull.branch == branch]


def _issue(state: State, issue: Issue) -> str:
    closing = [pull for pull in state.pulls.values() if pull.issue == issue.number]
    parts = {
        "comments": _nodes(_comments(state, issue.number)),
        "closedByPullRequestsReferences": _nodes(map(_closing, closing)),
    }
    return _object(parts, _issue_itself(issue))


@_once
def _issue_itself(issue: Issue) -> Json:
    labelled = [
        {"createdAt": time(at), "actor": _author(who), "label": {"name": name}}
        for at, who, name in issue.labelled
    ]
    reopened = [{"createdAt": time(at)} for at in issue.reopened[-1:]]
    edited = issue.edited
    return {
        "number": issue.number,
        "title": f"Return {issue.number}",
        "body": text(issue),
        "url": f"{WEB}/issues/{issue.number}",
        "state": "OPEN" if issue.is_open else "CLOSED",
        "createdAt": time(issue.created_at),
        "labels": {"nodes": [{"name": name} for name in issue.labels]},
        "assignees": {"nodes": [{"login": login} for login in issue.assignees]},
        "lastEditedAt": time(edited[0]) if edited else None,
        "editor": _author(edited[1]) if edited else None,
        "timelineItems": {"nodes": labelled},
        "reopened": {"nodes": reopened},
        "blockedBy": {"nodes": []},
    }


@_once
def _closing(pull: Pull) -> Json:
    return {"number": pull.number, "state": pull.state, "mergedAt": time(pull.merged_at)}


def _comments(state: State, number: int) -> list[str]:
    return [_comment_text(c) for c in state.comments.values() if c.number == number][-50:]


def _comment(comment: Comment) -> Json:
    return {
        "id": f"IC_{comment.id}",
        "databaseId": comment.id,
        "body": comment.body,
        "url": f"{WEB}/comments/{comment.id}",
        "createdAt": time(comment.created_at),
        "lastEditedAt": time(comment.edited_at),
        "viewerDidAuthor": comment.author == BOT,
        "author": _author(comment.author),
        "reactionGroups": _reactions(comment.reactions),
    }


_comment_text = _once(_comment)


def _reactions(reactions: tuple[str, ...]) -> Json:
    return [{"content": content, "viewerHasReacted": True} for content in reactions]


def _review(review: Review) -> Json:
    return {
        "id": f"PRR_{review.id}",
        "databaseId": review.id,
        "state": review.state,
        "body": review.body,
        "submittedAt": time(review.submitted_at),
        "lastEditedAt": None,
        "author": _author(review.author),
        "reactionGroups": _reactions(review.reactions),
    }


def _pull(world: World, state: State, pull: Pull, *, details: bool = False) -> str:
    """The sweep asks for the head alone, the details for the newest commits, oldest first."""
    commits = _newest(world, pull) if details else [pull.head]
    mergeable = "CONFLICTING" if world.conflicting(pull) else "MERGEABLE"
    parts = {
        "mergeable": f'"{mergeable}"' if pull.state == "OPEN" else '"UNKNOWN"',
        "comments": _nodes(_comments(state, pull.number)[-30:]),
        "commits": _nodes(_object({"commit": _commit(world, state, oid)}) for oid in commits),
    }
    return _object(parts, _pull_itself(pull))


@_once
def _pull_itself(pull: Pull) -> Json:
    return {
        "number": pull.number,
        "url": f"{WEB}/pull/{pull.number}",
        "state": pull.state,
        "isDraft": pull.draft,
        "author": _author(pull.author),
        "headRefOid": pull.head,
        "baseRefName": "main",
        "reviewDecision": _decision(pull),
        "assignees": {"nodes": [{"login": login} for login in pull.assignees]},
        "reviewRequests": {
            "nodes": [{"requestedReviewer": {"login": login}} for login in pull.requested]
        },
        "reviews": {"nodes": [_review(review) for review in pull.reviews][-30:]},
        "reviewThreads": {
            "nodes": [
                {"id": t.id, "isResolved": t.resolved, "path": "src/code.py", "line": 1}
                | {"startLine": None, "comments": {"nodes": [_comment(c) for c in t.comments]}}
                for t in pull.threads
            ]
        },
        "files": {"nodes": [{"path": "src/code.py"}]},
    }


def _decision(pull: Pull) -> str | None:
    """Of whoever may write: the others' opinions do not count."""
    writers = [review for review in pull.reviews if review.author in WRITERS]
    said = {r.author: r.state for r in writers if r.state != "COMMENTED"}
    if "CHANGES_REQUESTED" in said.values():
        return "CHANGES_REQUESTED"
    return "APPROVED" if "APPROVED" in said.values() else "REVIEW_REQUIRED"


def _newest(world: World, pull: Pull) -> list[str]:
    """What its base does not have, or did not have when it was merged."""
    found, base = [pull.head], pull.merged_into or world.branch("main")
    while len(found) < 10 and (parents := world.commits[found[-1]].parents):
        if world.contains(base, parents[0]):
            break
        found.append(parents[0])
    return found[::-1]


def _commit(world: World, state: State, oid: str) -> str:
    ci = next(
        (r for r in reversed(state.runs.values()) if r.workflow == CI and r.head == oid), None
    )
    rollup = _object({"contexts": _nodes([_check(ci)])}) if ci and _has_job(ci) else "null"
    parts = {"checkSuites": _nodes([_suite(ci)] if ci else []), "statusCheckRollup": rollup}
    return _object(parts, _commit_itself(world.commits[oid]))


@_once
def _commit_itself(commit: Commit) -> Json:
    return {
        "oid": commit.oid,
        "committedDate": time(commit.at),
        "messageHeadline": commit.message.split("\n")[0],
        "committer": {"email": f"{commit.author}@example.com"},
        "parents": {"nodes": [{"oid": parent} for parent in commit.parents]},
    }


def _has_job(ci: Run) -> bool:
    return ci.conclusion != "action_required"


@_once
def _suite(ci: Run) -> Json:
    return {
        "status": ci.status.upper(),
        "conclusion": ci.conclusion.upper() if ci.conclusion else None,
        "createdAt": time(ci.created_at),
        "workflowRun": _workflow(ci),
    }


def _workflow(ci: Run) -> Json:
    return {"databaseId": ci.id, "workflow": {"resourcePath": f"/acme/widgets/actions/{CI}"}}


@_once
def _check(ci: Run) -> Json:
    return {
        "__typename": "CheckRun",
        "databaseId": ci.id + 100_000,
        "name": "tests",
        "status": ci.status.upper(),
        "conclusion": ci.conclusion.upper() if ci.conclusion else None,
        "detailsUrl": f"{WEB}/runs/{ci.id}",
        "isRequired": True,
        "title": None,
        "summary": None,
        "annotations": {"nodes": []},
        "checkSuite": {"workflowRun": _workflow(ci)},
    }


def red(world: World, state: State, number: int) -> str:
    commit = _object({"commit": _commit(world, state, state.pulls[number].head)})
    pull = {"baseRef": '{"target": {}}', "commits": _nodes([commit])}
    return _object({"pullRequest": _object(pull)})


def thread(state: State, name: str) -> Json:
    for pull in state.pulls.values():
        for found in pull.threads:
            if found.id == name:
                said = {"nodes": [_comment(c) for c in found.comments]}
                return {"node": {"isResolved": found.resolved, "comments": said}}
    return {"node": None}


# ---- REST ----------------------------------------------------------------------------------


def issue(found: Issue) -> Json:
    return {
        "title": f"Return {found.number}",
        "body": text(found),
        "state": "open" if found.is_open else "closed",
        "labels": [{"name": name} for name in found.labels],
        "assignees": [{"login": login} for login in found.assignees],
        "html_url": f"{WEB}/issues/{found.number}",
        "repository_url": f"https://api.github.com/repos/{REPOSITORY}",
    }


def comment(found: Comment) -> Json:
    url = f"{WEB}/comments/{found.id}"
    return {"id": found.id, "body": found.body, "user": user(found.author), "html_url": url}


def pull(found: Pull) -> Json:
    repo = {"repo": {"id": 1, "full_name": REPOSITORY}}
    return {
        "head": repo,
        "base": repo,
        "number": found.number,
        "state": "open" if found.state == "OPEN" else "closed",
        "html_url": f"{WEB}/pull/{found.number}",
        "assignees": [{"login": login} for login in found.assignees],
    }


def run(found: Run) -> Json:
    return {
        "id": found.id,
        "display_title": found.title,
        "status": found.status,
        "conclusion": found.conclusion,
        "html_url": f"{WEB}/actions/runs/{found.id}",
        "created_at": time(found.created_at),
        "run_started_at": time(found.started_at),
        "updated_at": time(found.updated_at),
        "run_attempt": found.attempt,
    }


def job(ci: Run) -> Json:
    steps = [{"name": "Set up job", "conclusion": PASSED}, {"name": "t", "conclusion": FAILED}]
    return {"check_run_url": f"{WEB}/check-runs/{ci.id + 100_000}", "steps": steps}


def runs(state: State, workflow: str, since: str) -> list[Json]:
    """Newest first, as GitHub lists them."""
    found = [
        run(each)
        for each in state.runs.values()
        if each.workflow == workflow and (time(each.created_at) or "") >= since
    ]
    return found[::-1] if workflow == WORK else []
