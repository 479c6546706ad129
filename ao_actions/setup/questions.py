"""The questions of init, at most four, on a terminal only; an option answers its own."""

from __future__ import annotations

import dataclasses
import sys

import click

from ao_actions.agents import AGENTS
from ao_actions.errors import ConfigError
from ao_actions.keys import AUTHS
from ao_actions.setup import forecast
from ao_actions.setup.wish import Wish


def may_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(wish: Wish, *, schedule: str, pull: bool | None) -> tuple[Wish, bool]:
    """What the user wants, and whether as a pull request (None: not said)."""
    agent, when, auth = wish.agent, wish.schedule, wish.auth
    if agent is None and wish.command is None and wish.ao is None:
        names = [name for name in AGENTS if name != "command"]
        agent = click.prompt("Agent", type=click.Choice(names), default=names[0])
    if when is None:
        when = click.prompt(
            "Schedule (cron, UTC)", default=schedule, value_proc=_schedule, type=str
        )
    if auth is None:
        click.echo("token: CI waits for your click. pat, app: it may run at once.")
        auth = click.prompt("Token that pushes", type=click.Choice(AUTHS), default="token")
    if pull is None:
        kinds = click.Choice(["files", "pr"])
        click.echo("files: written here, you commit them. pr: a pull request is opened.")
        pull = click.prompt("How", type=kinds, default="files") == "pr"
    return dataclasses.replace(wish, agent=agent, schedule=when, auth=auth), pull


def _schedule(text: str) -> str:
    try:
        forecast.passes(text)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    return text
