"""What generated workflows use: GitHub's own actions and ours, each by full commit id.

Tags can be moved, commits cannot. The comment behind a commit names its release.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ao_actions import __version__
from ao_actions.errors import ConfigError
from ao_actions.forge.client import Address

REPOSITORY = "ao-actions/ao-actions"

PINS: Mapping[str, str] = {
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "upload_artifact": (
        "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"
    ),
    "download_artifact": (
        "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1"
    ),
    "create_github_app_token": (
        "actions/create-github-app-token@bcd2ba49218906704ab6c1aa796996da409d3eb1 # v3.2.0"
    ),
}

# GitHub Enterprise Server has no backend for artifacts of version 4 and later.
ENTERPRISE_PINS: Mapping[str, str] = {
    **PINS,
    "upload_artifact": (
        "actions/upload-artifact@c6a366c94c3e0affe28c06c8df20a878f24da3cf # v3.2.2"
    ),
    "download_artifact": (
        "actions/download-artifact@a9bc5e6ef2cb54c177f32aa5726adaa15e7e2d59 # v3.1.0"
    ),
}

_USES = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)@(?P<ref>[^\s#]+)(?:\s+#\s*(?P<comment>\S.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAG = re.compile(r"[\w][\w./-]*")
_LINE = re.compile(r"^\s*uses: (\S+(?: # .+)?)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What `uses:` names for our own steps. `note`: what a human should know of it."""

    uses: str
    note: str = ""


def action_reference(
    given: str | None, server: str | None = None, package: Path | None = None
) -> Reference:
    """Our own action by full commit: as given, else where this program came from, else the
    release of its version on `server`, which the workflows will run on (None: the
    environment's).

    :raises ConfigError: `given` is not OWNER/NAME@REF; the commit cannot be found
    """
    server = server or Address.from_environment().server
    if given is not None:
        return _given(given, server)
    own = _own_commit(package or Path(__file__).parent.parent)
    if own is not None:
        name, commit = own
        return Reference(
            uses=f"{name}@{commit} # v{__version__}",
            note=(
                f"the workflows use {name} at {commit[:12]}, which this program was installed "
                f"from: it must be on {server} under that name (else use --action)"
            ),
        )
    tag = f"v{__version__}"
    return Reference(uses=f"{REPOSITORY}@{_resolve(server, REPOSITORY, tag)} # {tag}")


def action_in(workflow: str) -> str | None:
    """The reference to our own action in a generated workflow's text; None: there is none."""
    github = {pin.partition("@")[0] for pin in (*PINS.values(), *ENTERPRISE_PINS.values())}
    for uses in _LINE.findall(workflow):
        if uses.partition("@")[0] not in github:
            return str(uses)
    return None


def _given(text: str, server: str) -> Reference:
    match = _USES.fullmatch(text.strip())
    if match is None or not (_COMMIT.fullmatch(match["ref"]) or _TAG.fullmatch(match["ref"])):
        raise ConfigError(f"--action {text!r} is not OWNER/NAME@COMMIT or OWNER/NAME@TAG")
    name, ref, comment = match["name"], match["ref"], match["comment"]
    if _COMMIT.fullmatch(ref):
        return Reference(uses=f"{name}@{ref} # {comment or f'v{__version__}'}")
    return Reference(uses=f"{name}@{_resolve(server, name, ref)} # {ref}")


def _resolve(server: str, name: str, tag: str) -> str:
    """The commit of a tag or branch, an annotated tag's own first."""
    url = f"{server}/{name}.git"
    wanted = [f"refs/tags/{tag}^{{}}", f"refs/tags/{tag}", f"refs/heads/{tag}"]
    found: dict[str, str] = {}
    for line in _git("ls-remote", url, *wanted).splitlines():
        commit, _, ref = line.partition("\t")
        found[ref] = commit
    for ref in wanted:
        if ref in found:
            return found[ref]
    raise ConfigError(
        f"{url} has no {tag} that can be read: say with --action OWNER/NAME@COMMIT where the "
        "workflows find ao-actions (your copy of its repository, by full commit id)"
    )


def _own_commit(package: Path) -> tuple[str, str] | None:
    """Repository and commit that this program was installed from, where that is known."""
    direct = _direct_url()
    vcs = direct.get("vcs_info") or {}
    if _COMMIT.fullmatch(str(vcs.get("commit_id", ""))):
        return _name(str(direct["url"])), str(vcs["commit_id"])
    tree = package.parent
    if not (tree / "action.yml").is_file():
        address = urlsplit(str(direct.get("url", "")))
        tree = Path(unquote(address.path))
        if address.scheme != "file" or not (tree / "action.yml").is_file():
            return None
    commit = _git("-C", str(tree), "rev-parse", "HEAD").strip()
    if not _COMMIT.fullmatch(commit):
        return None
    return _name(_git("-C", str(tree), "config", "--get", "remote.origin.url").strip()), commit


def _direct_url() -> dict[str, Any]:
    """What pip wrote down when it did not install from a registry (PEP 610)."""
    try:
        text = metadata.distribution("ao-actions").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    value = json.loads(text or "{}")
    return value if isinstance(value, dict) else {}


def _name(url: str) -> str:
    """`owner/name` of a repository's address; ours where it has none (a folder, no remote)."""
    match = re.search(r"(?:://[^/]+/|^[\w.-]+@[\w.-]+:)([\w.-]+/[\w.-]+?)(?:\.git)?/?$", url)
    return match[1] if match and not url.startswith("file:") else REPOSITORY


def _git(*arguments: str) -> str:
    """What git prints; nothing if it fails or asks."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=quiet,
            stdin=subprocess.DEVNULL,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
