"""What every reply is made of: times, node ids, users, repositories."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ao_actions.localgithub import access
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.model import App, Permission, Repository, User
from ao_actions.localgithub.world import World

Json = dict[str, Any]

# The prefixes of GitHub's global node ids, by GraphQL type.
PREFIXES = {
    "Repository": "R",
    "User": "U",
    "Bot": "BOT",
    "Organization": "O",
    "Issue": "I",
    "PullRequest": "PR",
    "IssueComment": "IC",
    "Label": "LA",
    "PullRequestReview": "PRR",
    "PullRequestReviewComment": "PRRC",
    "PullRequestReviewThread": "PRRT",
    "CheckRun": "CR",
    "CheckSuite": "CS",
    "StatusContext": "SC",
    "WorkflowRun": "WFR",
    "Workflow": "W",
    "App": "A",
    "Commit": "C",
    "Ref": "REF",
    "Tree": "T",
    "Blob": "B",
    "Reaction": "REA",
    "TimelineEvent": "TE",
    "Artifact": "MDg6QXJ0aWZhY3Q",
}
_TYPES = {prefix: kind for kind, prefix in PREFIXES.items()}
_NODE_ID = re.compile(r"([A-Z]+)_kwDO(.+)")


@dataclass(frozen=True, slots=True)
class Wire:
    """Where URLs in a reply begin: they share the host that the client asked."""

    world: World
    api: str
    html: str

    def repo(self, repo: Repository) -> str:
        return f"{self.api}/repos/{repo.full_name}"

    def page(self, repo: Repository) -> str:
        return f"{self.html}/{repo.full_name}"


def of(world: World) -> Wire:
    """The wire of what nobody asked for: webhook payloads."""
    return Wire(world, f"{world.base_url}/api/v3", world.base_url)


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_or_none(when: datetime | None) -> str | None:
    return stamp(when) if when else None


def node_id(kind: str, identity: int | str) -> str:
    return f"{PREFIXES[kind]}_kwDO{identity}"


def read_node_id(text: str) -> tuple[str, str] | None:
    """(type, identity) of a node id of ours."""
    match = _NODE_ID.fullmatch(text)
    return (_TYPES[match[1]], match[2]) if match and match[1] in _TYPES else None


def user(wire: Wire, login: str) -> Json:
    return user_record(wire, wire.world.user(login))


def user_or_none(wire: Wire, login: str | None) -> Json | None:
    return user(wire, login) if login else None


def user_record(wire: Wire, record: User) -> Json:
    url = f"{wire.api}/users/{record.login}"
    page = record.login.removesuffix("[bot]")
    return {
        "login": record.login,
        "id": record.id,
        "node_id": node_id(record.type, record.id),
        "avatar_url": f"{wire.html}/avatars/{record.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{wire.html}/apps/{page}" if record.type == "Bot" else f"{wire.html}/{page}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": record.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user(wire: Wire, record: User) -> Json:
    """GET /users/{u} and /user: the profile with its counts."""
    joined = "2020-01-01T00:00:00Z"
    return user_record(wire, record) | {
        "name": record.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": record.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(r.owner == record.login for r in wire.world.repositories.values()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": joined,
        "updated_at": joined,
    }


def app(wire: Wire, slug: str) -> Json:
    record = wire.world.apps.get(slug)
    bot = wire.world.user(f"{slug}[bot]")
    return {
        "id": record.id if record else 15368,  # GitHub Actions' own app id
        "slug": slug,
        "client_id": record.client_id if record else "Iv1.05c79e9ad1f6bdfa",
        "node_id": node_id("App", bot.id),
        "owner": user(wire, "github"),
        "name": "GitHub Actions" if slug == "github-actions" else slug,
        "description": "",
        "external_url": wire.html,
        "html_url": f"{wire.html}/apps/{slug}",
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2019-12-10T19:04:12Z",
        "permissions": dict(record.permissions) if record else {"metadata": "read"},
        "events": [],
    }


def installation(wire: Wire, record: App, login: str) -> Json:
    """Of an app at a person's; apps are installed everywhere, for all repositories."""
    account = user(wire, login)
    shown = app(wire, record.slug)
    return {
        "id": record.id,
        "app_id": record.id,
        "app_slug": record.slug,
        "client_id": record.client_id,
        "account": account,
        "repository_selection": "all",
        "access_tokens_url": f"{wire.api}/app/installations/{record.id}/access_tokens",
        "repositories_url": f"{wire.api}/installation/repositories",
        "html_url": f"{wire.html}/settings/installations/{record.id}",
        "permissions": record.permissions,
        "events": [],
        "target_id": account["id"],
        "target_type": "User",
        "single_file_name": None,
        "created_at": shown["created_at"],
        "updated_at": shown["updated_at"],
        "suspended_by": None,
        "suspended_at": None,
    }


def author_association(repo: Repository, login: str) -> str:
    if login == repo.owner:
        return "OWNER"
    return "COLLABORATOR" if login in repo.collaborators else "NONE"


def permissions(role: Permission) -> dict[str, bool]:
    rank = access.RANK[role]
    return {
        "admin": rank >= 5,
        "maintain": rank >= 4,
        "push": rank >= 3,
        "triage": rank >= 2,
        "pull": rank >= 1,
    }


# The URL templates of a repository, below its API URL (REST docs: "Get a repository").
_TEMPLATES = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def minimal_repository(wire: Wire, repo: Repository) -> Json:
    """How a repository stands inside other replies."""
    url = wire.repo(repo)
    return {
        "id": repo.id,
        "node_id": node_id("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": user(wire, repo.owner),
        "html_url": wire.page(repo),
        "description": repo.description,
        "fork": False,
        "url": url,
        **{name: url + rest for name, rest in _TEMPLATES.items()},
    }


def repository(wire: Wire, repo: Repository, viewer: Viewer | None = None) -> Json:
    """The full repository; `permissions` only for a viewer with an account."""
    created = stamp(repo.created_at)
    open_issues = sum(issue.state == "open" for issue in repo.issues.values())
    clone = f"{wire.page(repo)}.git"
    body = minimal_repository(wire, repo) | {
        "created_at": created,
        "updated_at": created,
        "pushed_at": created,
        "git_url": clone,
        "ssh_url": clone,
        "clone_url": clone,
        "svn_url": wire.page(repo),
        "mirror_url": None,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": False,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "archived": False,
        "disabled": False,
        "open_issues_count": open_issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "forks": 0,
        "open_issues": open_issues,
        "watchers": 0,
        "default_branch": repo.default_branch,
        "network_count": 0,
        "subscribers_count": 0,
    }
    if viewer is not None and not viewer.is_anonymous:
        body["permissions"] = permissions(_role(repo, viewer))
        body |= {
            "allow_squash_merge": True,
            "allow_merge_commit": True,
            "allow_rebase_merge": True,
            "allow_auto_merge": repo.allow_auto_merge,
            "allow_update_branch": True,
            "delete_branch_on_merge": False,
        }
    return body


def _role(repo: Repository, viewer: Viewer) -> Permission:
    if viewer.token is not None and viewer.is_integration:
        return "write" if access.granted(viewer.token, "contents") == "write" else "read"
    return access.role(repo, viewer.login)
