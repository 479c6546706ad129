"""Rules of branches: what a merge needs, and what keeps our pushes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ao_actions.errors import AuthError, ForgeError
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, unknown
from ao_actions.setup.doctor.context import Context
from ao_actions.setup.doctor.files import ON_PULLS, WorkflowFile

# Rules of rulesets that refuse a direct push to a task's branch.
REFUSING = {
    "creation": "forbids new branches",
    "update": "forbids pushes",
    "pull_request": "demands a pull request for each change",
    "required_status_checks": "demands green checks before a push",
    "required_deployments": "demands deployments before a push",
    "required_signatures": "demands signed commits",
    "merge_queue": "demands the merge queue",
    "workflows": "demands a workflow's success before a push",
    "code_scanning": "demands code scanning results before a push",
}
# Rules whose answer depends on names and texts.
JUDGING = {
    "branch_name_pattern",
    "commit_message_pattern",
    "commit_author_email_pattern",
    "committer_email_pattern",
    "required_linear_history",
}
# The same in the older branch protection, as GraphQL calls them.
CLASSIC = {
    "restrictsPushes": "restricts who may push",
    "lockBranch": "locks the branch",
    "requiresCommitSignatures": "demands signed commits",
    "requiresApprovingReviews": "demands a pull request for each change",
    "requiresStatusChecks": "demands green checks before a push",
}
_PROTECTIONS = """
query Protections($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) { branchProtectionRules(first: 100) { nodes {
    pattern restrictsPushes lockBranch requiresCommitSignatures requiresApprovingReviews
    requiresStatusChecks } } } }
"""


def _push_rules(context: Context) -> Finding:
    branch = f"{context.config.branch_prefix}1"
    rules = context.rules(branch)
    bypass = f"{context.settings}/rules: exclude {context.config.branch_prefix}* from the rule"
    refusing = [rule for rule in rules if rule["type"] in REFUSING]
    strict = [rule for rule in refusing if not _somebody_bypasses(context, rule)]
    said = [f"a ruleset {REFUSING[rule['type']]}" for rule in strict]
    said += [f"the protection of {p} {what}" for p, what in _classic(context, branch)]
    if said:
        return fail(f"{branch}: {'; '.join(said)}", bypass)
    doubtful = sorted({rule["type"] for rule in rules if rule["type"] in JUDGING})
    doubtful += sorted({f"{rule['type']} (some may bypass it)" for rule in refusing})
    if doubtful:
        return unknown(
            f"{branch}: there are rules {', '.join(doubtful)}",
            f"see that the account that pushes passes or bypasses them; or {bypass}",
        )
    return ok(f"no rule keeps {context.config.branch_prefix}* from being pushed")


def _somebody_bypasses(context: Context, rule: Any) -> bool:
    """Whether the ruleset has exceptions; who they are decides, and that we cannot judge."""
    ruleset = context.find(f"rulesets/{rule['ruleset_id']}?includes_parents=true") or {}
    return bool(ruleset.get("bypass_actors"))


def _classic(context: Context, branch: str) -> Iterator[tuple[str, str]]:
    owner, name = context.client.repository.split("/")
    try:
        data, _ = context.client.graphql(_PROTECTIONS, {"owner": owner, "name": name})
    except (AuthError, ForgeError):
        return  # not for this token: the rulesets are what can be seen
    for rule in data["repository"]["branchProtectionRules"]["nodes"]:
        if _covers(rule["pattern"], branch):
            yield from ((rule["pattern"], what) for key, what in CLASSIC.items() if rule[key])


def _covers(pattern: str, branch: str) -> bool:
    """fnmatch with File::FNM_PATHNAME: `*` stops at a slash (docs "branch protection rule")."""
    parts = [re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("**/")]
    return re.fullmatch("(?:.*/)?".join(parts).replace(r"\?", "[^/]"), branch) is not None


# ---- what a merge needs ----------------------------------------------------------------------


def _required_checks(context: Context) -> Finding:
    wanted = context.required_checks
    lost = [name for name in wanted if not any(_makes(f, name) for f in _on_pulls(context))]
    lost = [name for name in lost if name not in _reported(context)] if lost else []
    if lost:
        return fail(
            f"{context.default_branch} requires {', '.join(map(repr, lost))}, which no workflow "
            "makes and no recent commit has",
            f"{context.settings}/branches: take the check out, or name the job like it",
        )
    return ok(f"required checks have a workflow: {', '.join(wanted) or 'none are required'}")


def _on_pulls(context: Context) -> Iterable[WorkflowFile]:
    return (file for file in context.workflows if ON_PULLS & set(file.triggers))


def _makes(file: WorkflowFile, name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in file.check_names())


def _reported(context: Context) -> set[str]:
    """Names of checks and statuses on the default branch and the newest pull requests."""
    pulls = context.find("pulls?state=all&per_page=3&sort=updated&direction=desc") or []
    names: set[str] = set()
    for sha in [context.default_branch, *(pull["head"]["sha"] for pull in pulls)]:
        checks = context.find(f"commits/{sha}/check-runs?per_page=100") or {}
        statuses = context.find(f"commits/{sha}/status?per_page=100") or {}
        names |= {each["name"] for each in checks.get("check_runs") or []}
        names |= {each["context"] for each in statuses.get("statuses") or []}
    return names


def _merge_queue(context: Context) -> Finding:
    if not any(rule["type"] == "merge_queue" for rule in context.rules(context.default_branch)):
        return ok("no ruleset puts a merge queue before the default branch")
    needed = context.required_checks
    deaf = [
        file.name
        for file in _on_pulls(context)
        if not file.ours
        if "merge_group" not in file.triggers
        if not needed or any(_makes(file, name) for name in needed)
    ]
    if deaf:
        return fail(
            f"the merge queue waits for {', '.join(deaf)}, which do not run for it",
            "add `merge_group:` to the events of these workflows",
        )
    return ok("the workflows that the merge queue waits for run for it")


CHECKS = (
    Check(
        "push-rules",
        "the publish job pushes the task's branch itself; refused, its work is lost",
        _push_rules,
    ),
    Check(
        "required-checks",
        "a check that nothing reports stays pending, and no pull request is ever ready",
        _required_checks,
    ),
    Check(
        "merge-queue",
        "without `merge_group` the queue waits for a check that never comes, and gives up",
        _merge_queue,
    ),
)
