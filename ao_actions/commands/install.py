"""`init` and `upgrade`: options in, one call of `setup.installing`, lines or JSON out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ao_actions.commands.terminal import JSON, print_json, say

if TYPE_CHECKING:
    from ao_actions.setup.report import Report

ELSEWHERE = click.option(
    "--repository",
    "--repo",
    "-R",
    metavar="OWNER/NAME",
    help="Another repository than this clone's, by a pull request.",
)
ACTION = click.option("--action", metavar="OWNER/NAME@REF", help="Where our own action is.")
PULL = click.option("--pr", is_flag=True, help="Open (or update) a pull request; write no file.")
DIFF = click.option("--diff", is_flag=True, help="Print what would change; write nothing.")
FORCE = click.option("--force", is_flag=True, help="Overwrite our files even if changed by hand.")
OFFLINE = click.option("--offline", is_flag=True, help="Do not ask GitHub, token or not.")


@click.command()
@ELSEWHERE
@JSON
@click.option("--agent", help="The agent that works; `command` for any program.")
@click.option("--command", help="The program of the agent `command`.")
@click.option("--agent-auth", type=click.Choice(["key", "oauth", "copilot"]), help="Who pays it.")
@click.option("--auth", type=click.Choice(["token", "pat", "app"]), help="Which token pushes.")
@click.option("--ci-trust", type=click.Choice(["approve", "auto"]), help="Whether CI waits.")
@click.option("--environment", help="Where model secrets are; empty: in the repository.")
@click.option("--schedule", metavar="CRON", help="When a pass looks, UTC.")
@click.option("--verify", multiple=True, help="A command that must pass before a hand-off.")
@ACTION
@click.option("--from", "source", type=click.Path(path_type=Path), help="agent-orchestrator.yaml")
@click.option("--project", help="Which project of that file.")
@PULL
@click.option("--check", is_flag=True, help="Exit 1 and print the diff if a file has drifted.")
@DIFF
@FORCE
@OFFLINE
@click.option("--yes", is_flag=True, help="Ask nothing.")
def init(**options: Any) -> None:
    """Write .github/ao.yml and the workflows, make the labels."""
    from ao_actions.setup.installing import Order, init

    as_json = options.pop("as_json")
    pull = options.pop("pr")
    quiet = options.pop("yes") or as_json or options["check"] or options["diff"]
    order = Order(**options, pull=pull or None, ask=not quiet, as_json=as_json)
    _show(init(Path.cwd(), order), as_json=as_json)


@click.command()
@ELSEWHERE
@JSON
@ACTION
@PULL
@DIFF
@FORCE
@OFFLINE
def upgrade(**options: Any) -> None:
    """Move the workflows to this version, and say what changes.

    ao.yml stays as it is.
    """
    from ao_actions.setup.installing import Order, upgrade

    as_json = options.pop("as_json")
    pull = options.pop("pr")
    order = Order(**options, pull=pull or None, as_json=as_json)
    _show(upgrade(Path.cwd(), order), as_json=as_json)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json(report.value())
        return
    for line in report.lines():
        say(line)
