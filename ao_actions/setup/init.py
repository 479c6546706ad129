"""`ao-actions init`: plans every file from the clone and the wishes, then writes all or nothing."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions import __version__
from ao_actions import config as configuration
from ao_actions.agents import AGENTS
from ao_actions.config import Config
from ao_actions.errors import ConfigError
from ao_actions.keys import AgentSettings
from ao_actions.rendering import render
from ao_actions.setup import detect, drift, exposure, forecast, steps, writing
from ao_actions.setup.clone import Clone
from ao_actions.setup.drift import Change
from ao_actions.setup.exposure import Finding
from ao_actions.setup.forecast import Forecast
from ao_actions.setup.hosting import Hosting
from ao_actions.setup.pins import action_in, action_reference
from ao_actions.setup.wish import Wish
from ao_actions.setup.workflows import FOLDER, secrets, wait_minutes

FORM = ".github/ISSUE_TEMPLATE/ao-task.yml"
_RECONCILE = f"{FOLDER}/ao-reconcile.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What init would do, and why. `fresh`: there was no ao.yml."""

    clone: Clone
    hosting: Hosting
    branch: str
    config: Config
    fresh: bool
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    forecast: Forecast
    notes: tuple[str, ...]
    made_by: str | None

    @property
    def differing(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.what != "unchanged")

    def trust(self) -> str:
        """One line: what may run on an agent's work, and why."""
        return steps.trust(self.config, self.findings, enterprise=self.hosting.enterprise)

    def next_steps(self, *, environment_made: bool, pull: bool) -> list[str]:
        return steps.following(
            self.config,
            self.hosting,
            self.branch,
            self.key(),
            environment_made=environment_made,
            pull=pull,
        )

    def key(self) -> str | None:
        """The secret that the first agent needs."""
        names = secrets([self.config.agents[0].name], self.config.agent_auth)
        keys = [name for name in names if name.endswith(("_KEY", "_TOKEN"))]
        return keys[0] if keys else None


def plan(clone: Clone, wish: Wish, hosting: Hosting, *, renew: bool = False) -> Plan:
    """Everything that init would write, checked; nothing is written.

    `renew`: move to this version although another one wrote the files (upgrade, --check).

    :raises ConfigError: what is there cannot be read, is not ours, or is of another version
    """
    root = clone.root
    theirs = detect.workflow_files(root)
    made_by = drift.version_of(root)
    if not renew or (made_by is not None and drift.is_older(__version__, made_by)):
        check_version(made_by)
    fresh = not (root / configuration.PATH).exists()
    branch = hosting.default_branch or clone.default_branch() or "main"
    name = hosting.name or root.name
    found = exposure.exposures(
        theirs,
        branch_prefix=Config().branch_prefix,
        base=branch,
        default_write=hosting.default_write,
    )
    notes = [*hosting.notes()]
    if fresh:
        text = _first_config(clone, wish, hosting, name, theirs, found, notes)
    else:
        text = detect.read(root, configuration.PATH)
    config = configuration.parse(text)
    _check_agents(config)
    if not fresh:
        notes += _unused(wish, config)
    action = _action(clone, wish, hosting.server, renew=renew, notes=notes)
    files = drift.generated(config, action, enterprise=hosting.enterprise)
    changes = drift.changes(root, files)
    return Plan(
        clone=clone,
        hosting=hosting,
        branch=branch,
        config=config,
        fresh=fresh,
        changes=(*_own_files(clone, config, text, fresh=fresh), *changes),
        findings=found,
        forecast=_forecast(config, hosting),
        notes=tuple(notes),
        made_by=made_by,
    )


def check(made: Plan, *, force: bool = False) -> None:
    """What must hold before anything is written.

    :raises ConfigError: a file that would be overwritten has changes that stand in no commit
    """
    updated = {change.path: change.old for change in made.changes if change.what == "updated"}
    dirty = [
        path
        for path in made.clone.dirty(updated)
        if not made.clone.ours_unchanged(path, updated.get(path) or "")
    ]
    if dirty and not force:
        raise ConfigError(
            f"{', '.join(dirty)}: changed by hand and not committed; nothing was written. "
            "Look with --diff, then commit or discard them (lasting changes belong into "
            "`overrides` of .github/ao.yml), or use --force"
        )


def write(made: Plan) -> None:
    """Write what differs, all or nothing.

    :raises ConfigError: a file cannot be written; the tree is as it was
    """
    files = {change.path: change.new for change in made.differing}
    writing.write(made.clone.root, files)
    made.clone.remember(files)


def without_environment(clone: Clone, wish: Wish, hosting: Hosting) -> Plan:
    """The same plan where the repository's plan has no environments."""
    return plan(clone, dataclasses.replace(wish, environment=""), hosting)


def apply(root: Path, wish: Wish, hosting: Hosting) -> tuple[Change, ...]:
    """Plan, check and write in one go, without a word to GitHub.

    :raises ConfigError: see `plan`, `check` and `write`
    """
    made = plan(Clone.around(root), wish, hosting)
    check(made)
    write(made)
    return made.changes


def check_version(made_by: str | None) -> None:
    """:raises ConfigError: another version wrote the workflows"""
    if made_by is None or made_by == __version__:
        return
    if drift.is_older(made_by):
        raise ConfigError(
            f"the workflows were written by ao-actions {made_by}, this is {__version__}: "
            "`ao-actions upgrade` moves them; nothing was written"
        )
    raise ConfigError(
        f"the workflows were written by ao-actions {made_by}, which is newer than this "
        f"{__version__}: upgrade ao-actions first; nothing was written"
    )


