"""What `ao-actions doctor` prints, and how it ends."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from ao_actions.errors import ConfigError, UnhealthyError
from ao_actions.forge.client import Address, Client
from ao_actions.ledger import Ledger
from ao_actions.runtime import defuse
from ao_actions.setup.clone import Clone
from ao_actions.setup.doctor import CHECKS, Context, examine_all, show
from ao_actions.setup.doctor.examine import failed
from ao_actions.setup.hosting import address_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user said on the command line."""

    as_json: bool = False
    fix: bool = False
    install: bool = False


def place(folder: Path) -> tuple[Path | None, Address]:
    """The clone around a folder, and the GitHub that it came from: no other is to get the token."""
    try:
        clone = Clone.around(folder)
    except ConfigError:
        return None, address_for(None)
    return clone.root, address_for(clone.origin())


def run(client: Client, ledger: Ledger, root: Path | None, wish: Wish) -> None:
    """Examine, print, and fail if a check did.

    :raises UnhealthyError: at least one check failed
    """

    def fresh() -> Context:
        return Context(client, ledger, root, wish.install)

    progress = sys.stderr.isatty() and not wish.as_json
    starting = _progress if progress else _silent
    rows = examine_all(CHECKS, fresh, fix=wish.fix, starting=starting)
    if progress:
        click.echo("\r\033[K", err=True, nl=False)
    if wish.as_json:
        click.echo(json.dumps([row.json() for row in rows], indent=2))
    else:
        color = False if os.environ.get("NO_COLOR") else None
        for line in show.lines(rows):
            click.echo(defuse(line), color=color)
    bad = failed(rows)
    if bad:
        raise UnhealthyError(
            f"{client.address.server}/{client.repository}: {len(bad)} of {len(rows)} checks "
            f"failed: {', '.join(bad)}"
        )


def _progress(name: str) -> None:
    click.echo(f"\r\033[Klooking at {name}", err=True, nl=False)


def _silent(_name: str) -> None:
    """Nobody watches."""
