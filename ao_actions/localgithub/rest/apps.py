"""GitHub Apps: what create-github-app-token asks for."""

from __future__ import annotations

from datetime import timedelta

from ao_actions.localgithub.errors import Refusal, not_found, unprocessable
from ao_actions.localgithub.model import App, Repository
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json


def _app(call: Call) -> App:
    if call.viewer.app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return call.viewer.app


@route("GET /app")
def authenticated_app(call: Call) -> Json:
    return core.app(call.wire, _app(call).slug)


@route("GET /apps/{slug}")
def app(call: Call) -> Json:
    if call.params["slug"] not in call.world.apps:
        raise not_found()
    return core.app(call.wire, call.params["slug"])


@route("GET /users/{login}/installation")
def user_installation(call: Call) -> Json:
    record = _app(call)
    if call.params["login"] not in call.world.users:
        raise not_found()
    return core.installation(call.wire, record, call.params["login"])


@route("POST /app/installations/{app_id}/access_tokens", status=201)
def access_token(call: Call) -> Json:
    """An installation token: for an hour, for one repository, never beyond the app's rights."""
    record = _app(call)
    if call.number("app_id") != record.id:
        raise not_found()
    asked = call.body.get("permissions") or record.permissions
    for scope, level in asked.items():
        if level == "write" and record.permissions.get(scope) != "write":
            raise unprocessable("The permissions requested are not granted to this installation.")
    repositories = _repositories(call)
    expires = call.world.now() + timedelta(hours=1)
    token = call.world.add_token(
        f"{record.slug}[bot]",
        kind="app",
        repository=repositories[0].full_name if repositories else None,
        permissions={scope: str(level) for scope, level in asked.items()},
        expires_at=expires,
    )
    body: Json = {
        "token": token.value,
        "expires_at": core.stamp(expires),
        "permissions": token.permissions,
        "repository_selection": "selected" if repositories else "all",
    }
    if repositories:
        body["repositories"] = [core.repository(call.wire, each) for each in repositories]
    return body


def _repositories(call: Call) -> list[Repository]:
    names = {str(each) for each in call.body.get("repositories") or []}
    identities = set(call.body.get("repository_ids") or [])
    found = [
        repo
        for repo in call.world.repositories.values()
        if repo.name in names or repo.id in identities
    ]
    if len(found) < len(names) + len(identities):
        raise unprocessable(
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation."
        )
    return found


@route("DELETE /installation/token", "user:write", status=204)
def revoke(call: Call) -> Reply:
    token = call.viewer.token
    if token is None or not call.viewer.is_integration:
        raise Refusal(403, "You must authenticate with an installation access token")
    call.world.remove_token(token.value)
    return Reply(status=204)


@route("GET /installation/repositories", "user:read")
def installation_repositories(call: Call) -> Reply:
    token = call.viewer.token
    if token is None or not call.viewer.is_integration:
        raise Refusal(403, "You must authenticate with an installation access token")
    found = [
        repo for name, repo in call.world.repositories.items() if token.repository in {None, name}
    ]
    return call.page(found, lambda repo: core.repository(call.wire, repo), "repositories")
