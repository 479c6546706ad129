"""What all commands share: options, and how they print."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

REPOSITORY = click.option(
    "--repository",
    "--repo",
    "-R",
    metavar="OWNER/NAME",
    help="Default: this run's, or the clone's origin.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def say(line: str) -> None:
    """A line for people; control characters from outside are defused."""
    from ao_actions.core.text import visible
    from ao_actions.runtime import defuse

    click.echo(defuse(visible(line)))


def progress(line: str) -> None:
    """What takes a while, for somebody who waits at a terminal."""
    if sys.stderr.isatty():
        click.echo(f"{line} ...", err=True)


def print_json(value: Any) -> None:
    """A value for machines."""
    click.echo(json.dumps(value, indent=2))
