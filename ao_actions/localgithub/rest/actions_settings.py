"""Permissions, variables and secrets of Actions (REST docs: "Actions permissions" ff.)."""

from __future__ import annotations

import base64
from typing import Any

from ao_actions.localgithub.errors import Refusal, invalid, not_found, unprocessable
from ao_actions.localgithub.model import Environment
from ao_actions.localgithub.rest.actions import body_flag
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json

_REPO = "/repos/{owner}/{repo}/actions"
_ENVIRONMENT = "/repos/{owner}/{repo}/environments/{environment}"
# What a sealed secret becomes: nobody here can open the box.
SEALED = "sealed-secret-of-localgithub"
_PUBLIC_KEY = {"key_id": "1", "key": base64.b64encode(bytes(range(1, 33))).decode()}


@route(f"GET {_REPO}/permissions", "administration:read", role="admin")
def get_permissions(call: Call) -> Json:
    repo = call.repo
    body: Json = {
        "enabled": repo.actions_enabled,
        "sha_pinning_required": repo.sha_pinning_required,
    }
    if repo.actions_enabled:
        body["allowed_actions"] = repo.allowed_actions
        body["selected_actions_url"] = f"{call.api}{call.path}/selected-actions"
    return body


@route(f"PUT {_REPO}/permissions", "administration:write", role="admin", status=204)
def put_permissions(call: Call) -> None:
    enabled = call.body.get("enabled")
    if not isinstance(enabled, bool):
        raise invalid("Repository", "enabled", "missing_field")
    allowed = call.text("allowed_actions") or call.repo.allowed_actions
    if allowed not in {"all", "local_only", "selected"}:
        raise unprocessable("allowed_actions is all, local_only or selected")
    call.repo.actions_enabled, call.repo.allowed_actions = enabled, allowed
    pinning = body_flag(call.body, "sha_pinning_required")
    if pinning is not None:
        call.repo.sha_pinning_required = pinning


@route(f"GET {_REPO}/permissions/selected-actions", "administration:read", role="admin")
def get_selected_actions(call: Call) -> Json:
    if call.repo.allowed_actions != "selected":
        raise Refusal(409, "Conflict")
    default = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": []}
    return default | call.repo.selected_actions


@route(
    f"PUT {_REPO}/permissions/selected-actions", "administration:write", role="admin", status=204
)
def put_selected_actions(call: Call) -> None:
    if call.repo.allowed_actions != "selected":
        raise Refusal(409, "Conflict")
    known = ("github_owned_allowed", "verified_allowed", "patterns_allowed")
    call.repo.selected_actions |= {key: call.body[key] for key in known if key in call.body}


@route(f"GET {_REPO}/permissions/workflow", "administration:read", role="admin")
def get_workflow_permissions(call: Call) -> Json:
    return {
        "default_workflow_permissions": call.repo.default_workflow_permissions,
        "can_approve_pull_request_reviews": call.repo.actions_may_create_pulls,
    }


@route(f"PUT {_REPO}/permissions/workflow", "administration:write", role="admin", status=204)
def put_workflow_permissions(call: Call) -> None:
    level = call.body.get("default_workflow_permissions")
    if level is not None:
        if level not in {"read", "write"}:
            raise unprocessable("default_workflow_permissions is read or write")
        call.repo.default_workflow_permissions = level
    allowed = body_flag(call.body, "can_approve_pull_request_reviews")
    if allowed is not None:
        call.repo.actions_may_create_pulls = allowed
    call.world.save()


# -- variables


def _variable(call: Call, name: str) -> Json:
    when = core.stamp(call.repo.created_at)  # their own times are not kept
    value = call.repo.variables[name]
    return {"name": name, "value": value, "created_at": when, "updated_at": when}


def _known_variable(call: Call) -> str:
    name = call.params["variable"].upper()
    if name not in call.repo.variables:
        raise not_found()
    return name


@route(f"GET {_REPO}/variables", "actions_variables:read", role="write")
def list_variables(call: Call) -> Reply:
    return call.page(sorted(call.repo.variables), lambda name: _variable(call, name), "variables")


@route(f"GET {_REPO}/organization-variables", "actions_variables:read", role="write")
def list_organization_variables(call: Call) -> Reply:
    """Those that an organization shares with the repository: there is no organization here."""
    return call.page([], str, "variables")


