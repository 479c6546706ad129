"""Our workflow files and the repository's own."""

from __future__ import annotations

from datetime import UTC, datetime

from ao_actions import __version__
from ao_actions import config as configuration
from ao_actions.agents import AGENTS
from ao_actions.errors import ConfigError
from ao_actions.setup import drift, exposure, pins
from ao_actions.setup import workflows as generated
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, unknown, warn
from ao_actions.setup.doctor.context import Context
from ao_actions.setup.doctor.files import OURS, WorkflowFile, runner_of

_QUIET_DAYS = 50  # of the 60 after which GitHub switches schedules off


def _config(context: Context) -> Finding:
    try:
        context.config  # noqa: B018 - reading it is the check
    except ConfigError as error:
        mend = "run `ao-actions init`, or mend the file; then commit it to the default branch"
        return fail(str(error), mend)
    if context.deployed_config is None:
        return fail(
            f"{configuration.PATH} is in the clone, but not on {context.default_branch}",
            "commit it and push: the workflows read the default branch",
        )
    local = context.local_config
    if local is not None and local != context.deployed_config:
        return warn(
            f"the clone's {configuration.PATH} is not the one on {context.default_branch}",
            "commit and push, or pull: the workflows read the default branch",
        )
    return ok(f"{configuration.PATH} can be read")


def _repository(context: Context) -> Finding:
    record, general = context.repository, context.settings
    if record.get("archived") or record.get("disabled"):
        return fail("the repository is archived or disabled: nothing runs", f"{general}: unarchive")
    if record.get("has_issues") is False:
        return fail("issues are off: there is nothing to label", f"{general}: Features, Issues")
    if record.get("fork"):
        return warn(
            "this is a fork: Actions is off in it until somebody enables it, and pull requests "
            "are opened in the fork",
            "enable the workflows on its Actions page; or work in the repository it came from",
        )
    return ok("it is live, has issues, and is no fork")


def _present(context: Context) -> Finding:
    missing = [path for path in OURS if path not in context.texts]
    foreign = [file.path for file in context.ours if not file.text.startswith(generated.MARK)]
    if foreign:
        return fail(
            f"{', '.join(foreign)} was not made by ao-actions",
            "rename that workflow, then run `ao-actions init`",
        )
    if missing:
        local = [path for path in missing if context.root and (context.root / path).exists()]
        mend = "run `ao-actions init` and commit what it writes to the default branch"
        if local == missing:
            mend = "they are in your clone: commit them and push to the default branch"
        return fail(f"{context.default_branch} has no {', '.join(missing)}", mend)
    return ok(f"{context.default_branch} has {', '.join(generated.NAMES)}")


def _enabled(context: Context) -> Finding:
    states = {path: context.states.get(path, {}).get("state") for path in OURS}
    off = [
        path
        for path, state in states.items()
        if state is not None and state not in ("active", "disabled_inactivity", "deleted")
    ]
    if off:
        return fail(
            f"switched off by hand: {', '.join(off)}",
            "if that was not meant: `gh workflow enable NAME`",
        )
    return ok("none of our workflows was switched off by hand")


def _schedule(context: Context) -> Finding:
    asleep = [
        context.states[path]["id"]
        for path in OURS
        if context.states.get(path, {}).get("state") == "disabled_inactivity"
    ]

    def wake() -> str:
        for identity in asleep:
            context.client.request("PUT", f"actions/workflows/{identity}/enable")
        return "switched the workflow on again"

    if asleep:
        return fail(
            "GitHub switched ao-reconcile's schedule off for want of activity",
            "`gh workflow enable ao-reconcile.yml`",
            wake,
        )
    quiet = datetime.now(UTC) - _moment(context.repository.get("pushed_at"))
    if not context.repository.get("private") and quiet.days >= _QUIET_DAYS:
        return unknown(
            f"nothing was pushed for {quiet.days} days; GitHub switches schedules of public "
            "repositories off after 60, and does not say whether the ledger's refs count",
            "look again in a week, or push a commit",
        )
    return ok(f"GitHub has not switched the schedule {context.config.schedule!r} off")


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.now(UTC)


