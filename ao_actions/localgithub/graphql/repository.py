"""The roots of the graph, repositories, accounts, labels."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub import access, searching
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.graphql.lookup import find
from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    constant,
    field,
    global_id,
    ordered,
    plain,
    problem,
)
from ao_actions.localgithub.graphql.subjects import issue_page, pull_page, subject
from ao_actions.localgithub.issues import find_label
from ao_actions.localgithub.model import Protection
from ao_actions.localgithub.wire import core


@field("Query.viewer")
def viewer(_: Node, graph: Graph) -> Node:
    """Always a User, with its login as in REST: an App's ends in `[bot]` here."""
    return Node("User", None, graph.viewer.user)


@field("Query.user", "Query.organization")
def user(_: Node, graph: Graph, login: str) -> Node:
    found = graph.world.users.get(login)
    if found is None:
        raise problem("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
    return Node(found.type, None, found)


@field("Query.repository")
def repository(_: Node, graph: Graph, owner: str, name: str, **__: Any) -> Node:
    try:
        repo = access.find_repository(graph.world, graph.viewer, f"{owner}/{name}")
    except Refusal:
        message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
        raise problem("NOT_FOUND", message) from None
    return Node("Repository", repo, repo)


@field("Query.node")
def node(_: Node, graph: Graph, id: str) -> Node:  # noqa: A002 - the argument's name
    return find(graph, id)


@field("Query.nodes")
def nodes(_: Node, graph: Graph, ids: list[str]) -> list[Node]:
    return [find(graph, each) for each in ids]


@field("Query.rateLimit")
def rate_limit(_: Node, graph: Graph, **__: Any) -> Json:
    return {
        "cost": graph.cost,
        "nodeCount": graph.node_count,
        "limit": graph.bucket.limit,
        "remaining": graph.bucket.remaining,
        "used": graph.bucket.used,
        "resetAt": core.stamp(graph.bucket.reset),
    }


@field("Query.search")
def search(_: Node, graph: Graph, query: str, type: str, **page: Any) -> Json:  # noqa: A002
    """Issues and pull requests; other kinds of search give nothing here."""
    found = searching.search(graph.world, graph.viewer, query) if "ISSUE" in type else []
    result = connection(found, lambda item: subject(item[0], item[1].number), **page)
    return result | {"issueCount": len(found), "repositoryCount": 0, "userCount": 0}


# -- repositories

plain("Repository", name="name", description="description", databaseId="id", isPrivate="private")
plain("Repository", nameWithOwner="full_name", createdAt="created_at", updatedAt="created_at")
plain("Repository", pushedAt="created_at", autoMergeAllowed="allow_auto_merge")
field("Repository.id")(global_id)
constant(
    "Repository",
    allowUpdateBranch=True,
    archivedAt=None,
    deleteBranchOnMerge=False,
    diskUsage=1,
    forkCount=0,
    forkingAllowed=True,
    hasDiscussionsEnabled=False,
    hasIssuesEnabled=True,
    hasProjectsEnabled=False,
    hasWikiEnabled=False,
    homepageUrl=None,
    isArchived=False,
    isBlankIssuesEnabled=True,
    isDisabled=False,
    isFork=False,
    isInOrganization=False,
    isLocked=False,
    isMirror=False,
    isTemplate=False,
    issueTemplates=[],
    licenseInfo=None,
    mergeCommitAllowed=True,
    milestone=None,
    milestones=connection([], str),
    mirrorUrl=None,
    parent=None,
    primaryLanguage=None,
    pullRequestTemplates=[],
    rebaseMergeAllowed=True,
    squashMergeAllowed=True,
    stargazerCount=0,
    templateRepository=None,
    viewerDefaultMergeMethod="MERGE",
    viewerHasStarred=False,
    viewerSubscription="UNSUBSCRIBED",
    forks=connection([], str),
    watchers=connection([], str),
    projectV2=None,
)


@field("Repository.branchProtectionRules")
def branch_protection_rules(node: Node, _: Graph, **page: Any) -> Json:
    rules = list(node.place.protection.items())
    return connection(rules, lambda each: _protection_rule(*each), **page)


def _protection_rule(pattern: str, rules: Protection) -> Json:
    return {
        "pattern": pattern,
        "requiresApprovingReviews": rules.required_approvals > 0,
        "requiredApprovingReviewCount": rules.required_approvals,
        "requiresStatusChecks": bool(rules.required_checks),
        "requiredStatusCheckContexts": rules.required_checks,
        "requiresConversationResolution": rules.require_conversation_resolution,
        "restrictsPushes": rules.restrict_pushes,
        "allowsDeletions": False,
        "blocksCreations": False,
        "lockBranch": False,
        "requiresCommitSignatures": False,
        "requiresLinearHistory": False,
    }


@field("Repository.owner")
def owner(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.place.owner)


@field("Repository.url")
def url(node: Node, graph: Graph) -> str:
    return graph.wire.page(node.place)


@field("Repository.sshUrl")
def ssh_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}.git"


@field("Repository.resourcePath")
def resource_path(node: Node, _: Graph) -> str:
    return f"/{node.place.full_name}"


@field("Repository.visibility")
def visibility(node: Node, _: Graph) -> str:
    return "PRIVATE" if node.place.private else "PUBLIC"


@field("Repository.isEmpty")
def is_empty(node: Node, graph: Graph) -> bool:
    return not graph.world.bare(node.place).refs("refs/heads/")


@field("Repository.viewerPermission")
def viewer_permission(node: Node, graph: Graph) -> str | None:
    token = graph.viewer.token
    if token is not None and graph.viewer.is_integration:
        return "WRITE" if access.granted(token, "contents") == "write" else "READ"
    return access.role(node.place, graph.viewer.login).upper()


