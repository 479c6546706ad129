"""What GitHub knows of the repository and a clone does not: visibility, fork, plan, version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ao_actions.forge.client import Address, Client
from ao_actions.setup.clone import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """None: not known, because GitHub was not asked or does not tell this token."""

    name: str | None = None
    server: str = "https://github.com"
    default_branch: str | None = None
    private: bool | None = None
    default_write: bool | None = None
    enterprise: bool = False
    asked: bool = False
    fork: bool = False
    archived: bool = False
    issues: bool = True

    def notes(self) -> list[str]:
        """What will not work here."""
        notes = []
        if self.fork:
            notes.append(
                "this is a fork: GitHub runs no schedule or workflow in it before you enable "
                "Actions on its Actions page, and pull requests are opened in the fork, "
                "not in the repository that it was forked from"
            )
        if not self.issues:
            notes.append("issues are off (Settings, General, Features): there is nothing to label")
        if self.archived:
            notes.append("the repository is archived: no workflow runs in it")
        return notes


def address_for(origin: Origin | None, env: Mapping[str, str] = os.environ) -> Address:
    """Where GitHub is: by the environment, else by the clone's origin, else github.com."""
    if env.get("GITHUB_API_URL") or env.get("GITHUB_SERVER_URL") or origin is None:
        return Address.from_environment(env)
    host = origin.host
    if host == "github.com":
        return Address.from_environment(env)
    server = f"https://{host}"
    if host.endswith(".ghe.com"):
        api = f"https://api.{host}"
        return Address(api=api, graphql=f"{api}/graphql", server=server)
    return Address(api=f"{server}/api/v3", graphql=f"{server}/api/graphql", server=server)


def unasked(name: str | None, address: Address) -> Hosting:
    """What the address alone tells."""
    host = urlsplit(address.server).hostname or ""
    cloud = host == "github.com" or host.endswith(".ghe.com")
    return Hosting(name=name, server=address.server, enterprise=not cloud)


def ask(client: Client) -> Hosting:
    """What GitHub tells this token.

    :raises AuthError, NotFoundError, ForgeError: see `Client.request`
    """
    repository = client.get("")
    _, meta = client.request("GET", "/meta", accept=(401, 403, 404))
    status, rights = client.request("GET", "actions/permissions/workflow", accept=(403, 404))
    return Hosting(
        name=str(repository.get("full_name") or client.repository),
        server=client.address.server,
        default_branch=repository.get("default_branch"),
        private=bool(repository.get("private")),
        default_write=(
            rights.get("default_workflow_permissions") == "write" if status == 200 else None
        ),
        enterprise=str(meta.get("installed_version") or "")[:1].isdigit(),
        asked=True,
        fork=bool(repository.get("fork")),
        archived=bool(repository.get("archived")),
        issues=bool(repository.get("has_issues", True)),
    )
