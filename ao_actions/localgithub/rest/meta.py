"""The root, the meta endpoint, rate limits and users."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.errors import not_found
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core


@route("GET /")
def root(call: Call) -> dict[str, Any]:
    api = call.api
    return {
        "current_user_url": f"{api}/user",
        "repository_url": f"{api}/repos/{{owner}}/{{repo}}",
        "rate_limit_url": f"{api}/rate_limit",
        "issue_search_url": f"{api}/search/issues?q={{query}}{{&page,per_page,sort,order}}",
        "user_url": f"{api}/users/{{user}}",
    }


@route("GET /meta")
def meta(call: Call) -> dict[str, Any]:  # noqa: ARG001 - every handler takes the call
    return {"verifiable_password_authentication": False, "installed_version": "localgithub"}


@route("GET /rate_limit")
def rate_limit(call: Call) -> dict[str, Any]:
    """Asking costs nothing; `core` is the bucket of this credential."""
    buckets = {name: call.limits(name).body() for name in ("core", "search", "graphql")}
    return {"resources": buckets, "rate": buckets["core"]}


@route("GET /zen")
def zen(call: Call) -> Reply:  # noqa: ARG001
    return Reply(content=b"Keep it logically awesome.", media="text/plain")


@route("GET /user", "user:read")
def authenticated_user(call: Call) -> dict[str, Any]:
    return core.public_user(call.wire, call.viewer.user)


@route("GET /users/{login}")
def user(call: Call) -> dict[str, Any]:
    found = call.world.users.get(call.params["login"])
    if found is None:
        raise not_found()
    return core.public_user(call.wire, found)


@route("GET /user/repos", "user:read")
def own_repositories(call: Call) -> Reply:
    login = call.viewer.login
    mine = [repo for repo in call.world.repositories.values() if login in repo.collaborators]
    return call.page(mine, lambda repo: core.repository(call.wire, repo, call.viewer))
