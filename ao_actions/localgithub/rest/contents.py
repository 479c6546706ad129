"""Files of a repository by path (docs "Repository contents")."""

from __future__ import annotations

import base64
import binascii

from ao_actions.localgithub import pushes
from ao_actions.localgithub.bare import Person
from ao_actions.localgithub.errors import Refusal, not_found, unprocessable
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import git as wire
from ao_actions.localgithub.wire.core import Json

_PATH = "/repos/{owner}/{repo}/contents/{path+}"


@route("GET /repos/{owner}/{repo}/contents", "contents:read")
def root(call: Call) -> Reply | Json:
    return _read(call, "")


@route("GET /repos/{owner}/{repo}/contents/", "contents:read")
def root_with_slash(call: Call) -> Reply | Json:
    return _read(call, "")


@route(f"GET {_PATH}", "contents:read")
def contents(call: Call) -> Reply | Json:
    return _read(call, call.params["path"].strip("/"))


@route("GET /repos/{owner}/{repo}/readme", "contents:read")
def readme(call: Call) -> Reply | Json:
    return _read(call, "README.md")


def _read(call: Call, path: str) -> Reply | Json:
    """A file with its content, or the list of a directory."""
    bare = call.turn.bare
    rev = call.query.get("ref") or call.repo.default_branch
    oid = bare.resolve(rev)
    if oid is None:
        raise Refusal(
            404,
            f"No commit found for the ref {rev}"
            if bare.refs("refs/heads/")
            else "This repository is empty.",
        )
    entries = bare.tree(oid, under=path) if path else bare.tree(oid)
    if not entries:
        raise not_found()
    if path and entries[0].kind == "blob":
        data = bare.blob(entries[0].oid)
        if call.accept.partition(";")[0].endswith((".raw", ".raw+json")):
            return Reply(content=data, media="application/vnd.github.raw; charset=utf-8")
        return wire.content(call.wire, call.repo, entries[0], rev, data)
    if path:
        entries = bare.tree(oid, under=f"{path}/")
    return Reply([wire.content(call.wire, call.repo, each, rev, None) for each in entries])


@route(f"PUT {_PATH}", "contents:write")
def write(call: Call) -> Reply:
    """Creates a file, or replaces it when `sha` names the blob that is there."""
    path, bare = call.params["path"], call.turn.bare
    branch = call.text("branch") or call.repo.default_branch
    head = bare.branch(branch)
    if head is None and bare.refs("refs/heads/"):
        raise Refusal(404, f"Branch {branch} not found")
    present = bare.tree(head, under=path) if head else []
    _check_blob(call, present[0].oid if present else None)
    try:
        data = base64.b64decode(str(call.required("content", "Content")), validate=False)
    except binascii.Error:
        raise unprocessable("content is not valid Base64") from None
    tree = bare.edit_tree(head, {path: ("100644", bare.write_blob(data))})
    commit = _commit(call, branch, head, tree)
    entry = bare.tree(commit, under=path)[0]
    shown = wire.content(call.wire, call.repo, entry, branch, None)
    return Reply({"content": shown, "commit": _commit_json(call, commit)}, 200 if present else 201)


@route(f"DELETE {_PATH}", "contents:write")
def delete(call: Call) -> Json:
    path, bare = call.params["path"], call.turn.bare
    branch = call.text("branch") or call.repo.default_branch
    head = bare.branch(branch)
    present = bare.tree(head, under=path) if head else []
    if head is None or not present:
        raise not_found()
    _check_blob(call, present[0].oid)
    commit = _commit(call, branch, head, bare.edit_tree(head, {path: None}))
    return {"content": None, "commit": _commit_json(call, commit)}


def _check_blob(call: Call, present: str | None) -> None:
    sha = call.text("sha")
    if present is not None and sha is None:
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if present is not None and sha != present:
        raise Refusal(409, f"{call.params['path']} does not match {sha}")


def _commit(call: Call, branch: str, head: str | None, tree: str) -> str:
    turn = call.turn
    given = call.body.get("author") or call.body.get("committer")
    author = turn.author()
    if isinstance(given, dict):
        author = Person(str(given["name"]), str(given["email"]), turn.now)
    message = str(call.required("message", "Commit"))
    github = Person("GitHub", "noreply@github.com", turn.now)
    oid = turn.bare.commit_tree(tree, [head] if head else [], message, author, github)
    pushes.check_workflow_right(turn, head, oid)
    pushes.move_ref(turn, f"refs/heads/{branch}", oid, head)
    return oid


def _commit_json(call: Call, oid: str) -> Json:
    commit = call.turn.bare.commit(oid)
    return wire.git_commit(call.wire, call.repo, commit) if commit else {}
