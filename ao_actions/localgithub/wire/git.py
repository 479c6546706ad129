"""Commits, refs, trees and files on the wire."""

from __future__ import annotations

import base64

from ao_actions.localgithub.bare import Bare, Commit, Entry, FileChange, Person
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json, Wire, stamp

UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def person(record: Person) -> Json:
    return {"name": record.name, "email": record.email, "date": stamp(record.when)}


def login_of(wire: Wire, record: Person) -> str | None:
    """The account behind a commit's address: its own, or GitHub's noreply form."""
    local, _, host = record.email.partition("@")
    by_noreply = local.rpartition("+")[2] if host == "users.noreply.github.com" else None
    for user in wire.world.users.values():
        if user.email == record.email or user.login == by_noreply:
            return user.login
    return None


def git_commit(wire: Wire, repo: Repository, commit: Commit) -> Json:
    """The git database's commit (REST docs: "Git commits")."""
    url = wire.repo(repo)
    return {
        "sha": commit.oid,
        "node_id": core.node_id("Commit", f"{repo.id}O{commit.oid}"),
        "url": f"{url}/git/commits/{commit.oid}",
        "html_url": f"{wire.page(repo)}/commit/{commit.oid}",
        "author": person(commit.author),
        "committer": person(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {
                "sha": parent,
                "url": f"{url}/git/commits/{parent}",
                "html_url": f"{wire.page(repo)}/commit/{parent}",
            }
            for parent in commit.parents
        ],
        "verification": UNSIGNED,
    }


def commit(wire: Wire, repo: Repository, record: Commit) -> Json:
    """The commits API's commit: the git one inside, accounts outside."""
    url = f"{wire.repo(repo)}/commits/{record.oid}"
    inner = git_commit(wire, repo, record)
    return {
        "sha": record.oid,
        "node_id": inner["node_id"],
        "commit": {
            "author": inner["author"],
            "committer": inner["committer"],
            "message": record.message,
            "tree": inner["tree"],
            "url": inner["url"],
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        "url": url,
        "html_url": inner["html_url"],
        "comments_url": f"{url}/comments",
        "author": core.user_or_none(wire, login_of(wire, record.author)),
        "committer": core.user_or_none(wire, login_of(wire, record.committer)),
        "parents": [
            parent | {"url": f"{wire.repo(repo)}/commits/{parent['sha']}"}
            for parent in inner["parents"]
        ],
    }


def push_commit(wire: Wire, repo: Repository, bare: Bare, record: Commit) -> Json:
    """A commit inside a push payload."""
    files = bare.changes(record.parents[0], record.oid, patch=False) if record.parents else []
    author = person(record.author)
    committer = person(record.committer)
    for one, source in ((author, record.author), (committer, record.committer)):
        if login := login_of(wire, source):
            one["username"] = login
    return {
        "id": record.oid,
        "tree_id": record.tree,
        "distinct": True,
        "message": record.message,
        "timestamp": stamp(record.committer.when),
        "url": f"{wire.page(repo)}/commit/{record.oid}",
        "author": author,
        "committer": committer,
        "added": [each.path for each in files if each.status == "added"],
        "removed": [each.path for each in files if each.status == "removed"],
        "modified": [each.path for each in files if each.status not in {"added", "removed"}],
    }


def ref(wire: Wire, repo: Repository, name: str, oid: str, kind: str = "commit") -> Json:
    url = wire.repo(repo)
    folder = {"commit": "commits", "tag": "tags", "blob": "blobs", "tree": "trees"}[kind]
    return {
        "ref": name,
        "node_id": core.node_id("Ref", f"{repo.id}_{name}"),
        "url": f"{url}/git/{name}",
        "object": {"sha": oid, "type": kind, "url": f"{url}/git/{folder}/{oid}"},
    }


def tree_entry(wire: Wire, repo: Repository, entry: Entry) -> Json:
    folder = {"commit": "commits", "blob": "blobs", "tree": "trees"}[entry.kind]
    body: Json = {
        "path": entry.path,
        "mode": entry.mode,
        "type": entry.kind,
        "sha": entry.oid,
        "url": f"{wire.repo(repo)}/git/{folder}/{entry.oid}",
    }
    if entry.size is not None:
        body["size"] = entry.size
    return body


def content(wire: Wire, repo: Repository, entry: Entry, rev: str, data: bytes | None) -> Json:
    """A file or directory of the contents API; `data` only for a file asked for by itself."""
    url = f"{wire.repo(repo)}/contents/{entry.path}?ref={rev}"
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "file")
    git_url = f"{wire.repo(repo)}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.oid}"
    html_url = f"{wire.page(repo)}/{'tree' if kind == 'dir' else 'blob'}/{rev}/{entry.path}"
    raw = f"{wire.html}/raw/{repo.full_name}/{rev}/{entry.path}" if kind == "file" else None
    body: Json = {
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "sha": entry.oid,
        "size": entry.size or 0,
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": raw,
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html_url},
    }
    if data is not None:
        body["content"] = base64.encodebytes(data).decode()
        body["encoding"] = "base64"
    return body


def file_change(wire: Wire, repo: Repository, change: FileChange, head: str) -> Json:
    """One file of a pull request, commit or comparison."""
    body: Json = {
        "sha": change.oid,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{wire.page(repo)}/blob/{head}/{change.path}",
        "raw_url": f"{wire.html}/raw/{repo.full_name}/{head}/{change.path}",
        "contents_url": f"{wire.repo(repo)}/contents/{change.path}?ref={head}",
    }
    if change.patch is not None:
        body["patch"] = change.patch
    if change.previous is not None:
        body["previous_filename"] = change.previous
    return body