def _drift(context: Context) -> Finding:
    """Compared as this version would write them, for the version that wrote them."""
    strange = {agent.name for agent in context.config.agents} - set(AGENTS)
    if strange:
        return unknown(f"nothing is generated for {', '.join(strange)}", "see the check `agents`")
    edited = []
    for file in context.ours:
        if not file.text.startswith(generated.MARK):
            continue  # not ours, which the check `workflows` says
        action = pins.action_in(file.text)
        if action is None:
            edited.append(file.path)
            continue
        enterprise = context.enterprise_server is not None
        wanted = drift.generated(context.config, action, enterprise=enterprise)
        if _headless(wanted[file.path]) != _headless(file.text):
            edited.append(file.path)
    if edited:
        return fail(
            f"{', '.join(edited)}: not what {configuration.PATH} would generate",
            "see `ao-actions init --diff`; move wanted changes into `overrides`, then run "
            "`ao-actions init`",
        )
    return ok("our workflows are what the configuration generates")


def _headless(text: str) -> str:
    """Without the first line, which names the version: that is the next check's business."""
    return text.partition("\n")[2]


def _version(context: Context) -> Finding:
    found = sorted({file.version for file in context.ours if file.version})
    other = [version for version in found if version != __version__]
    if other:
        newer = not all(drift.is_older(version) for version in other)
        return warn(
            f"the workflows were written by {', '.join(other)}, this is {__version__}",
            "install the newer version here" if newer else "run `ao-actions upgrade`",
        )
    return ok(f"the workflows were written by this version, {__version__}")


def _exposure(context: Context) -> Finding:
    theirs = {file.path: file.text for file in context.theirs}
    setting = context.find("actions/permissions/workflow")
    found = exposure.exposures(
        theirs,
        branch_prefix=context.config.branch_prefix,
        base=context.default_branch,
        default_write=setting.get("default_workflow_permissions") == "write" if setting else None,
    )
    if not found:
        return ok("no workflow would run an agent's code with anything to steal")
    said = " | ".join(str(each) for each in found)
    if generated.push_auth(context.config) == "token":
        return ok(f"ci_trust: approve holds them back until a human has looked: {said}")
    return fail(
        f"these run an agent's code at once: {said}",
        "set `ci_trust: approve`; or take from these workflows what is named, or keep them "
        f"from {context.config.branch_prefix}**",
    )


def _ci_names(context: Context) -> Finding:
    names = {file.name for file in context.workflows}
    wanted = list(context.config.ci_workflows)
    for file in context.ours:
        event = file.triggers.get("workflow_run")
        wanted += event.get("workflows") or [] if isinstance(event, dict) else []
    missing = [name for name in dict.fromkeys(wanted) if name not in names]
    if missing:
        return fail(
            f"no workflow is named {', '.join(map(repr, missing))}",
            f"`ci_workflows` in {configuration.PATH}: the names that stand in "
            f"{generated.FOLDER}: {', '.join(sorted(f.name for f in context.theirs)) or 'none'}",
        )
    return ok(f"the workflows of CI are there: {', '.join(wanted) or 'none are named'}")


def _runners(context: Context) -> Finding:
    own, odd = [], []
    for where, labels in _writing_jobs(context.ours):
        if any("self-hosted" in label for label in labels):
            own.append(where)
        elif not all(exposure.HOSTED.fullmatch(label) for label in labels):
            odd.append(f"{where} on {', '.join(labels)}")
    mend = "`small_runner` in ao.yml: a runner of GitHub's; `runner` moves the agent's job alone"
    if own:
        return fail(f"self-hosted runners can write to the repository: {', '.join(own)}", mend)
    if odd:
        return warn(f"not a runner of GitHub's by its name: {'; '.join(odd)}", mend)
    return ok("the jobs that can write run on GitHub's machines")


def _writing_jobs(files: list[WorkflowFile]) -> list[tuple[str, list[str]]]:
    return [
        (f"{file.name}/{key}", runner_of(job))
        for file in files
        for key, job in file.jobs.items()
        if key != "agent"
    ]


CHECKS = (
    Check("repository", "a factory needs issues to work on and workflows that run", _repository),
    Check("config", "without it no job of ao-actions starts its work", _config),
    Check(
        "workflows",
        "scheduled and dispatched workflows run from the default branch only",
        _present,
    ),
    Check("enabled", "a workflow that is switched off wakes for nothing", _enabled),
    Check("schedule", "without its schedule, what no event announces is never seen", _schedule),
    Check("drift", "what docs/security.md says holds for the files as generated", _drift),
    Check("version", "workflows of one version may call options that another lacks", _version),
    Check(
        "exposure",
        "CI runs what the agent wrote, and hands it what the workflow holds",
        _exposure,
    ),
    Check(
        "ci-names",
        "GitHub finds workflows by exact name and says nothing when none fits",
        _ci_names,
    ),
    Check(
        "runners",
        "on a machine that is kept, an agent's job can wait for the next job's write token",
        _runners,
    ),
)
