"""Pull requests as far as a branch's fate hangs on them."""

from __future__ import annotations

from ao_actions.forge.client import Client


def opened(client: Client) -> dict[str, tuple[int, ...]]:
    """The open pull requests from, and onto, each branch of this repository."""
    found: dict[str, tuple[int, ...]] = {}
    for pull in client.pages("pulls", state="open"):
        own = (pull["head"]["repo"] or {}).get("full_name") == client.repository
        for name in {pull["base"]["ref"], *([pull["head"]["ref"]] if own else [])}:
            found[name] = (*found.get(name, ()), int(pull["number"]))
    return found


def opened_for(client: Client, branch: str) -> int | None:
    """An open pull request from or onto the branch, now."""
    owner = client.repository.split("/", 1)[0]
    found = client.get("pulls", state="open", head=f"{owner}:{branch}")
    found = found or client.get("pulls", state="open", base=branch)
    return int(found[0]["number"]) if found else None


def merged(client: Client, branch: str, head: str) -> int | None:
    """The pull request from the branch that was merged when `head` was its commit; GitHub keeps
    such a commit under `refs/pull`."""
    owner = client.repository.split("/", 1)[0]
    for pull in client.pages("pulls", state="closed", head=f"{owner}:{branch}"):
        if pull["merged_at"] and pull["head"]["sha"] == head:
            return int(pull["number"])
    return None
