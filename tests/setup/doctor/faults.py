"""The faults, one row each: how to plant it, which check is for it, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ao_actions.localgithub.model import Protection

from .conftest import CI, CONFIG, Site
from .planting import (
    RECORD,
    by_app,
    by_machine,
    checks_rule,
    enterprise,
    exposed,
    held,
    ledger,
    limits,
    older,
    owned_by_the_machine,
    put,
    rule,
    selected,
    told,
    unnamed_token,
    your_own,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`plant` breaks one thing; `level` and `says` are what `check` then finds.

    `mended`: --fix makes all green; `fixable`: it does its part.
    `blinds`: checks that can no longer tell.
    """

    check: str
    name: str
    plant: Callable[[Site], object]
    says: str
    level: str = "fail"
    mended: bool = False
    fixable: bool = False
    blinds: tuple[str, ...] = ()


CONFIG_BLINDS = (
    *("schedule", "drift", "exposure", "ci-names", "self-review", "create-pulls", "ci-approval"),
    *("push-rules", "secrets", "push-secret", "environment", "ledger", "labels", "agents", "cage"),
    "egress",
)
ADMIN = (
    *("create-pulls", "default-permissions", "allowed-actions", "sha-pinning", "stop"),
    *("secrets", "environment"),
)

FAULTS = (
    Fault(
        check="repository",
        name="archived",
        plant=lambda s: told(s, archived=True),
        says="archived",
    ),
    Fault(
        check="repository",
        name="no issues",
        plant=lambda s: told(s, has_issues=False),
        says="issues are off",
    ),
    Fault(
        check="repository",
        name="a fork",
        plant=lambda s: told(s, fork=True),
        says="this is a fork",
        level="warn",
    ),
    Fault(
        check="config",
        name="unknown key",
        plant=lambda s: s.write(ao="max_paralel: 2\n"),
        says="did you mean 'max_parallel'",
        blinds=CONFIG_BLINDS,
    ),
    Fault(
        check="config",
        name="not there",
        plant=lambda s: s.write(ao=None),
        says="is not on main",
        blinds=CONFIG_BLINDS,
    ),
    Fault(
        check="workflows",
        name="one is missing",
        plant=lambda s: s.write(**{"ao-work": None}),
        says="main has no .github/workflows/ao-work.yml",
    ),
    Fault(
        check="workflows",
        name="a stranger of that name",
        plant=lambda s: s.write(**{"ao-review": CI.replace("name: CI", "name: review")}),
        says="ao-review.yml was not made by ao-actions",
    ),
    Fault(
        check="enabled",
        name="by hand",
        plant=lambda s: s.state("ao-review", "disabled_manually"),
        says="switched off by hand: .github/workflows/ao-review.yml",
    ),
    Fault(
        check="schedule",
        name="inactivity",
        plant=lambda s: s.state("ao-reconcile", "disabled_inactivity"),
        says="for want of activity",
        mended=True,
    ),
    Fault(
        check="schedule",
        name="soon",
        plant=lambda s: put(s.repo, created_at=s.repo.created_at - timedelta(days=55)),
        says="nothing was pushed for 55 days",
        level="unknown",
    ),
    Fault(
        check="drift",
        name="edited by hand",
        plant=lambda s: s.edit("ao-reconcile", "timeout-minutes: 10", "timeout-minutes: 20"),
        says="ao-reconcile.yml: not what .github/ao.yml would generate",
    ),
    Fault(
        check="version",
        name="older",
        plant=older,
        says="written by 0.0.9",
        level="warn",
    ),
    Fault(check="exposure", name="a secret", plant=exposed, says="DEPLOY_KEY"),
    Fault(
        check="ci-names",
        name="no such name",
        plant=lambda s: s.configure("agents: claude-code\nci_workflows: [Tests]\n"),
        says="no workflow is named 'Tests'",
    ),
    Fault(
        check="runners",
        name="self-hosted",
        plant=lambda s: s.configure(f"{CONFIG}small_runner: self-hosted\n"),
        says="ao-work/publish",
    ),
    Fault(
        check="runners",
        name="by an override",
        plant=lambda s: s.configure(
            f"{CONFIG}overrides: {{ao-reconcile.yml: {{jobs: {{reconcile: "
            "{runs-on: [self-hosted, linux]}}}}\n"
        ),
        says="self-hosted runners can write to the repository: ao-reconcile/reconcile",
    ),
    Fault(
        check="runners",
        name="unknown label",
        plant=lambda s: s.configure(f"{CONFIG}small_runner: big-box\n"),
        says="on big-box",
        level="warn",
    ),
    Fault(
        check="token",
        name="read only",
        plant=lambda s: (
            s.repo.collaborators.update(noor="read"),
            put(s, token=s.hub.world.add_token("noor").value),
        ),
        says="a classic personal token of noor: it may read this repository, not write",
        blinds=ADMIN,
    ),
    Fault(check="self-review", name="your own", plant=your_own, says="a token of maya, your own"),
    Fault(
        check="self-review",
        name="owns a task",
        plant=owned_by_the_machine,
        says="ao-machine, who also owns tasks",
    ),
    Fault(
        check="self-review",
        name="not known",
        plant=unnamed_token,
        says="cannot be seen",
        level="unknown",
    ),
    Fault(
        check="self-review",
        name="a dead token",
        plant=lambda s: (by_machine(s), s.environment.update(AO_TOKEN="ghp_dead")),
        says="GitHub refuses AO_TOKEN",
    ),
    Fault(
        check="create-pulls",
        name="off",
        plant=lambda s: put(s.repo, actions_may_create_pulls=False),
        says="may not create pull requests",
        mended=True,
    ),
    Fault(
        check="default-permissions",
        name="write",
        plant=lambda s: put(s.repo, default_workflow_permissions="write"),
        says="gets a token that can write",
        level="warn",
    ),
    Fault(
        check="allowed-actions",
        name="local only",
        plant=lambda s: put(s.repo, allowed_actions="local_only"),
        says="does not allow actions/checkout@",
    ),
    Fault(
        check="allowed-actions",
        name="not selected",
        plant=lambda s: selected(s, patterns_allowed=["acme/*"]),
        says="does not allow other/factory@",
    ),
    Fault(
        check="allowed-actions",
        name="forbidden",
        plant=lambda s: selected(s, patterns_allowed=["other/*", "!other/factory@*"]),
        says="does not allow other/factory@",
    ),
    Fault(
        check="allowed-actions",
        name="not GitHub's",
        plant=lambda s: selected(s, github_owned_allowed=False, patterns_allowed=["other/*"]),
        says="does not allow actions/",
    ),
    Fault(
        check="allowed-actions",
        name="off",
        plant=lambda s: put(s.repo, actions_enabled=False),
        says="GitHub Actions is switched off",
    ),
    Fault(
        check="sha-pinning",
        name="a tag",
        plant=lambda s: (
            s.configure(CONFIG, "acme/ao-actions@v0.1.0"),
            put(s.repo, sha_pinning_required=True),
        ),
        says="our workflows use acme/ao-actions@v0.1.0",
    ),
    Fault(
        check="ci-approval",
        name="held runs",
        plant=held,
        says="1 run(s) of CI wait for a human's approval: http",
        level="warn",
    ),
    Fault(check="ci-approval", name="GHES", plant=enterprise, says="Enterprise Server 3.19.2"),
    Fault(
        check="push-rulesets",
        name="one is active",
        plant=lambda s: put(rule(s, "file_path_restriction"), target="push"),
        says="no file_path_restriction",
        level="unknown",
    ),
    Fault(
        check="stop",
        name="set",
        plant=lambda s: s.repo.variables.update(AO_STOP="1"),
        says="every job stops",
        level="warn",
    ),
    Fault(
        check="stop",
        name="another value",
        plant=lambda s: s.repo.variables.update(AO_STOP="yes"),
        says="'yes', which stops nothing",
        level="warn",
    ),
    Fault(
        check="push-rules",
        name="no new branches",
        plant=lambda s: rule(s, "creation"),
        says="ao/1: a ruleset forbids new branches",
    ),
    Fault(
        check="push-rules",
        name="signatures on all branches",
        plant=lambda s: rule(s, "required_signatures", include="~ALL"),
        says="demands signed commits",
    ),
    Fault(
        check="push-rules",
        name="somebody bypasses",
        plant=lambda s: put(rule(s, "update"), bypass_actors=[{"actor_type": "Integration"}]),
        says="some may bypass it",
        level="unknown",
    ),
    Fault(
        check="push-rules",
        name="a rule on messages",
        plant=lambda s: rule(s, "commit_message_pattern"),
        says="commit_message_pattern",
        level="unknown",
    ),
    Fault(
        check="push-rules",
        name="branch protection",
        plant=lambda s: s.repo.protection.update({"ao/*": Protection(restrict_pushes=True)}),
        says="the protection of ao/* restricts who may push",
    ),
    Fault(
        check="required-checks",
        name="branch protection",
        plant=lambda s: s.repo.protection["main"].required_checks.append("lint"),
        says="main requires 'lint'",
    ),
    Fault(
        check="required-checks",
        name="ruleset",
        plant=lambda s: rule(
            s, "required_status_checks", include="~DEFAULT_BRANCH", **checks_rule("test", "e2e")
        ),
        says="main requires 'e2e'",
    ),
    Fault(
        check="merge-queue",
        name="CI is deaf",
        plant=lambda s: rule(s, "merge_queue", include="~DEFAULT_BRANCH"),
        says="waits for CI",
    ),
    Fault(
        check="secrets",
        name="none",
        plant=lambda s: s.repo.environments[0].secrets.clear(),
        says="claude-code needs ANTHROPIC_API_KEY",
    ),
    Fault(
        check="secrets",
        name="an address is no key",
        plant=lambda s: put(s.repo.environments[0], secrets={"ANTHROPIC_BASE_URL": "x"}),
        says="claude-code needs ANTHROPIC_API_KEY",
    ),
    Fault(
        check="push-secret",
        name="pat",
        plant=lambda s: (by_machine(s), s.repo.environments[0].secrets.pop("AO_TOKEN")),
        says="no secret AO_TOKEN",
    ),
    Fault(
        check="push-secret",
        name="app",
        plant=lambda s: (by_app(s), s.repo.variables.clear()),
        says="no variable AO_APP_ID",
    ),
    Fault(
        check="environment",
        name="every branch",
        plant=lambda s: limits(s, custom=False),
        says="every branch may use the environment ao",
        mended=True,
    ),
    Fault(
        check="environment",
        name="protected branches",
        plant=lambda s: limits(s, custom=False, protected=True),
        says="any protected branch",
        mended=True,
    ),
    Fault(
        check="environment",
        name="not for main",
        plant=limits,
        says="main may not use the environment ao",
        mended=True,
    ),
    Fault(
        check="environment",
        name="another branch too",
        plant=lambda s: limits(s, "main", "release/*"),
        says="release/* may use the environment ao too",
    ),
    Fault(
        check="environment",
        name="not there",
        plant=lambda s: (
            s.repo.secrets.update(ANTHROPIC_API_KEY="x"),
            s.repo.environments.clear(),
        ),
        says="there is no environment ao",
        fixable=True,
    ),
    Fault(
        check="environment",
        name="in the repository too",
        plant=lambda s: s.repo.secrets.update(ANTHROPIC_API_KEY="x"),
        says="a workflow on any branch can read them",
        level="warn",
    ),
    Fault(
        check="environment",
        name="none is configured",
        plant=lambda s: (
            s.repo.secrets.update(ANTHROPIC_API_KEY="x"),
            s.configure(f"{CONFIG}environment: ''\n"),
        ),
        says="stand in no environment",
        level="warn",
    ),
    Fault(
        check="ledger",
        name="newer",
        plant=lambda s: ledger(s, {"fleet.json": '{"schema": 99}'}),
        says="has schema 99",
    ),
    Fault(
        check="ledger",
        name="rolled back",
        plant=lambda s: ledger(
            s, {"fleet.json": '{"epoch": 0}', "tasks/02/2.json": RECORD % (9, "null")}
        ),
        says="was rolled back",
    ),
    Fault(
        check="ledger",
        name="not JSON",
        plant=lambda s: ledger(s, {"fleet.json": "{"}),
        says="is not JSON",
    ),
    Fault(
        check="ledger",
        name="finished among the live",
        plant=lambda s: ledger(
            s, {"fleet.json": '{"epoch": 1}', "tasks/02/2.json": RECORD % (1, '"done"')}
        ),
        says="#2: finished, but still among the live tasks",
    ),
    Fault(
        check="labels",
        name="two are gone",
        plant=lambda s: put(
            s.repo, labels=[x for x in s.repo.labels if x.name not in {"ao:ready", "ao:paused"}]
        ),
        says="there is no label ao:ready, ao:paused",
        mended=True,
    ),
    Fault(
        check="agents",
        name="unknown",
        plant=lambda s: s.write(ao=CONFIG.replace("claude-code", "claude")),
        says="not known: claude",
        blinds=("drift",),
    ),
    Fault(
        check="cage",
        name="our own user, by choice",
        plant=lambda s: s.configure(f"{CONFIG}runtime: process\n"),
        says="on ubuntu-latest the agent runs as the runner's own user",
        level="warn",
    ),
    Fault(
        check="cage",
        name="a machine of one's own",
        plant=lambda s: s.configure(f"{CONFIG}runner: self-hosted\n"),
        says="on self-hosted the agent runs as the runner's own user",
        level="warn",
    ),
    Fault(
        check="cage",
        name="no Linux",
        plant=lambda s: s.configure(f"{CONFIG}runner: macos-15\n"),
        says="on macos-15 the agent runs as the runner's own user",
        level="warn",
    ),
    Fault(
        check="cage",
        name="a user where there can be none",
        plant=lambda s: s.configure(f"{CONFIG}runner: macos-15\nruntime: user\n"),
        says="`runtime: user` takes Linux",
    ),
    Fault(
        check="cage",
        name="a label that says nothing",
        plant=lambda s: s.configure(f"{CONFIG}runner: big-box\n"),
        says="if that is a runner of GitHub's",
        level="unknown",
    ),
    Fault(
        check="egress",
        name="a machine of one's own",
        plant=lambda s: s.configure(f"{CONFIG}runtime: {{egress: []}}\nrunner: self-hosted\n"),
        says="whether self-hosted can part an agent from its network",
        level="unknown",
    ),
    Fault(
        check="egress",
        name="no meter and no host",
        plant=lambda s: s.configure(
            CONFIG.replace("claude-code", "{name: command, command: ./agent}")
            + "runtime: {egress: []}\n"
        ),
        says="command cannot use the meter, and `runtime.egress` allows no host",
        level="warn",
    ),
    Fault(
        check="egress",
        name="GitHub's models and no host",
        plant=lambda s: s.configure(
            CONFIG.replace("claude-code", "copilot")
            + "agent_auth: copilot\nruntime: {egress: []}\n"
        ),
        says="copilot cannot use the meter",
        level="warn",
    ),
)
