"""Runs `init` and `upgrade` from end to end: look, ask, plan, check, do, report."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ao_actions import __version__, runtime
from ao_actions import config as configuration
from ao_actions.errors import AuthError, ConfigError, DriftError, ForgeError
from ao_actions.forge.client import Client
from ao_actions.setup import (
    detect,
    environment,
    hosting,
    labels,
    migrate,
    proposal,
    questions,
)
from ao_actions.setup import init as planning
from ao_actions.setup.clone import Clone
from ao_actions.setup.environment import Environment
from ao_actions.setup.hosting import Hosting
from ao_actions.setup.init import Plan
from ao_actions.setup.migrate import Migration
from ao_actions.setup.report import Report
from ao_actions.setup.wish import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The command line. `pull`: None where it was not said."""

    repository: str | None = None
    agent: str | None = None
    command: str | None = None
    agent_auth: str | None = None
    auth: str | None = None
    ci_trust: str | None = None
    environment: str | None = None
    schedule: str | None = None
    verify: tuple[str, ...] = ()
    action: str | None = None
    source: Path | None = None
    project: str | None = None
    pull: bool | None = None
    check: bool = False
    diff: bool = False
    force: bool = False
    offline: bool = False
    ask: bool = False
    as_json: bool = False

    def wish(self, ao: Migration | None = None) -> Wish:
        return Wish(
            agent=self.agent,
            command=self.command,
            agent_auth=self.agent_auth,
            auth=self.auth,
            ci_trust=self.ci_trust,
            environment=self.environment,
            schedule=self.schedule,
            verify=self.verify or None,
            action=self.action,
            ao=ao,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the work is done: a clone, and GitHub if it may be asked."""

    clone: Clone | None
    client: Client | None
    hosting: Hosting

    @classmethod
    def find(cls, folder: Path, order: Order) -> Site:
        """:raises AoError: there is no clone, or GitHub does not answer"""
        clone = None if order.repository else Clone.around(folder)
        origin = clone.origin() if clone else None
        address = hosting.address_for(origin)
        name = order.repository or runtime.named() or (origin.name if origin else None)
        if order.offline or not runtime.has_token() or name is None:
            if order.repository or order.pull:
                runtime.token()
                raise ConfigError(
                    "a pull request needs GitHub: use no --offline, and name the repository "
                    "(--repository OWNER/NAME, or a clone with the remote origin)"
                )
            return cls(clone=clone, client=None, hosting=hosting.unasked(name, address))
        token = runtime.token()
        runtime.mask(token)
        client = Client(runtime.repository(name), token, address)
        runtime.hurry(client.patience)
        try:
            return cls(clone=clone, client=client, hosting=hosting.ask(client))
        except ForgeError as error:
            hint = ": nothing was written; --offline writes the files without asking"
            raise ForgeError(f"{error}{hint}", status=error.status) from None


def init(folder: Path, order: Order) -> Report:
    """:raises AoError: see the errors; nothing was written then"""
    site = Site.find(folder, order)
    ao = None
    if order.source is not None:
        ao = migrate.read(
            folder / order.source, project=order.project, repository=site.hosting.name
        )
        if site.clone and (site.clone.root / configuration.PATH).exists():
            raise ConfigError(
                f"{configuration.PATH} is there: --from makes a new one; "
                "move it away first. Nothing was written"
            )
    wish, pull = order.wish(ao), order.pull
    fresh = site.clone is None or not (site.clone.root / configuration.PATH).exists()
    if order.ask and fresh and questions.may_ask():
        name = site.hosting.name or (site.clone.root.name if site.clone else "")
        schedule = detect.default_schedule(name, private=site.hosting.private)
        asked = None if site.client is not None and site.clone is not None else bool(pull)
        wish, pull = questions.ask(wish, schedule=schedule, pull=pull or asked)
    if site.clone is None or pull:
        return _propose(site, wish, order, title="Set up ao-actions")
    if order.check or order.diff:
        return _compare(site.clone, site, wish, order)
    made = planning.plan(site.clone, wish, site.hosting)
    planning.check(made, force=order.force)
    env = _environment(site, made)
    if env is not None and env.state == "none":
        made = planning.without_environment(site.clone, wish, site.hosting)
    made_labels, notes = _labels(site.client, made)
    planning.write(made)
    return Report.of(
        made,
        environment=env,
        labels=made_labels,
        notes=notes,
        migration=ao,
        waiting=_backlog(site.client, ao),
    )


def upgrade(folder: Path, order: Order) -> Report:
    """:raises AoError: see the errors; nothing was written then"""
    site = Site.find(folder, order)
    if site.clone is None or order.pull:
        title = f"Upgrade ao-actions to {__version__}"
        return _propose(site, order.wish(), order, title=title, renew=True)
    made = _renewed(site.clone, site, order.wish())
    if order.diff:
        return Report.of(made, diff=True, dry=True)
    planning.check(made, force=order.force)
    planning.write(made)
    return Report.of(made, diff=True, upgraded=True)


# ---- ways to do it ---------------------------------------------------------------------------


def _compare(clone: Clone, site: Site, wish: Wish, order: Order) -> Report:
    """`--check` and `--diff`.

    :raises DriftError: `--check`, and a file is not as it would be generated
    """
    made = planning.plan(clone, wish, site.hosting, renew=True)
    report = Report.of(made, diff=True, dry=True)
    if not order.check or not made.differing:
        return report
    for line in [] if order.as_json else report.diff_lines():
        _echo(line)
    paths = ", ".join(change.path for change in made.differing)
    mend = "`ao-actions init` writes them anew; lasting changes belong into `overrides`"
    if made.made_by not in (None, __version__):
        mend = f"written by {made.made_by}, this is {__version__}: see `ao-actions upgrade --diff`"
    raise DriftError(f"{paths}: not as generated from .github/ao.yml; {mend}")


def _renewed(clone: Clone, site: Site, wish: Wish) -> Plan:
    """The plan of an upgrade.

    :raises ConfigError: there is nothing to upgrade
    """
    made = planning.plan(clone, wish, site.hosting, renew=True)
    if made.fresh or made.made_by is None:
        raise ConfigError("nothing of ao-actions is here to upgrade: run `ao-actions init`")
    return made


def _propose(site: Site, wish: Wish, order: Order, *, title: str, renew: bool = False) -> Report:
    assert site.client is not None  # noqa: S101 - Site.find wants GitHub for a pull request
    client = site.client
    with tempfile.TemporaryDirectory(prefix="ao-init-") as folder:
        checkout = proposal.Checkout.make(Path(folder) / "tree", client, site.hosting)
        made = (
            _renewed(checkout.clone, site, wish)
            if renew
            else planning.plan(checkout.clone, wish, site.hosting)
        )
        if order.diff or order.check:
            return _compare(checkout.clone, site, wish, order)
        env = None if renew else _environment(site, made)
        if env is not None and env.state == "none":
            made = planning.without_environment(checkout.clone, wish, site.hosting)
        made_labels, notes = ([], []) if renew else _labels(client, made)
        report = Report.of(
            made,
            environment=env,
            labels=made_labels,
            notes=notes,
            migration=wish.ao,
            waiting=_backlog(client, wish.ao),
            pulling=True,
        )
        if not made.differing:
            return report
        planning.write(made)
        paths = [change.path for change in made.differing]
        pull = proposal.propose(client, checkout, paths, title, report.body())
        return report.with_pull(pull)


# ---- what is done on GitHub ------------------------------------------------------------------


def _environment(site: Site, made: Plan) -> Environment | None:
    name = made.config.environment
    if site.client is None or not name or not made.fresh or made.key() is None:
        return None
    private = bool(site.hosting.private)
    return environment.ensure(site.client, name, made.branch, private=private)


def _labels(client: Client | None, made: Plan) -> tuple[list[str] | None, list[str]]:
    if client is None:
        return None, []
    try:
        return labels.create(client, made.config.labels), []
    except AuthError as error:
        return None, [f"labels were not made: {error}"]


def _backlog(client: Client | None, ao: Migration | None) -> list[int]:
    return migrate.backlog(client) if client is not None and ao is not None else []


def _echo(line: str) -> None:
    import click

    click.echo(runtime.defuse(line))