# ---- ao.yml and the issue form: written once, the user's from then on -------------------------


def _own_files(clone: Clone, config: Config, text: str, *, fresh: bool) -> list[Change]:
    if not fresh:
        return [Change(path=configuration.PATH, old=text, new=text)]
    form = render("ao-task.yml.j2", label=config.labels.ready)
    own = [Change(path=configuration.PATH, old=None, new=text)]
    if not (clone.root / FORM).exists():
        own.append(Change(path=FORM, old=None, new=form))
    return own


def _first_config(  # noqa: PLR0917
    clone: Clone,
    wish: Wish,
    hosting: Hosting,
    name: str,
    theirs: dict[str, str],
    found: tuple[Finding, ...],
    notes: list[str],
) -> str:
    defaults = Config()
    guess = detect.project(clone.root)
    guessed = bool(guess.verify) and wish.verify is None
    verify = [guess.verify] if guessed else list(wish.verify or ())
    if guessed:
        notes.append(f"verify: {guess.verify} (guessed from {guess.found_in}: check it)")
    if not verify:
        notes.append("verify: no test command found; set one in .github/ao.yml")
    if hosting.private is None and wish.schedule is None:
        notes.append("whether the repository is private is not known: a pass every 6 hours")
    previous = detect.ao_configuration(clone.root)
    if previous and wish.ao is None:
        notes.append(f"{previous} is here: `ao-actions init --from {previous}` takes it over")
    trust = wish.ci_trust or ("approve" if found else "auto")
    values: dict[str, Any] = {
        "agents": _agents(wish),
        "agent_auth": wish.agent_auth or defaults.agent_auth,
        "verify": verify,
        "found_in": guess.found_in if guessed else "",
        "rules": wish.ao.rules if wish.ao else "",
        "ci_workflows": detect.ci_workflows(theirs),
        "auth": wish.auth or defaults.auth,
        "ci_trust": trust,
        "trust_because": [f"{_comment(str(finding))}" for finding in found],
        "environment": defaults.environment if wish.environment is None else wish.environment,
        "attempts": wish.ao.attempts if wish.ao else defaults.budget.attempts,
        "max_parallel": defaults.max_parallel,
        "usd_per_attempt": defaults.budget.usd_per_attempt,
        "usd_per_task": defaults.budget.usd_per_task,
        "schedule": wish.schedule or detect.default_schedule(name, private=hosting.private),
    }
    return render("ao.yml.j2", quoted=_quoted, **values)


def _agents(wish: Wish) -> list[AgentSettings]:
    if wish.agent is None and wish.command is None and wish.ao is not None:
        return list(wish.ao.agents)
    name = wish.agent or ("command" if wish.command else Config().agents[0].name)
    return [AgentSettings(name=name, command=wish.command)]


def _quoted(value: Any) -> str:
    """A value as JSON, which is YAML; `&` and `<` stay readable."""
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    """Text from a workflow file that is to stand in one line of a comment."""
    return "".join(char if char.isprintable() else " " for char in text)[:300]


# ---- checks ----------------------------------------------------------------------------------


def _forecast(config: Config, hosting: Hosting) -> Forecast:
    try:
        return forecast.forecast(
            config.schedule,
            private=hosting.private,
            minutes=config.minutes,
            wait=wait_minutes(config),
            enterprise_server=hosting.enterprise,
            self_hosted="self-hosted" in config.runner,
        )
    except ConfigError as error:
        raise ConfigError(f"{configuration.PATH}: {error}") from None


def _check_agents(config: Config) -> None:
    for agent in config.agents:
        if agent.name not in AGENTS:
            raise ConfigError(
                f"{configuration.PATH}: agents: {agent.name!r} is not known "
                f"(known: {', '.join(AGENTS)})"
            )


def _unused(wish: Wish, config: Config) -> list[str]:
    """Options that say something else than the ao.yml that is there."""
    said = {
        "agent": (wish.agent, config.agents[0].name),
        "command": (wish.command, config.agents[0].command),
        "agent_auth": (wish.agent_auth, config.agent_auth),
        "auth": (wish.auth, config.auth),
        "ci_trust": (wish.ci_trust, config.ci_trust),
        "environment": (wish.environment, config.environment),
        "schedule": (wish.schedule, config.schedule),
        "verify": (wish.verify, config.verify),
    }
    return [
        f"{key}: the option is not used, .github/ao.yml is there and says {there!r}"
        for key, (wanted, there) in said.items()
        if wanted is not None and wanted != there
    ]


def _action(clone: Clone, wish: Wish, server: str, *, renew: bool, notes: list[str]) -> str:
    """What the workflows use for our own steps: as said, as it is there, or this version's."""
    path = clone.root / _RECONCILE
    there = action_in(detect.read(clone.root, _RECONCILE)) if path.is_file() else None
    current = drift.version_of(clone.root) == __version__
    if wish.action is None and there is not None and (current or not renew):
        return there
    reference = action_reference(wish.action, server)
    if reference.note:
        notes.append(reference.note)
    if wish.action is None and there is not None:
        before, after = there.partition("@")[0], reference.uses.partition("@")[0]
        if before != after:
            raise ConfigError(
                f"{_RECONCILE} uses {there}: say with --action {before}@COMMIT which commit of it "
                f"is version {__version__}; nothing was written"
            )
    return reference.uses