@route(f"POST {_REPO}/variables", "actions_variables:write")
def create_variable(call: Call) -> Reply:
    name = str(call.required("name", "Variable")).upper()
    if name in call.repo.variables:
        raise Refusal(409, "Already exists - Variable already exists")
    call.repo.variables[name] = str(call.body.get("value", ""))
    call.world.save()
    return Reply({}, status=201)


@route(f"GET {_REPO}/variables/{{variable}}", "actions_variables:read", role="write")
def get_variable(call: Call) -> Json:
    return _variable(call, _known_variable(call))


@route(f"PATCH {_REPO}/variables/{{variable}}", "actions_variables:write", status=204)
def update_variable(call: Call) -> None:
    name = _known_variable(call)
    value = str(call.body.get("value", call.repo.variables[name]))
    renamed = str(call.body.get("name", name)).upper()
    del call.repo.variables[name]
    call.repo.variables[renamed] = value
    call.world.save()


@route(f"DELETE {_REPO}/variables/{{variable}}", "actions_variables:write", status=204)
def delete_variable(call: Call) -> None:
    del call.repo.variables[_known_variable(call)]
    call.world.save()


# -- secrets: names only


def _secret(call: Call, name: str) -> Json:
    when = core.stamp(call.repo.created_at)
    return {"name": name, "created_at": when, "updated_at": when}


def _page_secrets(call: Call, secrets: dict[str, str]) -> Reply:
    return call.page(sorted(secrets), lambda name: _secret(call, name), "secrets")


def _put_secret(call: Call, secrets: dict[str, str]) -> Reply:
    """The value is a sealed box that only GitHub could open: that it exists is all we keep."""
    name = call.params["secret"].upper()
    if name.startswith("GITHUB_") or not call.body.get("encrypted_value"):
        raise invalid("Secret", "name" if name.startswith("GITHUB_") else "encrypted_value")
    created = name not in secrets
    secrets[name] = SEALED
    call.world.save()
    return Reply({}, status=201) if created else Reply(status=204)


def _delete_secret(call: Call, secrets: dict[str, str]) -> None:
    if secrets.pop(call.params["secret"].upper(), None) is None:
        raise not_found()
    call.world.save()


def _environment(call: Call) -> Environment:
    for known in call.repo.environments:
        if known.name.lower() == call.params["environment"].lower():
            return known
    raise not_found()


@route(f"GET {_REPO}/secrets", "secrets:read", role="write")
def list_secrets(call: Call) -> Reply:
    return _page_secrets(call, call.repo.secrets)


@route(f"GET {_REPO}/organization-secrets", "secrets:read", role="write")
def list_organization_secrets(call: Call) -> Reply:
    """Those that an organization shares with the repository: there is no organization here."""
    return _page_secrets(call, {})


@route(f"GET {_REPO}/secrets/public-key", "secrets:read", role="write")
def public_key(_call: Call) -> dict[str, Any]:
    return dict(_PUBLIC_KEY)


@route(f"GET {_REPO}/secrets/{{secret}}", "secrets:read", role="write")
def get_secret(call: Call) -> Json:
    name = call.params["secret"].upper()
    if name not in call.repo.secrets:
        raise not_found()
    return _secret(call, name)


@route(f"PUT {_REPO}/secrets/{{secret}}", "secrets:write")
def put_secret(call: Call) -> Reply:
    return _put_secret(call, call.repo.secrets)


@route(f"DELETE {_REPO}/secrets/{{secret}}", "secrets:write", status=204)
def delete_secret(call: Call) -> None:
    _delete_secret(call, call.repo.secrets)


@route(f"GET {_ENVIRONMENT}/secrets", "environments:read", role="write")
def list_environment_secrets(call: Call) -> Reply:
    return _page_secrets(call, _environment(call).secrets)


@route(f"GET {_ENVIRONMENT}/secrets/public-key", "environments:read", role="write")
def environment_public_key(call: Call) -> dict[str, Any]:
    _environment(call)
    return dict(_PUBLIC_KEY)


@route(f"PUT {_ENVIRONMENT}/secrets/{{secret}}", "environments:write")
def put_environment_secret(call: Call) -> Reply:
    return _put_secret(call, _environment(call).secrets)


@route(f"DELETE {_ENVIRONMENT}/secrets/{{secret}}", "environments:write", status=204)
def delete_environment_secret(call: Call) -> None:
    _delete_secret(call, _environment(call).secrets)
