"""What commands work with: the configuration, GitHub and the ledger, found where we stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ao_actions.config import Config
    from ao_actions.forge.client import Client
    from ao_actions.ledger import Ledger


def client_of(repository: str | None) -> Client:
    """GitHub, from the option, the environment and the clone that we stand in.

    A token goes to the server that the clone is of: one of GitHub Enterprise Server must not be
    sent to github.com.
    """
    import os

    from ao_actions import runtime
    from ao_actions.forge.client import Address, Client

    name = runtime.repository(repository)
    token = runtime.token()
    runtime.mask(token)
    if repository or os.environ.get("GITHUB_API_URL"):
        address = Address.from_environment()
    else:
        from ao_actions.setup.doctor.command import place

        address = place(Path.cwd())[1]
    client = Client(name, token, address)
    runtime.hurry(client.patience)
    return client


def opened(repository: str | None, push_token: str | None = None) -> tuple[Config, Client, Ledger]:
    """Configuration, GitHub and ledger, from the checkout and the environment."""
    from ao_actions import config
    from ao_actions.git import check_version

    settings = config.load(Path.cwd())
    client = client_of(repository)
    check_version()
    return settings, client, ledger_of(client, push_token, settings.branch_prefix)


def ledger_of(client: Client, push_token: str | None = None, branches: str = "ao/") -> Ledger:
    import tempfile

    from ao_actions import runtime
    from ao_actions.git import Git, Remote
    from ao_actions.ledger import Ledger

    scratch = tempfile.TemporaryDirectory(prefix="ao-ledger-")
    click.get_current_context().call_on_close(scratch.cleanup)
    remote = Remote(client.address.repository(client.repository), push_token or client.token)
    git = Git.scratch(Path(scratch.name) / "ledger.git", remote)
    runtime.hurry(git.patience)
    return Ledger(git, branches)
