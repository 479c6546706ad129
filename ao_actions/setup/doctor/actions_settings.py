"""The repository's settings of GitHub Actions."""

from __future__ import annotations

import fnmatch
import re

from ao_actions.setup.doctor.check import Check, Finding, fail, ok, unknown, warn
from ao_actions.setup.doctor.context import Context
from ao_actions.setup.workflows import push_auth

_PINNED = re.compile(r"[0-9a-f]{40}")
_GITHUB = ("actions/", "github/")
_WORKFLOW = "actions/permissions/workflow"


def _create_pulls(context: Context) -> Finding:
    if push_auth(context.config) != "token":
        return ok(f"not needed: auth is {context.config.auth}, with a token of its own")
    if context.look(_WORKFLOW).get("can_approve_pull_request_reviews"):
        return ok("GitHub Actions may create pull requests")

    def allow() -> str:
        context.client.request("PUT", _WORKFLOW, body={"can_approve_pull_request_reviews": True})
        return "allowed GitHub Actions to create and approve pull requests"

    return fail(
        "GitHub Actions may not create pull requests here",
        f"{context.settings}/actions: allow GitHub Actions to create and approve pull requests "
        "(where it is greyed out, first in the organization's settings)",
        allow,
    )


def _default_permissions(context: Context) -> Finding:
    if context.look(_WORKFLOW).get("default_workflow_permissions") == "read":
        return ok("a workflow without `permissions` gets a token that can only read")
    return warn(
        "a workflow without `permissions` gets a token that can write",
        f"{context.settings}/actions: Read repository contents and packages permissions; then "
        "give the jobs that write their own `permissions`",
    )


def _allowed_actions(context: Context) -> Finding:
    policy = context.look("actions/permissions")
    mend = f"{context.settings}/actions: allow these actions"
    if not policy.get("enabled"):
        return fail("GitHub Actions is switched off", f"{context.settings}/actions: allow it")
    allowed = policy.get("allowed_actions", "all")
    used = sorted({name for file in context.ours for name in file.uses()})
    if allowed == "local_only":
        refused = [name for name in used if not name.startswith((f"{context.owner}/", "./"))]
    elif allowed == "selected":
        refused = _not_selected(context, used)
    else:
        refused = []
    if refused:
        return fail(f"the policy does not allow {', '.join(refused)}", mend)
    return ok("the policy allows the actions that our workflows use")


def _not_selected(context: Context, used: list[str]) -> list[str]:
    selected = context.look("actions/permissions/selected-actions")
    patterns = [str(each) for each in selected.get("patterns_allowed") or []]
    refused = []
    for name in used:
        by_github = name.startswith(_GITHUB) and selected.get("github_owned_allowed")
        own = name.startswith((f"{context.owner}/", "./"))
        if not (by_github or own or _matches(patterns, name)):
            refused.append(name)
    return refused


def _matches(patterns: list[str], name: str) -> bool:
    """`owner/*`, `owner/name@*`; one with `!` forbids."""
    plain = name.partition("@")[0]
    hits = [p for p in patterns if any(fnmatch.fnmatch(n, p.lstrip("!")) for n in (name, plain))]
    return bool(hits) and not any(pattern.startswith("!") for pattern in hits)


def _sha_pinning(context: Context) -> Finding:
    loose = [
        name
        for file in context.ours
        for name in file.uses()
        if not name.startswith("./") and not _PINNED.fullmatch(name.rpartition("@")[2])
    ]
    if not context.look("actions/permissions").get("sha_pinning_required"):
        return ok("full commit ids are not demanded of actions here")
    if not loose:
        return ok("full commit ids are demanded, and our workflows have them")
    return fail(
        f"full commit ids are demanded, but our workflows use {', '.join(sorted(set(loose)))}",
        "run `ao-actions upgrade`, or `init --action OWNER/NAME@COMMIT`",
    )


def _ci_approval(context: Context) -> Finding:
    """Whether CI runs on our pull requests, and what waits for a click now."""
    waiting = context.look("actions/runs?status=action_required&per_page=20")["workflow_runs"]
    held = [
        run
        for run in waiting
        if str(run.get("head_branch")).startswith(context.config.branch_prefix)
    ]
    if held:
        pages = ", ".join(run["html_url"] for run in held[:3])
        return warn(
            f"{len(held)} run(s) of CI wait for a human's approval: {pages}",
            "look at the change, then click Approve workflows to run",
        )
    return _approval_to_come(context)


def _approval_to_come(context: Context) -> Finding:
    config = context.config
    if push_auth(config) != "token":
        return ok(f"auth: {config.auth} and ci_trust: auto: CI runs at once")
    if context.enterprise_server:
        return fail(
            f"GitHub Enterprise Server {context.enterprise_server} starts no CI for a pull "
            "request that GITHUB_TOKEN opened",
            "use auth: app or pat with ci_trust: auto; or start CI by hand for each push",
        )
    if config.ci_trust == "auto":
        return ok(
            "auth: token: CI waits for a human's click on each push; with auth: app or pat it "
            "would run at once, as ci_trust: auto allows"
        )
    if config.auth != "token":
        return ok(
            f"ci_trust: approve: CI waits for a human's click; auth: {config.auth} is not used"
        )
    return ok("ci_trust: approve: CI waits for a human's click on each push")


def _stop(context: Context) -> Finding:
    value = context.variables.get("AO_STOP")
    where = f"{context.settings}/variables/actions"
    if value == "1":
        return warn("AO_STOP is 1: every job stops before it starts", f"{where}: delete AO_STOP")
    if value not in (None, "", "0"):
        return warn(
            f"AO_STOP is {value[:20]!r}, which stops nothing: only 1 does",
            f"{where}: set AO_STOP to 1, or delete it",
        )
    return ok("AO_STOP is not set")


def _protections(context: Context) -> Finding:
    """Workflow execution protections are a preview without an API that we know."""
    rulesets = context.find("rulesets?per_page=100") or []
    push = [each for each in rulesets if each.get("target") == "push"]
    active = [each["name"] for each in push if each.get("enforcement") == "active"]
    if active:
        return unknown(
            f"push rulesets are active: {', '.join(active)}",
            "they judge every push by its files, whatever the ref: if a push of ao-actions is "
            "refused, let the token that pushes bypass them",
        )
    return ok("no push ruleset is active")


CHECKS = (
    Check(
        "create-pulls",
        "with GITHUB_TOKEN the publish job cannot open its pull request without this setting",
        _create_pulls,
    ),
    Check(
        "default-permissions",
        "CI runs what an agent wrote; its token should not be able to change the repository",
        _default_permissions,
    ),
    Check(
        "allowed-actions",
        "a job that uses an action outside the policy fails before its first step",
        _allowed_actions,
    ),
    Check("sha-pinning", "under this policy a job with a tag or branch fails", _sha_pinning),
    Check(
        "ci-approval",
        "a pull request whose CI waits or never starts goes nowhere until somebody notices",
        _ci_approval,
    ),
    Check("push-rulesets", "a refused push loses the attempt that made it", _protections),
    Check("stop", "the switch AO_STOP stops the whole factory, without an error", _stop),
)
