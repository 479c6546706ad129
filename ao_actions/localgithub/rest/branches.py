"""Branches and their protection, commits and comparisons."""

from __future__ import annotations

from ao_actions.localgithub.bare import Bare
from ao_actions.localgithub.errors import Refusal, not_found, unprocessable
from ao_actions.localgithub.model import Protection
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import git as wire
from ao_actions.localgithub.wire.core import Json

_DIFF = "application/vnd.github.diff; charset=utf-8"


@route("GET /repos/{owner}/{repo}/branches", "contents:read")
def branches(call: Call) -> Reply:
    refs = call.turn.bare.refs("refs/heads/")
    names = [(name.removeprefix("refs/heads/"), oid) for name, oid, _ in refs]
    if (wanted := call.query.get("protected")) is not None:
        flag = wanted == "true"
        names = [item for item in names if (item[0] in call.repo.protection) == flag]
    return call.page(names, lambda item: _short_branch(call, *item))


@route("GET /repos/{owner}/{repo}/branches/{branch+}", "contents:read")
def branch(call: Call) -> Json:
    name = call.params["branch"]
    oid = call.turn.bare.branch(name)
    commit = call.turn.bare.commit(oid) if oid else None
    if oid is None or commit is None:
        raise Refusal(404, "Branch not found")
    url = f"{call.wire.repo(call.repo)}/branches/{name}"
    return _short_branch(call, name, oid) | {
        "commit": wire.commit(call.wire, call.repo, commit),
        "_links": {"html": f"{call.wire.page(call.repo)}/tree/{name}", "self": url},
        "protection_url": f"{url}/protection",
    }


def _short_branch(call: Call, name: str, oid: str) -> Json:
    rules = call.repo.protection.get(name)
    url = f"{call.wire.repo(call.repo)}/commits/{oid}"
    required = {
        "enforcement_level": "non_admins" if rules and rules.required_checks else "off",
        "contexts": rules.required_checks if rules else [],
        "checks": [],
    }
    return {
        "name": name,
        "commit": {"sha": oid, "url": url},
        "protected": rules is not None,
        "protection": {"enabled": rules is not None, "required_status_checks": required},
        "protection_url": f"{call.wire.repo(call.repo)}/branches/{name}/protection",
    }


@route(
    "GET /repos/{owner}/{repo}/branches/{branch+}/protection", "administration:read", role="admin"
)
def protection(call: Call) -> Json:
    rules = call.repo.protection.get(call.params["branch"])
    if rules is None:
        raise Refusal(404, "Branch not protected")
    return _protection(call, rules)


@route(
    "PUT /repos/{owner}/{repo}/branches/{branch+}/protection", "administration:write", role="admin"
)
def protect(call: Call) -> Json:
    checks = call.body.get("required_status_checks") or {}
    reviews = call.body.get("required_pull_request_reviews")
    contexts = [str(each) for each in checks.get("contexts") or []]
    contexts += [str(each["context"]) for each in checks.get("checks") or []]
    count = int(reviews.get("required_approving_review_count", 1)) if reviews else 0
    rules = Protection(
        list(dict.fromkeys(contexts)),
        count,
        bool(call.body.get("required_conversation_resolution", False)),
    )
    call.repo.protection[call.params["branch"]] = rules
    return _protection(call, rules)


@route(
    "DELETE /repos/{owner}/{repo}/branches/{branch+}/protection",
    "administration:write",
    role="admin",
)
def unprotect(call: Call) -> Reply:
    if call.repo.protection.pop(call.params["branch"], None) is None:
        raise Refusal(404, "Branch not protected")
    return Reply(status=204)


def _protection(call: Call, rules: Protection) -> Json:
    url = call.api + call.path
    body: Json = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": False},
        "required_linear_history": {"enabled": False},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
        "required_conversation_resolution": {"enabled": rules.require_conversation_resolution},
    }
    if rules.required_checks:
        body["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": False,
            "contexts": rules.required_checks,
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [{"context": name, "app_id": None} for name in rules.required_checks],
        }
    if rules.required_approvals:
        body["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
            "required_approving_review_count": rules.required_approvals,
        }
    return body


# -- commits


