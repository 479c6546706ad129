"""The git database: refs, commits, trees, blobs and tags.

docs "Git database". Any namespace works for a ref; only branches and tags cause events.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from subprocess import CalledProcessError

from ao_actions.localgithub import pushes
from ao_actions.localgithub.bare import ZERO, Commit, Person
from ao_actions.localgithub.errors import Refusal, invalid, not_found, unprocessable
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import git as wire
from ao_actions.localgithub.wire.core import Json

_REF = re.compile(r"refs/[^/]+/.+")
_OID = re.compile(r"[0-9a-f]{40}")


def _one(call: Call, ref: str) -> Json | None:
    oid = call.turn.bare.ref(f"refs/{ref}")
    if oid is None:
        return None
    kind = call.turn.bare.text("cat-file", "-t", oid).strip()
    return wire.ref(call.wire, call.repo, f"refs/{ref}", oid, kind)


@route("GET /repos/{owner}/{repo}/git/ref/{ref+}", "contents:read")
def ref(call: Call) -> Json:
    found = _one(call, call.params["ref"])
    if found is None:
        raise not_found()
    return found


@route("GET /repos/{owner}/{repo}/git/matching-refs/{ref+}", "contents:read")
def matching_refs(call: Call) -> Reply:
    """Every ref that starts so: `heads/a` finds `heads/ab` too."""
    start = f"refs/{call.params['ref']}"
    folder = start.rpartition("/")[0] + "/"
    found = [each for each in call.turn.bare.refs(folder) if each[0].startswith(start)]
    return call.page(found, lambda each: wire.ref(call.wire, call.repo, *each))


@route("GET /repos/{owner}/{repo}/git/refs", "contents:read")
def refs(call: Call) -> Reply:
    found = call.turn.bare.refs("refs/")
    return call.page(found, lambda each: wire.ref(call.wire, call.repo, *each))


@route("GET /repos/{owner}/{repo}/git/refs/{ref+}", "contents:read")
def refs_below(call: Call) -> Reply | Json:
    """The old form of matching-refs, still used by clients: one ref, or a list."""
    found = _one(call, call.params["ref"])
    if found is not None:
        return found
    reply: Reply = matching_refs(call)
    if not reply.body:
        raise not_found()
    return reply


@route("POST /repos/{owner}/{repo}/git/refs", "contents:write", status=201)
def create_ref(call: Call) -> Json:
    """422 if it exists, whoever made it: the creation of a ref is atomic."""
    name, oid = str(call.required("ref", "Reference")), str(call.required("sha", "Reference"))
    bare = call.turn.bare
    valid = _REF.fullmatch(name) and bare.succeeds("check-ref-format", name)
    if not valid or name.startswith("refs/pull/"):
        raise unprocessable(f"{name} is not a valid ref name.")
    if not bare.exists(oid):
        raise unprocessable("Object does not exist")
    _check_workflows(call, None, oid)
    if bare.ref(name) is not None:
        raise unprocessable("Reference already exists")
    try:
        pushes.move_ref(call.turn, name, oid, ZERO)
    except Refusal:
        raise unprocessable("Reference already exists") from None
    return wire.ref(call.wire, call.repo, name, oid, bare.text("cat-file", "-t", oid).strip())


@route("PATCH /repos/{owner}/{repo}/git/refs/{ref+}", "contents:write")
def update_ref(call: Call) -> Json:
    name, oid = f"refs/{call.params['ref']}", str(call.required("sha", "Reference"))
    bare = call.turn.bare
    old = bare.ref(name)
    if old is None:
        raise unprocessable("Reference does not exist")
    if not bare.exists(oid):
        raise unprocessable("Object does not exist")
    if not call.body.get("force") and not bare.is_ancestor(old, oid):
        raise unprocessable("Update is not a fast forward")
    _check_workflows(call, old, oid)
    pushes.move_ref(call.turn, name, oid, old)
    return wire.ref(call.wire, call.repo, name, oid)


@route("DELETE /repos/{owner}/{repo}/git/refs/{ref+}", "contents:write", status=204)
def delete_ref(call: Call) -> Reply:
    name = call.params["ref"]
    if name == f"heads/{call.repo.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    pushes.delete_ref(call.turn, f"refs/{name}")
    return Reply(status=204)


def _check_workflows(call: Call, old: str | None, new: str) -> None:
    """Without an old commit, what counts is what the default branch does not have."""
    bare = call.turn.bare
    default = bare.branch(call.repo.default_branch)
    if bare.commit(new) is not None:
        pushes.check_workflow_right(
            call.turn, old or (default and bare.merge_base(default, new)), new
        )


# -- objects


def _commit(call: Call, oid: str) -> Commit:
    found = call.turn.bare.commit(oid) if _OID.fullmatch(oid) else None
    if found is None:
        raise not_found()
    return found


@route("GET /repos/{owner}/{repo}/git/commits/{sha}", "contents:read")
def commit(call: Call) -> Json:
    return wire.git_commit(call.wire, call.repo, _commit(call, call.params["sha"]))


@route("POST /repos/{owner}/{repo}/git/commits", "contents:write", status=201)
def create_commit(call: Call) -> Json:
    bare = call.turn.bare
    tree = str(call.required("tree", "Commit"))
    parents = [str(each) for each in call.body.get("parents") or []]
    for oid in (tree, *parents):
        if not bare.exists(oid):
            raise unprocessable(
                "Tree SHA does not exist"
                if oid == tree
                else "Parent SHA does not exist or is not a commit object"
            )
    author = _person(call, "author") or call.turn.author()
    committer = _person(call, "committer") or author
    message = str(call.required("message", "Commit"))
    oid = bare.commit_tree(tree, parents, message, author, committer)
    return wire.git_commit(call.wire, call.repo, _commit(call, oid))


def _person(call: Call, name: str) -> Person | None:
    given = call.body.get(name)
    if not isinstance(given, dict):
        return None
    when = given.get("date")
    date = datetime.fromisoformat(when) if when else call.turn.now
    if not given.get("name") or not given.get("email"):
        raise invalid("Commit", name, "missing_field")
    return Person(str(given["name"]), str(given["email"]), date)


@route("GET /repos/{owner}/{repo}/git/trees/{sha+}", "contents:read")
def tree(call: Call) -> Json:
    bare = call.turn.bare
    name = call.params["sha"]
    oid = name if bare.exists(name) else bare.resolve(name)
    if oid is None:
        raise not_found()
    oid = bare.text("rev-parse", f"{oid}^{{tree}}").strip()
    entries = bare.tree(oid, recursive=bool(call.query.get("recursive")))
    return _tree(call, oid, [wire.tree_entry(call.wire, call.repo, each) for each in entries])


def _tree(call: Call, oid: str, entries: list[Json]) -> Json:
    url = f"{call.wire.repo(call.repo)}/git/trees/{oid}"
    return {"sha": oid, "url": url, "tree": entries, "truncated": False}


@route("POST /repos/{owner}/{repo}/git/trees", "contents:write", status=201)
def create_tree(call: Call) -> Json:
    bare = call.turn.bare
    changes: dict[str, tuple[str, str] | None] = {}
    for entry in call.body.get("tree") or []:
        path = str(entry.get("path", ""))
        if not path or ".." in path.split("/") or path.startswith("/"):
            raise unprocessable("tree.path contains a malformed path component")
        if entry.get("content") is not None:
            oid: str | None = bare.write_blob(str(entry["content"]).encode())
        else:
            oid = entry.get("sha")
        if oid is not None and not bare.exists(oid):
            raise unprocessable(f"tree.sha {oid} is not a valid object")
        changes[path] = (str(entry.get("mode", "100644")), oid) if oid else None
    base = call.text("base_tree")
    try:
        made = bare.edit_tree(base, changes)
    except CalledProcessError:  # git knows what a path and a mode may be
        raise unprocessable("tree.path contains a malformed path component") from None
    entries = [wire.tree_entry(call.wire, call.repo, each) for each in bare.tree(made)]
    return _tree(call, made, entries)


@route("GET /repos/{owner}/{repo}/git/blobs/{sha}", "contents:read")
def blob(call: Call) -> Json:
    oid, bare = call.params["sha"], call.turn.bare
    if not bare.exists(oid):
        raise not_found()
    data = bare.blob(oid)
    return {
        "sha": oid,
        "node_id": f"B_kwDO{oid}",
        "size": len(data),
        "url": f"{call.wire.repo(call.repo)}/git/blobs/{oid}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }


@route("POST /repos/{owner}/{repo}/git/blobs", "contents:write", status=201)
def create_blob(call: Call) -> Json:
    content = call.text("content") or ""
    is_base64 = call.text("encoding") == "base64"
    data = base64.b64decode(content) if is_base64 else content.encode()
    oid = call.turn.bare.write_blob(data)
    return {"sha": oid, "url": f"{call.wire.repo(call.repo)}/git/blobs/{oid}"}


@route("GET /repos/{owner}/{repo}/tags", "contents:read")
def tags(call: Call) -> Reply:
    bare = call.turn.bare
    found = [(name.removeprefix("refs/tags/"), oid) for name, oid, _ in bare.refs("refs/tags/")]

    def render(item: tuple[str, str]) -> Json:
        oid = bare.peel(item[1]) or item[1]
        url = call.wire.repo(call.repo)
        return {
            "name": item[0],
            "commit": {"sha": oid, "url": f"{url}/commits/{oid}"},
            "zipball_url": f"{url}/zipball/refs/tags/{item[0]}",
            "tarball_url": f"{url}/tarball/refs/tags/{item[0]}",
            "node_id": f"REF_kwDO{oid}",
        }

    return call.page(found, render)
