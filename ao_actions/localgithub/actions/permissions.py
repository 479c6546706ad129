"""What a job's GITHUB_TOKEN may do (docs, "Workflow syntax": permissions)."""

from __future__ import annotations

from typing import Any

# Scopes as the workflow file spells them; metadata is always readable.
SCOPES = [
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
]
# "restricted" default of a repository: contents and packages, read (docs, GITHUB_TOKEN).
_RESTRICTED = {"contents": "read", "packages": "read"}
_NO_WRITE_ALL = frozenset({"models"})


def resolve(workflow: Any, job: Any, default: str) -> dict[str, str]:
    """The job's block, else the workflow's, else the repository's default.

    A block names all: what it leaves out is none. Names come back with underscores, as the
    REST API spells them.
    """
    if job is not None:
        chosen = _block(job)
    elif workflow is not None:
        chosen = _block(workflow)
    elif default == "write":
        chosen = _all("write") | {"id-token": "none"}
    else:
        chosen = dict(_RESTRICTED)
    granted = {scope.replace("-", "_"): level for scope, level in chosen.items() if level != "none"}
    return {"metadata": "read"} | granted


def _block(value: Any) -> dict[str, str]:
    if value == "read-all":
        return _all("read") | {"id-token": "none"}
    if value == "write-all":
        return _all("write")
    if isinstance(value, dict):
        return {str(scope): str(level) for scope, level in value.items()}
    return {}


def _all(level: str) -> dict[str, str]:
    return {
        scope: "read" if level == "write" and scope in _NO_WRITE_ALL else level for scope in SCOPES
    }
