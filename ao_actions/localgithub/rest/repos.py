"""Repositories, their collaborators and dispatches."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub import access
from ao_actions.localgithub.errors import Refusal, invalid, not_found, unprocessable
from ao_actions.localgithub.model import Permission
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json

# GraphQL and REST "permission" speak of push and pull; role_name of roles
_LEGACY = {"maintain": "write", "triage": "read"}
_ROLES: dict[str, Permission] = {
    "pull": "read",
    "read": "read",
    "triage": "triage",
    "push": "write",
    "write": "write",
    "maintain": "maintain",
    "admin": "admin",
}


@route("GET /repos/{owner}/{repo}", "metadata:read")
def repository(call: Call) -> Json:
    return core.repository(call.wire, call.repo, call.viewer)


@route("PATCH /repos/{owner}/{repo}", "administration:write", role="admin")
def update(call: Call) -> Json:
    repo = call.repo
    if (description := call.text("description")) is not None:
        repo.description = description
    if isinstance(call.body.get("private"), bool):
        repo.private = call.body["private"]
    if (visibility := call.text("visibility")) is not None:
        repo.private = visibility == "private"
    if isinstance(call.body.get("allow_auto_merge"), bool):
        repo.allow_auto_merge = call.body["allow_auto_merge"]
    branch = call.text("default_branch")
    if branch is not None:
        if call.turn.bare.branch(branch) is None:
            raise invalid("Repository", "default_branch")
        repo.default_branch = branch
        call.turn.bare.output("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return core.repository(call.wire, repo, call.viewer)


@route("POST /user/repos", "user:write", status=201)
def create(call: Call) -> Json:
    if call.viewer.is_integration:
        raise Refusal(403, "Resource not accessible by integration")
    name = str(call.required("name", "Repository"))
    full_name = f"{call.viewer.login}/{name}"
    if full_name in call.world.repositories:
        message = "name already exists on this account"
        raise invalid("Repository", "name", "custom", message)
    try:
        repo = call.world.create_repository(
            full_name,
            private=bool(call.body.get("private", False)),
            description=call.text("description"),
        )
    except ValueError:
        raise invalid("Repository", "name") from None
    if call.body.get("auto_init"):
        from ao_actions.localgithub.seed import commit_files

        commit_files(call.world, repo, {"README.md": f"# {name}\n"}, "Initial commit")
    return core.repository(call.wire, repo, call.viewer)


# -- collaborators


@route("GET /repos/{owner}/{repo}/collaborators", "metadata:read", role="write")
def collaborators(call: Call) -> Reply:
    people = list(call.repo.collaborators.items())
    return call.page(people, lambda item: _collaborator(call, *item))


def _collaborator(call: Call, login: str, role: Permission) -> Json:
    rights = {"permissions": core.permissions(role), "role_name": role}
    return core.user(call.wire, login) | rights


@route("GET /repos/{owner}/{repo}/collaborators/{login}", "metadata:read", role="write")
def is_collaborator(call: Call) -> Reply:
    if call.params["login"] not in call.repo.collaborators:
        raise not_found()
    return Reply(status=204)


@route("GET /repos/{owner}/{repo}/collaborators/{login}/permission", "metadata:read")
def permission(call: Call) -> Json:
    """For people who can push; `permission` knows four levels, `role_name` all."""
    if not call.viewer.is_integration and not access.has_role(
        call.repo, call.viewer.login, "write"
    ):
        raise Refusal(403, "Must have push access to view collaborator permission.")
    login = call.params["login"]
    if login not in call.world.users:
        raise not_found()
    role = access.role(call.repo, login)
    rights = {"permissions": core.permissions(role), "role_name": role}
    return {
        "permission": _LEGACY.get(role, role),
        "user": core.user(call.wire, login) | rights,
        "role_name": role,
    }


@route("PUT /repos/{owner}/{repo}/collaborators/{login}", "administration:write", role="admin")
def add_collaborator(call: Call) -> Reply:
    """Joins at once: there is nobody here to accept an invitation."""
    login = call.params["login"]
    role = _ROLES.get(call.text("permission") or "push")
    if login not in call.world.users:
        raise not_found()
    if role is None:
        raise unprocessable("Invalid permission")
    call.repo.collaborators[login] = role
    return Reply(status=204)


@route("DELETE /repos/{owner}/{repo}/collaborators/{login}", "administration:write", role="admin")
def remove_collaborator(call: Call) -> Reply:
    call.repo.collaborators.pop(call.params["login"], None)
    return Reply(status=204)


# -- events from outside


@route("POST /repos/{owner}/{repo}/dispatches", "contents:write", status=204)
def repository_dispatch(call: Call) -> Reply:
    """docs "Create a repository dispatch event", with its limits."""
    kind = str(call.required("event_type", "RepositoryDispatch"))
    payload: Any = call.body.get("client_payload") or {}
    if len(kind) > 100:
        raise unprocessable("event_type is too long (maximum is 100 characters)")
    if not isinstance(payload, dict) or len(payload) > 10:
        raise unprocessable("client_payload: No more than 10 properties are allowed")
    branch = call.repo.default_branch
    content = {"branch": branch, "client_payload": payload}
    call.turn.emit("repository_dispatch", kind, content)
    return Reply(status=204)
