"""The labels: made once, and put on issues that are handed to the factory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ao_actions.core.policy import Labels
from ao_actions.errors import AoError, NotFoundError
from ao_actions.forge.client import Client

TEXTS = {
    "ready": ("0e8a16", "ao-actions may work on this issue"),
    "working": ("1d76db", "ao-actions: an agent is at work"),
    "review": ("5319e7", "ao-actions: the pull request is with CI or its reviewer"),
    "needs_human": ("d93f0b", "ao-actions cannot go on without a human"),
    "paused": ("fbca04", "ao-actions waits"),
    "priority": ("b60205", "ao-actions takes this issue before others"),
    "allow": ("e99695", "ao-actions may change paths that need a maintainer's word"),
}


def create(client: Client, labels: Labels) -> list[str]:
    """Make the labels that are missing; the names of those that were made."""
    made = []
    for field, (color, description) in TEXTS.items():
        name = getattr(labels, field)
        body = {"name": name, "color": color, "description": description}
        status, _ = client.request("POST", "labels", body=body, accept=(422,))
        if status != 422:
            made.append(name)
    return made


def add_issues(client: Client, numbers: Sequence[str], labels: Labels) -> list[dict[str, Any]]:
    """Put the label on issues; all are looked at before the first is changed.

    :raises NotFoundError: an issue does not exist, or is a pull request or closed
    """
    issues = [_issue(client, number) for number in numbers]
    rows = []
    for issue in issues:
        has = any(label["name"] == labels.ready for label in issue["labels"])
        if not has:
            path = f"issues/{issue['number']}/labels"
            client.request("POST", path, body={"labels": [labels.ready]})
        rows.append(
            {
                "issue": issue["number"],
                "what": "has already" if has else "labelled",
                "url": issue["html_url"],
            }
        )
    return rows


def _issue(client: Client, number: str) -> Any:
    digits = number.removeprefix("#")
    if not digits.isdigit() or len(digits) > 10:
        raise AoError(f"{number!r} is not an issue number: nothing was changed")
    where = f"{client.address.server}/{client.repository}/issues/{digits}"
    try:
        issue = client.get(f"issues/{digits}")
    except NotFoundError:
        raise NotFoundError(f"{where}: no such issue: nothing was changed") from None
    if "pull_request" in issue:
        raise NotFoundError(f"{where} is a pull request, not an issue: nothing was changed")
    if issue["state"] != "open":
        raise NotFoundError(f"{where} is closed: nothing was changed")
    return issue
