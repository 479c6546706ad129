"""Secrets by name, and the environment that keeps them to the default branch."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from ao_actions.agents import AGENTS
from ao_actions.setup import workflows as generated
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, warn
from ao_actions.setup.doctor.context import Context

_CUSTOM = {
    "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
}
OPTIONAL = ("command",)  # agents that may need no secret: only their user knows


def _agent_secrets(context: Context) -> Finding:
    config = context.config
    if config.agent_auth == "copilot":
        return ok("no secret is needed: the agent uses the workflow's own token")
    missing = []
    for name in (agent.name for agent in config.agents if agent.name in AGENTS):
        wanted = _keys(name, config.agent_auth)
        if wanted and name not in OPTIONAL and not wanted & context.secrets:
            missing.append(f"{name} needs {' or '.join(sorted(wanted))}")
    if missing:
        where = f" --env {config.environment}" if config.environment else ""
        return fail("; ".join(missing), f"`gh secret set NAME{where}`")
    return ok(f"there: {', '.join(sorted(_ours(context))) or 'none is needed'}")


def _keys(agent: str, agent_auth: str) -> set[str]:
    """Names of which one is enough; an address such as ANTHROPIC_BASE_URL is none."""
    names = generated.secrets([agent], agent_auth)
    return {name for name in names if name.endswith(("_KEY", "_TOKEN"))}


def _ours(context: Context) -> set[str]:
    agents = [agent.name for agent in context.config.agents if agent.name in AGENTS]
    return context.secrets & set(generated.secrets(agents, context.config.agent_auth))


def _push_secret(context: Context) -> Finding:
    auth = generated.push_auth(context.config)
    where = f" --env {context.config.environment}" if context.config.environment else ""
    if auth == "pat" and "AO_TOKEN" not in context.secrets:
        return fail("there is no secret AO_TOKEN", f"`gh secret set AO_TOKEN{where}`")
    if auth == "app":
        missing = [] if "AO_APP_PRIVATE_KEY" in context.secrets else ["secret AO_APP_PRIVATE_KEY"]
        missing += [] if "AO_APP_ID" in context.variables else ["variable AO_APP_ID"]
        if missing:
            return fail(
                f"there is no {' and no '.join(missing)}",
                f"`gh secret set AO_APP_PRIVATE_KEY{where}`, `gh variable set AO_APP_ID`",
            )
    return ok("GITHUB_TOKEN pushes" if auth == "token" else f"auth: {auth} has what it needs")


def _environment(context: Context) -> Finding:
    names = context.environments
    if not names:
        return _without(context)
    for name in names:
        finding = _limited(context, name)
        if finding is not None:
            return finding
    both = sorted(_secret_names(context) & context.repository_secrets)
    if both:
        return warn(
            f"{', '.join(both)} are secrets of the repository, so a workflow on any branch can "
            "read them",
            f"put them into the environment {names[0]}, then `gh secret delete NAME`",
        )
    return ok(f"secrets are in {', '.join(names)}, for {context.default_branch} alone")


def _secret_names(context: Context) -> set[str]:
    return _ours(context) | {"AO_TOKEN", "AO_APP_PRIVATE_KEY"} & context.secrets


def _without(context: Context) -> Finding:
    used = sorted(_secret_names(context))
    if not used:
        return ok("our workflows use no secrets")
    said = f"{', '.join(used)} stand in no environment, so a workflow on any branch can read them"
    mend = "set `environment` in ao.yml and run `ao-actions init`"
    if context.repository.get("private"):
        mend = f"where the plan has environments for private repositories: {mend}"
    return warn(said, mend)


def _limited(context: Context, name: str) -> Finding | None:
    """What is wrong with an environment; None: it is for the default branch alone."""
    branch = context.default_branch
    url = f"environments/{quote(name, safe='')}"
    record = context.find(url)
    limit = partial(_limit, context, url, name)
    mend = f"{context.settings}/environments: {name}, deployment branches: {branch} by its name"
    if record is None:
        return fail(f"there is no environment {name}, or the token may not see it", mend, limit)
    policy = record.get("deployment_branch_policy")
    if policy is None:
        return fail(f"every branch may use the environment {name}", mend, limit)
    if policy.get("protected_branches"):
        return fail(
            f"any protected branch may use the environment {name}, and any rule protects one",
            mend,
            limit,
        )
    names = _policies(context, url)
    others = sorted(names - {branch})
    if others:
        return fail(f"{', '.join(others)} may use the environment {name} too", mend)
    if branch not in names:
        return fail(f"{branch} may not use the environment {name}: no job starts", mend, limit)
    return None


def _policies(context: Context, url: str) -> set[str]:
    rows = context.listed(f"{url}/deployment-branch-policies", "branch_policies")
    return {str(row["name"]) for row in rows}


def _limit(context: Context, url: str, name: str) -> str:
    branch = context.default_branch
    context.client.request("PUT", url, body={**_kept(context.find(url) or {}), **_CUSTOM})
    body = {"name": branch, "type": "branch"}
    context.client.request("POST", f"{url}/deployment-branch-policies", body=body, accept=(303,))
    return f"limited the environment {name} to {branch}"


def _kept(record: Any) -> dict[str, Any]:
    """Its other rules as PUT wants them: what is left out might be reset."""
    kept: dict[str, Any] = {}
    for rule in record.get("protection_rules") or []:
        if rule.get("type") == "wait_timer":
            kept["wait_timer"] = rule.get("wait_timer", 0)
        elif rule.get("type") == "required_reviewers":
            kept["prevent_self_review"] = bool(rule.get("prevent_self_review"))
            kept["reviewers"] = [
                {"type": each["type"], "id": each["reviewer"]["id"]}
                for each in rule.get("reviewers") or []
            ]
    return kept


CHECKS = (
    Check("secrets", "without a model's key the agent ends before it began", _agent_secrets),
    Check("push-secret", "without it nothing is published under `auth`", _push_secret),
    Check(
        "environment",
        "whoever can push a branch can write a workflow that reads the repository's secrets",
        _environment,
    ),
)
