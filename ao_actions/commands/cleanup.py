"""The command that removes what finished tasks left behind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ao_actions.commands.connection import opened
from ao_actions.commands.terminal import JSON, REPOSITORY, print_json, progress, say

if TYPE_CHECKING:
    from ao_actions.cleanup import Step


@click.command()
@REPOSITORY
@JSON
@click.option("--dry-run", is_flag=True, help="Print the plan and its reasons; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cleanup(
    repository: str | None,
    as_json: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
) -> None:
    """Remove what finished tasks left: branches and hand-offs.

    Only what the ledger proves to be ours goes, and no commit that is nowhere else.
    """
    from ao_actions import cleanup as module
    from ao_actions.core import cleanup as rules
    from ao_actions.errors import StuckError

    config, client, ledger = opened(repository)
    cleaner = module.Cleaner(
        client=client,
        ledger=ledger,
        policy=config.policy(),
        progress=progress,
    )
    plan = cleaner.plan()
    steps = tuple(map(module.planned, plan))
    failures: tuple[str, ...] = ()
    removals = sum(not isinstance(action, rules.Keep) for action in plan)
    tell = _silent if as_json else lambda step: say(str(step))
    if dry_run or not removals:
        for step in steps:
            tell(step)
    else:
        if not yes:
            _ask(steps, removals)
        steps, failures = cleaner.run(plan, tell)
    if as_json:
        print_json({"dry_run": dry_run, "plan": [_row(step) for step in steps]})
    elif not removals:
        say("Nothing is to be removed.")
    if failures:
        raise StuckError("\n".join(failures))


def _ask(steps: tuple[Step, ...], removals: int) -> None:
    """Show the plan and wait for a yes; no terminal, no answer.

    :raises AoError: nobody can be asked
    """
    from ao_actions.errors import AoError

    if not sys.stdin.isatty():
        raise AoError(
            f"{removals} removals are planned and nobody can be asked: look at them with "
            "--dry-run, then say --yes. Nothing was changed."
        )
    for step in steps:
        click.echo(str(step), err=True)
    click.confirm(f"Remove these {removals}?", abort=True, err=True)


def _row(step: Step) -> dict[str, Any]:
    from dataclasses import asdict

    from ao_actions.core.cleanup import describe

    return {
        "action": type(step.action).__name__,
        "what": describe(step.action),
        "result": step.result,
        **asdict(step.action),
    }


def _silent(_step: Step) -> None:
    """Machines get JSON and nothing else."""
