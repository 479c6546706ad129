"""Commits, refs and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ao_actions.localgithub.bare import Commit, Entry, Person
from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    constant,
    field,
    global_id,
    problem,
)
from ao_actions.localgithub.graphql.subjects import pull_page
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import git as git_wire

# -- objects and refs of a repository


@field("Repository.object")
def git_object(
    node: Node, graph: Graph, expression: str | None = None, oid: str | None = None
) -> Node | None:
    """`branch`, `branch:path` or an oid; None when there is no such thing."""
    graph.may_read(node.place, "contents")
    bare = graph.world.bare(node.place)
    rev, colon, path = (expression or oid or "").partition(":")
    commit = bare.resolve("HEAD" if rev == "" else rev) or _head(node, graph, rev)
    if commit is None:
        return None
    if not colon:
        return Node("Commit", node.repo, commit)
    if not path:
        tree = bare.commit(commit)
        return Node("Tree", node.repo, tree.tree) if tree else None
    entries = bare.tree(commit, under=path.rstrip("/"))
    if not entries:
        return None
    return Node("Tree" if entries[0].kind == "tree" else "Blob", node.repo, entries[0].oid)


def _head(node: Node, graph: Graph, rev: str) -> str | None:
    return graph.world.bare(node.place).branch(node.place.default_branch) if rev == "HEAD" else None


@field("Repository.defaultBranchRef")
def default_branch_ref(node: Node, graph: Graph) -> Node | None:
    return find_ref(node, graph, f"refs/heads/{node.place.default_branch}")


@field("Repository.ref")
def ref(node: Node, graph: Graph, **named: str) -> Node | None:
    return find_ref(node, graph, named["qualifiedName"])


def find_ref(node: Node, graph: Graph, given: str) -> Node | None:
    bare = graph.world.bare(node.place)
    for name in (given, f"refs/heads/{given}", f"refs/tags/{given}"):
        oid = bare.ref(name)
        if oid:
            return Node("Ref", node.repo, (name, oid))
    return None


@field("Repository.refs")
def refs(node: Node, graph: Graph, query: str | None = None, **page: Any) -> Json:
    found = graph.world.bare(node.place).refs(page["refPrefix"])
    kept = [(name, oid) for name, oid, _ in found if not query or query in name]
    return connection(kept, lambda each: Node("Ref", node.repo, each), **page)


field("Ref.id", "Commit.id", "Tree.id", "Blob.id")(global_id)
constant("Ref", branchProtectionRule=None)
_PREFIXES = ("refs/heads/", "refs/tags/", "refs/")


@field("Ref.prefix")
def prefix(node: Node, _: Graph) -> str:
    return next(each for each in _PREFIXES if node.record[0].startswith(each))


@field("Ref.name")
def ref_name(node: Node, graph: Graph) -> str:
    text: str = node.record[0]
    return text.removeprefix(prefix(node, graph))


@field("Ref.target")
def target(node: Node, graph: Graph) -> Node:
    oid = graph.world.bare(node.place).peel(node.record[1]) or node.record[1]
    return Node("Commit", node.repo, oid)


@field("Ref.associatedPullRequests")
def ref_pulls(node: Node, graph: Graph, **arguments: Any) -> Json:
    name = ref_name(node, graph)
    found = [pull for pull in node.place.pulls.values() if pull.head_ref == name]
    return pull_page(node.place, found, **arguments)


for _kind in ("Ref", "Commit", "Tree", "Blob", "CheckRun", "CheckSuite"):
    field(f"{_kind}.repository")(lambda node, _: Node("Repository", node.repo, node.repo))

for _kind in ("Commit", "Tree", "Blob"):
    field(f"{_kind}.oid")(lambda node, _: node.record)
    field(f"{_kind}.abbreviatedOid")(lambda node, _: node.record[:7])


# -- files


@field("Blob.text")
def blob_text(node: Node, graph: Graph) -> str | None:
    data = graph.world.bare(node.place).blob(node.record)
    return None if b"\0" in data else data.decode("utf-8", "replace")


@field("Blob.byteSize")
def byte_size(node: Node, graph: Graph) -> int:
    return len(graph.world.bare(node.place).blob(node.record))


@field("Blob.isBinary")
def is_binary(node: Node, graph: Graph) -> bool:
    return blob_text(node, graph) is None


constant("Blob", isTruncated=False)


@field("Tree.entries")
def entries(node: Node, graph: Graph) -> list[Json]:
    return [_entry(node, each) for each in graph.world.bare(node.place).tree(node.record)]


def _entry(node: Node, entry: Entry) -> Json:
    kind = "Tree" if entry.kind == "tree" else "Blob"
    return {
        "name": entry.path,
        "path": entry.path,
        "mode": int(entry.mode, 8),
        "oid": entry.oid,
        "size": entry.size or 0,
        "type": entry.kind,
        "object": Node(kind, node.repo, entry.oid),
    }


# -- commits


def _commit(node: Node, graph: Graph) -> Commit:
    found = graph.world.bare(node.place).commit(node.record)
    if found is None:
        raise problem("NOT_FOUND", f"No commit {node.record}")
    return found


_COMMIT_FIELDS: dict[str, Callable[[Commit], str | None]] = {
    "message": lambda commit: commit.message,
    "messageHeadline": lambda commit: commit.headline,
    "messageBody": lambda commit: commit.message.partition("\n")[2].strip("\n"),
    "committedDate": lambda commit: core.stamp(commit.committer.when),
    "authoredDate": lambda commit: core.stamp(commit.author.when),
    "pushedDate": lambda _: None,
}


def _commit_field(name: str) -> None:
    read = _COMMIT_FIELDS[name]
    field(f"Commit.{name}")(lambda node, graph: read(_commit(node, graph)))


for _name in _COMMIT_FIELDS:
    _commit_field(_name)


@field("Commit.url", "Commit.commitUrl")
def commit_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}/commit/{node.record}"


@field("Commit.author")
def author(node: Node, graph: Graph) -> Json:
    return _git_actor(graph, _commit(node, graph).author)


@field("Commit.committer")
def committer(node: Node, graph: Graph) -> Json:
    return _git_actor(graph, _commit(node, graph).committer)


@field("Commit.authors")
def authors(node: Node, graph: Graph, **page: Any) -> Json:
    return connection([_commit(node, graph).author], lambda each: _git_actor(graph, each), **page)


def _git_actor(graph: Graph, person: Person) -> Json:
    login = git_wire.login_of(graph.wire, person)
    user = graph.actor(login)
    return {
        "name": person.name,
        "email": person.email,
        "date": core.stamp(person.when),
        "avatarUrl": f"{graph.html}/avatars/0",
        # `user` is a User: a bot's commit has none, as on GitHub
        "user": user if user is not None and user.kind == "User" else None,
    }


@field("Commit.parents")
def parents(node: Node, graph: Graph, **page: Any) -> Json:
    oids = _commit(node, graph).parents
    return connection(oids, lambda oid: Node("Commit", node.repo, oid), **page)


@field("Commit.history")
def history(node: Node, graph: Graph, path: str | None = None, **page: Any) -> Json:
    oids = graph.world.bare(node.place).log(node.record, path=path)
    return connection(oids, lambda oid: Node("Commit", node.repo, oid), **page)


@field("Commit.tree")
def tree(node: Node, graph: Graph) -> Node:
    return Node("Tree", node.repo, _commit(node, graph).tree)


@field("Commit.associatedPullRequests")
def associated_pulls(node: Node, _: Graph, **arguments: Any) -> Json:
    found = [
        pull
        for pull in node.place.pulls.values()
        if node.record in {pull.head_sha, pull.merge_commit_sha}
    ]
    return pull_page(node.place, found, **arguments)
