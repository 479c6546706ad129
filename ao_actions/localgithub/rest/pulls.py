"""Pull requests: lists, the request itself, its files and commits, merging."""

from __future__ import annotations

from ao_actions.localgithub import issues, merges, merging, pulls
from ao_actions.localgithub.errors import Refusal, invalid
from ao_actions.localgithub.model import PullRequest
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import git as git_wire
from ao_actions.localgithub.wire import pulls as wire
from ao_actions.localgithub.wire.core import Json

_BASE = "/repos/{owner}/{repo}/pulls/{number}"


def _pull(call: Call) -> PullRequest:
    return pulls.get(call.repo, call.number())


def _full(call: Call, pull: PullRequest) -> Json:
    return wire.full_pull(call.wire, call.repo, pull)


@route("GET /repos/{owner}/{repo}/pulls", "pull_requests:read")
def list_pulls(call: Call) -> Reply:
    """`head` is `owner:branch`; without the owner GitHub ignores it."""
    query, repo = call.query, call.repo
    state, base = query.get("state", "open"), query.get("base")
    owner, _, branch = query.get("head", "").partition(":")
    found = [
        pull
        for pull in repo.pulls.values()
        if state in {"all", repo.issues[pull.number].state}
        and base in {None, "", pull.base_ref}
        and (not branch or (owner.lower(), branch) == (repo.owner.lower(), pull.head_ref))
    ]
    sort = query.get("sort", "created")
    found.sort(key=lambda pull: _order(call, pull, sort))
    if query.get("direction", "desc" if sort == "created" else "asc") == "desc":
        found.reverse()
    return call.page(found, lambda pull: wire.pull(call.wire, repo, pull))


def _order(call: Call, pull: PullRequest, sort: str) -> tuple[float, int]:
    issue = call.repo.issues[pull.number]
    when = issue.updated_at if sort == "updated" else issue.created_at
    return when.timestamp(), pull.number


@route("POST /repos/{owner}/{repo}/pulls", "pull_requests:write", status=201)
def create(call: Call) -> Json:
    head = str(call.required("head", "PullRequest"))
    base = str(call.required("base", "PullRequest"))
    title = str(call.required("title", "PullRequest"))
    draft = bool(call.body.get("draft", False))
    made = pulls.create(call.turn, title, call.text("body") or "", head, base, draft=draft)
    return _full(call, made)


@route(f"GET {_BASE}", "pull_requests:read")
def pull(call: Call) -> Reply | Json:
    """As JSON, or as text with the media types `diff` and `patch`."""
    record = _pull(call)
    media = call.accept.partition(";")[0]
    base = merging.merge_base(call.world, call.repo, record)
    bare = call.turn.bare
    if media.endswith(".diff"):
        return Reply(content=bare.diff(base, record.head_sha), media=f"{media}; charset=utf-8")
    if media.endswith(".patch"):
        patch = bare.output("format-patch", "--stdout", f"{base}..{record.head_sha}")
        return Reply(content=patch, media=f"{media}; charset=utf-8")
    return _full(call, record)


@route(f"PATCH {_BASE}", "pull_requests:write", role="read")
def update(call: Call) -> Json:
    record, turn = _pull(call), call.turn
    issue = pulls.issue_of(turn, record)
    if not call.viewer.is_integration and turn.login != issue.user and not turn.can("issues"):
        raise Refusal(403, "Must have admin rights to Repository.")
    issues.edit(turn, issue, call.text("title"), call.text("body"))
    if (base := call.text("base")) is not None:
        pulls.set_base(turn, record, base)
    state = call.text("state")
    if state not in {None, "open", "closed"}:
        raise invalid("PullRequest", "state")
    if state is not None:
        pulls.set_state(turn, record, state)
    return _full(call, record)


@route(f"GET {_BASE}/files", "pull_requests:read")
def files(call: Call) -> Reply:
    record = _pull(call)
    base = merging.merge_base(call.world, call.repo, record)
    changes = call.turn.bare.changes(base, record.head_sha)
    return call.page(
        changes, lambda each: git_wire.file_change(call.wire, call.repo, each, record.head_sha)
    )


@route(f"GET {_BASE}/commits", "pull_requests:read")
def commits(call: Call) -> Reply:
    """Oldest first, at most 250."""
    record, bare = _pull(call), call.turn.bare
    base = merging.merge_base(call.world, call.repo, record)
    oids = list(reversed(bare.log(f"{base}..{record.head_sha}")))[:250]
    found = [commit for oid in oids if (commit := bare.commit(oid))]
    return call.page(found, lambda each: git_wire.commit(call.wire, call.repo, each))


@route(f"GET {_BASE}/requested_reviewers", "pull_requests:read")
def requested_reviewers(call: Call) -> Json:
    users = wire.pull(call.wire, call.repo, _pull(call))["requested_reviewers"]
    return {"users": users, "teams": []}


@route(f"POST {_BASE}/requested_reviewers", "pull_requests:write", status=201)
def request_reviewers(call: Call) -> Json:
    record = _pull(call)
    pulls.request_reviews(call.turn, record, call.names("reviewers"))
    return wire.pull(call.wire, call.repo, record)


@route(f"DELETE {_BASE}/requested_reviewers", "pull_requests:write")
def remove_reviewers(call: Call) -> Json:
    record = _pull(call)
    pulls.remove_review_requests(call.turn, record, call.names("reviewers"))
    return wire.pull(call.wire, call.repo, record)


@route(f"GET {_BASE}/merge", "pull_requests:read")
def is_merged(call: Call) -> Reply:
    if not _pull(call).merged:
        raise Refusal(404, "Not Found")
    return Reply(status=204)


@route(f"PUT {_BASE}/merge", "contents:write")
def merge(call: Call) -> Json:
    style = merges.Style(
        call.text("merge_method") or "merge",
        call.text("commit_title"),
        call.text("commit_message"),
    )
    oid = merges.merge(call.turn, _pull(call), style, call.text("sha"))
    return {"sha": oid, "merged": True, "message": "Pull Request successfully merged"}


@route(f"PUT {_BASE}/update-branch", "pull_requests:write", status=202)
def update_branch(call: Call) -> Json:
    record = _pull(call)
    merges.update_branch(call.turn, record, call.text("expected_head_sha"))
    url = f"{call.wire.repo(call.repo)}/pulls/{record.number}"
    return {"message": "Updating pull request branch.", "url": url}