@field("Repository.viewerCanAdminister")
def viewer_can_administer(node: Node, graph: Graph) -> bool:
    return viewer_permission(node, graph) == "ADMIN"


@field("Repository.collaborators")
def collaborators(node: Node, graph: Graph, **page: Any) -> Json:
    people = list(node.place.collaborators.items())
    result = connection(people, lambda item: graph.actor(item[0]), **page)
    for edge, (_, role) in zip(result["edges"], people, strict=False):
        edge["permission"] = role.upper()
    return result


@field(
    "Repository.assignableUsers",
    "Repository.mentionableUsers",
    "Repository.suggestedActors",
    "Issue.suggestedActors",
    "PullRequest.suggestedActors",
)
def assignable_users(node: Node, graph: Graph, query: str | None = None, **page: Any) -> Json:
    people = [login for login in node.place.collaborators if not query or query in login]
    return connection(people, graph.actor, **page)


@field("Repository.issues")
def issues(node: Node, graph: Graph, **arguments: Any) -> Json:
    graph.may_read(node.place, "issues")
    found = [each for each in node.place.issues.values() if not each.is_pull]
    return issue_page(node.place, found, **arguments)


@field("Repository.pullRequests")
def pull_requests(node: Node, graph: Graph, **arguments: Any) -> Json:
    graph.may_read(node.place, "pull_requests")
    return pull_page(node.place, list(node.place.pulls.values()), **arguments)


@field("Repository.issue")
def issue(node: Node, graph: Graph, number: int) -> Node:
    graph.may_read(node.place, "issues")
    found = node.place.issues.get(number)
    if found is None or found.is_pull:
        message = f"Could not resolve to an Issue with the number of {number}."
        raise problem("NOT_FOUND", message)
    return subject(node.place, number)


@field("Repository.pullRequest")
def pull_request(node: Node, graph: Graph, number: int) -> Node:
    graph.may_read(node.place, "pull_requests")
    if number not in node.place.pulls:
        message = f"Could not resolve to a PullRequest with the number of {number}."
        raise problem("NOT_FOUND", message)
    return subject(node.place, number)


@field("Repository.issueOrPullRequest")
def issue_or_pull_request(node: Node, _: Graph, number: int) -> Node:
    if number not in node.place.issues:
        message = f"Could not resolve to an issue or pull request with the number of {number}."
        raise problem("NOT_FOUND", message)
    return subject(node.place, number)


@field("Repository.labels")
def labels(node: Node, _: Graph, query: str | None = None, **page: Any) -> Json:
    order = page.get("orderBy")
    found = [each for each in node.place.labels if not query or query.lower() in each.name.lower()]
    by_name = (order or {}).get("field") == "NAME"
    found = ordered(found, lambda each: each.name.lower() if by_name else each.id, order, "ASC")
    return connection(found, lambda label: Node("Label", node.place, label), **page)


@field("Repository.label")
def label(node: Node, _: Graph, name: str) -> Node | None:
    found = find_label(node.place, name)
    return Node("Label", node.place, found) if found else None


plain("Label", name="name", color="color", description="description")
field("Label.id")(global_id)
constant("Label", isDefault=False, createdAt=None, updatedAt=None)


@field("Label.url")
def label_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}/labels/{node.record.name}"


@field("Label.resourcePath")
def label_path(node: Node, _: Graph) -> str:
    return f"/{node.place.full_name}/labels/{node.record.name}"


@field("Label.issues")
def label_issues(node: Node, _: Graph, **arguments: Any) -> Json:
    name = node.record.name
    found = [e for e in node.place.issues.values() if name in e.labels and not e.is_pull]
    return issue_page(node.place, found, **arguments)


# -- accounts

_ACCOUNTS = "User Bot Organization"

for _kind in _ACCOUNTS.split():
    field(f"{_kind}.id")(global_id)
plain(_ACCOUNTS, databaseId="id")
plain("User Organization", name="name", email="email")
constant("User", bio=None, company=None, location=None, isSiteAdmin=False, websiteUrl=None)
constant("User", projectsV2=connection([], str), projectV2=None)
constant("User Organization Bot", createdAt="2020-01-01T00:00:00Z")


@field(*(f"{kind}.login" for kind in _ACCOUNTS.split()))
def login(node: Node, _: Graph) -> str:
    text: str = node.record.login
    return text if node.kind == "User" else text.removesuffix("[bot]")


@field(*(f"{kind}.url" for kind in _ACCOUNTS.split()))
def account_url(node: Node, graph: Graph) -> str:
    return f"{graph.html}{account_path(node, graph)}"


@field(*(f"{kind}.resourcePath" for kind in _ACCOUNTS.split()))
def account_path(node: Node, graph: Graph) -> str:
    folder = "apps/" if node.kind == "Bot" else ""
    return f"/{folder}{login(node, graph)}"


@field(*(f"{kind}.avatarUrl" for kind in _ACCOUNTS.split()))
def avatar_url(node: Node, graph: Graph, **_: Any) -> str:
    return f"{graph.html}/avatars/{node.record.id}"


@field("User.isViewer")
def is_viewer(node: Node, graph: Graph) -> bool:
    same: bool = node.record.login == graph.viewer.login
    return same


@field("User.repositories", "Organization.repositories")
def repositories(node: Node, graph: Graph, **page: Any) -> Json:
    owned = [
        repo
        for repo in graph.world.repositories.values()
        if repo.owner == node.record.login and access.sees(graph.viewer, repo)
    ]
    return connection(owned, lambda repo: Node("Repository", repo, repo), **page)


@field("User.organizations")
def organizations(_: Node, __: Graph, **page: Any) -> Json:
    return connection([], str, **page)
