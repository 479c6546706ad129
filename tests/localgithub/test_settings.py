"""What a repository's settings say: Actions, environments, rules."""

from __future__ import annotations

from ao_actions.localgithub.model import Protection

from .conftest import Api, Hub

POLICY = {"protected_branches": False, "custom_branch_policies": True}


def test_allowed_actions_and_pinning(octocat: Api) -> None:
    before = octocat.get("actions/permissions").json()
    assert (before["allowed_actions"], before["sha_pinning_required"]) == ("all", False)
    assert octocat.get("actions/permissions/selected-actions").status_code == 409
    wanted = {"enabled": True, "allowed_actions": "selected", "sha_pinning_required": True}
    assert octocat.put("actions/permissions", **wanted).status_code == 204
    patterns = {"patterns_allowed": ["ao-actions/*"]}
    assert octocat.put("actions/permissions/selected-actions", **patterns).status_code == 204
    selected = octocat.get("actions/permissions/selected-actions").json()
    assert selected["patterns_allowed"] == ["ao-actions/*"]
    assert selected["github_owned_allowed"]
    assert octocat.get("actions/permissions").json()["sha_pinning_required"]


def test_only_administrators_see_settings(hub: Hub, hubot: Api) -> None:
    assert hubot.get("actions/permissions").status_code == 404
    assert hub.api(hub.job(contents="write")).get("actions/permissions").status_code == 403


def test_an_environment_for_branches_by_name(octocat: Api) -> None:
    made = octocat.put("environments/models", deployment_branch_policy=POLICY).json()
    assert made["deployment_branch_policy"] == POLICY
    path = "environments/models/deployment-branch-policies"
    assert octocat.get(path).json()["branch_policies"] == []
    assert octocat.post(path, name="main").json()["name"] == "main"
    assert octocat.post(path, name="main").status_code == 303
    [row] = octocat.get(path).json()["branch_policies"]
    assert octocat.delete(f"{path}/{row['id']}").status_code == 204
    assert octocat.get("environments/models").json()["deployment_branch_policy"] == POLICY


def test_an_environment_for_protected_branches_or_all(octocat: Api) -> None:
    protected = {"protected_branches": True, "custom_branch_policies": False}
    made = octocat.put("environments/models", deployment_branch_policy=protected).json()
    assert made["deployment_branch_policy"] == protected
    both = {"protected_branches": True, "custom_branch_policies": True}
    assert octocat.put("environments/models", deployment_branch_policy=both).status_code == 422
    made = octocat.put("environments/models", deployment_branch_policy=None).json()
    assert made["deployment_branch_policy"] is None


def test_rulesets_apply_to_branches_that_are_not_there_yet(octocat: Api, hubot: Api) -> None:
    made = octocat.post(
        "rulesets",
        name="no bots",
        enforcement="active",
        conditions={"ref_name": {"include": ["refs/heads/ao/*"], "exclude": ["refs/heads/ao/9"]}},
        rules=[{"type": "creation"}, {"type": "update"}],
        bypass_actors=[{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}],
    ).json()
    rules = hubot.get("rules/branches/ao/7").json()
    assert [rule["type"] for rule in rules] == ["creation", "update"]
    assert {rule["ruleset_id"] for rule in rules} == {made["id"]}
    assert hubot.get("rules/branches/ao/9").json() == []
    assert hubot.get("rules/branches/main").json() == []
    assert "bypass_actors" not in hubot.get(f"rulesets/{made['id']}").json()
    assert len(octocat.get(f"rulesets/{made['id']}").json()["bypass_actors"]) == 1
    assert octocat.delete(f"rulesets/{made['id']}").status_code == 204
    assert octocat.get("rulesets").json() == []


def test_protection_rules_by_pattern(hub: Hub) -> None:
    hub.repo.protection["ao/*"] = Protection(restrict_pushes=True)
    query = """{ repository(owner: "octocat", name: "hello") { branchProtectionRules(first: 9) {
      nodes { pattern restrictsPushes lockBranch requiresStatusChecks } } } }"""
    [rule] = hub.graphql(hub.token(), query)["data"]["repository"]["branchProtectionRules"]["nodes"]
    assert rule == {
        "pattern": "ao/*",
        "restrictsPushes": True,
        "lockBranch": False,
        "requiresStatusChecks": False,
    }
