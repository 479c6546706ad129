"""Artifacts of workflow runs: found by run and name, and read as the zip files that they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ao_actions.core import cleanup
from ao_actions.errors import NotFoundError
from ao_actions.forge.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """`size` in bytes, as GitHub stores it."""

    id: int
    name: str
    size: int


def newest(client: Client, run_id: int, name: re.Pattern[str]) -> Artifact | None:
    """The last artifact of a run with such a name, if it has not expired."""
    try:
        found = client.pages(f"actions/runs/{run_id}/artifacts", key="artifacts")
    except NotFoundError:  # the run was deleted
        return None
    fitting = [
        Artifact(id=item["id"], name=item["name"], size=item["size_in_bytes"])
        for item in found
        if name.fullmatch(item["name"]) and not item["expired"]
    ]
    return max(fitting, key=lambda artifact: artifact.id, default=None)


def download(client: Client, artifact: Artifact, *, limit: int) -> bytes | None:
    """The artifact as a zip file, or None if it is larger than `limit` bytes."""
    if artifact.size > limit:
        return None
    content = client.content(f"actions/artifacts/{artifact.id}/zip", limit=limit + 1)
    return content if len(content) <= limit else None


def everywhere(client: Client) -> tuple[cleanup.Artifact, ...]:
    """All artifacts of the repository that have not expired."""
    return tuple(
        cleanup.Artifact(id=item["id"], name=item["name"], run_id=item["workflow_run"]["id"])
        for item in client.pages("actions/artifacts", key="artifacts")
        if not item["expired"] and item["workflow_run"]
    )


def delete(client: Client, identity: int) -> bool:
    """Delete an artifact; False: it is not there any more."""
    status, _ = client.request("DELETE", f"actions/artifacts/{identity}", accept=(404,))
    return status != 404