@route("GET /repos/{owner}/{repo}/commits", "contents:read")
def commits(call: Call) -> Reply:
    bare = call.turn.bare
    start = call.query.get("sha") or call.repo.default_branch
    oid = bare.resolve(start)
    if oid is None:
        if not bare.refs("refs/heads/"):
            raise Refusal(409, "Git Repository is empty.")
        raise not_found()
    since = [f"--since={call.query['since']}"] if call.query.get("since") else []
    oids = bare.log(*since, oid, path=call.query.get("path"))
    return call.page(oids, lambda each: _commit(call, bare, each))


def _commit(call: Call, bare: Bare, oid: str) -> Json:
    record = bare.commit(oid)
    if record is None:
        raise not_found()
    return wire.commit(call.wire, call.repo, record)


@route("GET /repos/{owner}/{repo}/commits/{ref+}", "contents:read")
def commit(call: Call) -> Reply | Json:
    """One commit; as plain text with the media types `sha` and `diff`."""
    bare = call.turn.bare
    oid = bare.resolve(call.params["ref"])
    record = bare.commit(oid) if oid else None
    if oid is None or record is None:
        raise unprocessable(f"No commit found for SHA: {call.params['ref']}")
    if call.accept.partition(";")[0].endswith(".sha"):
        return Reply(content=oid.encode(), media="application/vnd.github.sha; charset=utf-8")
    parent = record.parents[0] if record.parents else EMPTY_TREE
    if call.accept.partition(";")[0].endswith(".diff"):
        return Reply(content=bare.diff(parent, oid), media=_DIFF)
    files = bare.changes(parent, oid)
    added, removed = sum(f.additions for f in files), sum(f.deletions for f in files)
    return wire.commit(call.wire, call.repo, record) | {
        "stats": {"total": added + removed, "additions": added, "deletions": removed},
        "files": [wire.file_change(call.wire, call.repo, each, oid) for each in files],
    }


# git knows the empty tree without storing it
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@route("GET /repos/{owner}/{repo}/commits/{sha}/pulls", "contents:read")
def commit_pulls(call: Call) -> Reply:
    """The pull requests whose branch has the commit."""
    from ao_actions.localgithub import merging
    from ao_actions.localgithub.wire import pulls as pull_wire

    sha, bare = call.params["sha"], call.turn.bare
    found = [
        pull
        for pull in call.repo.pulls.values()
        if sha == pull.merge_commit_sha
        or sha in bare.log(pull.head_sha, f"^{merging.merge_base(call.world, call.repo, pull)}")
    ]
    return call.page(found, lambda pull: pull_wire.pull(call.wire, call.repo, pull))


@route("GET /repos/{owner}/{repo}/compare/{span+}", "contents:read")
def compare(call: Call) -> Reply | Json:
    bare = call.turn.bare
    names = call.params["span"].split("...")
    oids = [bare.resolve(name.rpartition(":")[2]) for name in names]
    if len(oids) != 2 or oids[0] is None or oids[1] is None:
        raise not_found()
    base, head = oids[0], oids[1]
    fork = bare.merge_base(base, head)
    if fork is None:
        raise Refusal(404, f"No common ancestor between {names[0]} and {names[1]}.")
    if call.accept.partition(";")[0].endswith(".diff"):
        return Reply(content=bare.diff(fork, head), media=_DIFF)
    ahead = bare.log(f"{base}..{head}")
    behind = len(bare.log(f"{head}..{base}"))
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    url = f"{call.api}{call.path}"
    return {
        "url": url,
        "html_url": f"{call.wire.page(call.repo)}/compare/{call.params['span']}",
        "permalink_url": f"{call.wire.page(call.repo)}/compare/{base}...{head}",
        "diff_url": f"{url}.diff",
        "patch_url": f"{url}.patch",
        "base_commit": _commit(call, bare, base),
        "merge_base_commit": _commit(call, bare, fork),
        "status": status.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [_commit(call, bare, oid) for oid in reversed(ahead[:250])],
        "files": [
            wire.file_change(call.wire, call.repo, each, head) for each in bare.changes(fork, head)
        ],
    }


@route("GET /repos/{owner}/{repo}/installation")
def installation(call: Call) -> Json:
    """For an app that authenticates as itself; apps are installed everywhere."""
    app = call.viewer.app
    if app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return core.installation(call.wire, app, call.repo.owner)
