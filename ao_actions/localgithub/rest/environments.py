"""Environments and the branches that may use them.

REST docs: "Deployment environments", "Deployment branch policies".
"""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.errors import not_found, unprocessable
from ao_actions.localgithub.model import Environment
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json

_ENVIRONMENTS = "/repos/{owner}/{repo}/environments"
_POLICIES = f"{_ENVIRONMENTS}/{{name}}/deployment-branch-policies"


def _find(call: Call) -> Environment:
    for record in call.repo.environments:
        if record.name.lower() == call.params["name"].lower():
            return record
    raise not_found()


@route(f"GET {_ENVIRONMENTS}", "actions:read")
def environments(call: Call) -> Reply:
    records = call.repo.environments
    return call.page(records, lambda record: _environment(call, record), "environments")


@route(f"GET {_ENVIRONMENTS}/{{name}}", "actions:read")
def environment(call: Call) -> Json:
    return _environment(call, _find(call))


@route(f"PUT {_ENVIRONMENTS}/{{name}}", "administration:write", role="admin")
def put_environment(call: Call) -> Json:
    name = call.params["name"]
    known = [each for each in call.repo.environments if each.name.lower() == name.lower()]
    record = known[0] if known else Environment(call.world.next_id(), name)
    if "deployment_branch_policy" in call.body or not known:
        _choose(record, call.body.get("deployment_branch_policy"))
    if not known:
        call.repo.environments.append(record)
    return _environment(call, record)


def _choose(record: Environment, policy: Any) -> None:
    """`protected_branches` and `custom_branch_policies` cannot be the same; null: all branches."""
    protected = bool((policy or {}).get("protected_branches"))
    custom = bool((policy or {}).get("custom_branch_policies"))
    if policy is not None and protected == custom:
        raise unprocessable(
            "protected_branches and custom_branch_policies cannot have the same value"
        )
    record.protected_branches = protected
    record.custom_policies = custom
    if not custom:
        record.branch_policies = []


def _environment(call: Call, record: Environment) -> Json:
    policy = None
    if record.custom_policies or record.branch_policies or record.protected_branches:
        policy = {
            "protected_branches": record.protected_branches,
            "custom_branch_policies": not record.protected_branches,
        }
    created = core.stamp(call.repo.created_at)
    rule = {"id": record.id, "node_id": f"GA_kwDO{record.id}", "type": "branch_policy"}
    return {
        "id": record.id,
        "node_id": f"EN_kwDO{record.id}",
        "name": record.name,
        "url": f"{call.wire.repo(call.repo)}/environments/{record.name}",
        "html_url": f"{call.wire.page(call.repo)}/deployments/activity_log",
        "created_at": created,
        "updated_at": created,
        "protection_rules": [rule] if policy else [],
        "deployment_branch_policy": policy,
    }


@route(f"GET {_POLICIES}", "actions:read")
def branch_policies(call: Call) -> Reply:
    names = list(enumerate(_find(call).branch_policies, start=1))
    return call.page(names, _branch_policy, "branch_policies")


@route(f"POST {_POLICIES}", "administration:write", role="admin")
def create_branch_policy(call: Call) -> Json | Reply:
    """303 where the name is there already."""
    record = _find(call)
    name = str(call.required("name", "DeploymentBranchPolicy"))
    if not (record.custom_policies or record.branch_policies):
        raise not_found()
    if name in record.branch_policies:
        return Reply({}, status=303)
    record.branch_policies.append(name)
    return _branch_policy((len(record.branch_policies), name))


@route(f"DELETE {_POLICIES}/{{policy}}", "administration:write", role="admin", status=204)
def delete_branch_policy(call: Call) -> None:
    record = _find(call)
    position = call.number("policy") - 1
    if not 0 <= position < len(record.branch_policies):
        raise not_found()
    del record.branch_policies[position]
    record.custom_policies = True


def _branch_policy(item: tuple[int, str]) -> Json:
    return {"id": item[0], "node_id": f"DBP_kwDO{item[0]}", "name": item[1], "type": "branch"}
