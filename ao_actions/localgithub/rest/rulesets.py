"""Rulesets: answered, not enforced (REST docs: "Rules")."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.actions import globs
from ao_actions.localgithub.errors import not_found
from ao_actions.localgithub.model import Ruleset
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json

_RULESETS = "/repos/{owner}/{repo}/rulesets"


@route("GET /repos/{owner}/{repo}/rules/branches/{branch+}", "metadata:read")
def branch_rules(call: Call) -> Reply:
    """The active rules of a branch of this name, whether or not it exists."""
    name = call.params["branch"]
    found = [
        (ruleset, rule)
        for ruleset in call.repo.rulesets
        if ruleset.enforcement == "active" and ruleset.target == "branch"
        if _applies(call, ruleset, name)
        for rule in ruleset.rules
    ]
    return call.page(found, lambda pair: _branch_rule(call, *pair))


def _applies(call: Call, ruleset: Ruleset, branch: str) -> bool:
    return _any(call, ruleset.include, branch) and not _any(call, ruleset.exclude, branch)


def _any(call: Call, patterns: list[str], branch: str) -> bool:
    for pattern in patterns:
        if pattern == "~ALL" or (
            pattern == "~DEFAULT_BRANCH" and branch == call.repo.default_branch
        ):
            return True
        if globs.matches([pattern.removeprefix("refs/heads/")], branch):
            return True
    return False


def _branch_rule(call: Call, ruleset: Ruleset, rule: dict[str, Any]) -> Json:
    return {
        **rule,
        "ruleset_source_type": "Repository",
        "ruleset_source": call.repo.full_name,
        "ruleset_id": ruleset.id,
    }


@route(f"GET {_RULESETS}", "metadata:read")
def rulesets(call: Call) -> Reply:
    return call.page(call.repo.rulesets, lambda each: _short(call, each))


@route(f"POST {_RULESETS}", "administration:write", role="admin", status=201)
def create_ruleset(call: Call) -> Json:
    names = ((call.body.get("conditions") or {}).get("ref_name")) or {}
    ruleset = Ruleset(
        call.world.next_id(),
        str(call.required("name", "Ruleset")),
        call.text("target") or "branch",
        str(call.required("enforcement", "Ruleset")),
        list(names.get("include") or []),
        list(names.get("exclude") or []),
        list(call.body.get("rules") or []),
        list(call.body.get("bypass_actors") or []),
    )
    call.repo.rulesets.append(ruleset)
    return _full(call, ruleset)


@route(f"GET {_RULESETS}/{{ruleset}}", "metadata:read")
def get_ruleset(call: Call) -> Json:
    return _full(call, _find(call))


@route(f"DELETE {_RULESETS}/{{ruleset}}", "administration:write", role="admin", status=204)
def delete_ruleset(call: Call) -> None:
    call.repo.rulesets.remove(_find(call))


def _find(call: Call) -> Ruleset:
    for ruleset in call.repo.rulesets:
        if str(ruleset.id) == call.params["ruleset"]:
            return ruleset
    raise not_found()


def _short(call: Call, ruleset: Ruleset) -> Json:
    created = core.stamp(call.repo.created_at)
    return {
        "id": ruleset.id,
        "name": ruleset.name,
        "target": ruleset.target,
        "source_type": "Repository",
        "source": call.repo.full_name,
        "enforcement": ruleset.enforcement,
        "node_id": f"RRS_kwDO{ruleset.id}",
        "created_at": created,
        "updated_at": created,
    }


def _full(call: Call, ruleset: Ruleset) -> Json:
    """Who may bypass is told to those only who may write the ruleset."""
    from ao_actions.localgithub import access

    body = _short(call, ruleset) | {
        "rules": ruleset.rules,
        "conditions": {"ref_name": {"include": ruleset.include, "exclude": ruleset.exclude}},
    }
    if access.allows(call.viewer, call.repo, "administration", "write", "admin"):
        body["bypass_actors"] = ruleset.bypass_actors
    return body
