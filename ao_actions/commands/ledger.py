"""`ao-actions ledger`: look at the ledger's history, check it, mend it, make it short."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ao_actions.commands.connection import client_of, ledger_of
from ao_actions.commands.terminal import JSON, REPOSITORY, print_json, progress, say
from ao_actions.errors import AoError, UnhealthyError

if TYPE_CHECKING:
    from ao_actions.forge.client import Client
    from ao_actions.ledger import Ledger
    from ao_actions.upkeep.finding import Finding

NO_LEDGER = "There is no ledger yet: the first pass makes it."
DRY = click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")


@click.group("ledger")
def ledger() -> None:
    """The ledger: its history, check, repair and compaction."""


@ledger.command("log")
@REPOSITORY
@JSON
@click.argument("task", type=click.IntRange(min=1))
def log(repository: str | None, as_json: bool, task: int) -> None:  # noqa: FBT001
    """What happened to a task, by the ledger's commits.

    TASK is the issue's number.
    """
    from ao_actions.core import codec
    from ao_actions.upkeep import history

    _, book = _open(repository)
    progress("reading the ledger's history")
    entries = history.log(book.git, task)
    if as_json:
        print_json({"task": task, "history": codec.encode(entries)})
    else:
        say("\n".join(history.table(entries)) or f"The ledger has nothing of task {task}.")


@ledger.command("verify")
@REPOSITORY
@JSON
@click.option(
    "--max-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="Name commits with more live claims than this.",
)
def verify(repository: str | None, as_json: bool, max_parallel: int | None) -> None:  # noqa: FBT001
    """Check every record and every commit.

    Exit code 13 if something is wrong.
    """
    from ao_actions.core import codec
    from ao_actions.upkeep.verify import examine

    _, book = _open(repository)
    progress("reading every commit of the ledger")
    seen = examine(book, max_parallel)
    if as_json:
        print_json({"figures": seen.figures, "findings": codec.encode(seen.findings)})
    elif not seen.refs and not seen.findings:
        say(NO_LEDGER)
    else:
        for finding in seen.findings:
            say(_line(finding))
        say(", ".join(f"{name.replace('_', ' ')} {n}" for name, n in seen.figures.items()))
    if seen.findings:
        many = len(seen.findings)
        raise UnhealthyError(
            f"{'1 thing is' if many == 1 else f'{many} things are'} wrong with the ledger: "
            "`ao-actions ledger repair --dry-run` shows what can be mended"
        )


@ledger.command("repair")
@REPOSITORY
@DRY
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--to", metavar="COMMIT", help="Go on from this commit of the ledger.")
@click.option("--from-github", is_flag=True, help="A lost ledger: begin with what GitHub shows.")
def repair(
    repository: str | None,
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    to: str | None,
    from_github: bool,  # noqa: FBT001
) -> None:
    """Mend what `ledger verify` finds, as far as that takes no guess."""
    from ao_actions.upkeep import rebuild
    from ao_actions.upkeep import repair as module
    from ao_actions.upkeep.verify import examine

    if to and from_github:
        raise click.UsageError("--to and --from-github exclude each other.")
    client, book = _open(repository)
    keeper = client.repository.partition("/")[0]
    wish = module.Wish(
        at=client.now(),
        keeper=keeper,
        to=to,
        clone=Path.cwd(),
        rebuilt=(lambda: rebuild.rebuild(client, book, keeper=keeper)) if from_github else None,
    )
    progress("reading every commit of the ledger")
    plan = module.plan(book, examine(book), wish)
    for line in plan.lines:
        say(line)
    for finding in plan.left:
        say(f"left to you: {_line(finding)}")
    if plan.lines and not dry_run:
        _confirm(yes=yes)
        module.perform(book, plan)
    elif not plan.lines:
        say("Nothing is to be mended.")
    if plan.left:
        raise UnhealthyError(
            f"{len(plan.left)} of the findings cannot be mended here: see `When the ledger "
            "refuses` in docs/errors.md"
        )


@ledger.command("compact")
@REPOSITORY
@DRY
@click.option("--keep-days", type=click.IntRange(min=0), default=90, show_default=True)
def compact(repository: str | None, dry_run: bool, keep_days: int) -> None:  # noqa: FBT001
    """Move history that is older than --keep-days to refs/ao/archive/."""
    from datetime import timedelta

    from ao_actions.upkeep import compact as module

    client, book = _open(repository)
    progress("reading every commit of the ledger")
    plan = module.plan(book, at=client.now(), keep=timedelta(days=keep_days))
    say("\n".join(plan.lines) or f"No history is older than {keep_days} days.")
    if plan.lines and not dry_run:
        module.perform(book, plan)


def _open(repository: str | None) -> tuple[Client, Ledger]:
    """GitHub and ledger; the configuration only for how branches are named, if it is here."""
    from ao_actions import config
    from ao_actions.git import check_version

    client = client_of(repository)
    check_version()
    prefix = "ao/"
    if repository is None and (Path.cwd() / config.PATH).is_file():
        prefix = config.load(Path.cwd()).branch_prefix
    return client, ledger_of(client, branches=prefix)


def _line(finding: Finding) -> str:
    where = f"{finding.ref}@{finding.commit[:10]}" if finding.commit else finding.ref
    path = f":{finding.path}" if finding.path else ""
    return f"{where}{path} {finding.what} [{finding.kind}]"


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise AoError("nothing was changed: nobody is here to be asked, so say --yes")
    click.confirm("Write this to the ledger?", abort=True)
