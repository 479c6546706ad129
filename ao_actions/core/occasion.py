"""What woke a pass, read from a webhook's payload: a hint where to look, never what to do.

Every pass covers the whole repository and decides from what it sees there (design 2.2). The hint
is for people who read the log, so a payload of any form gives one, and none is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ao_actions.core import text

_ACTION = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """`number`: of an issue or pull request; `branch`, `head`: of a commit. `because`: one line."""

    because: str
    number: int | None = None
    branch: str | None = None
    head: str | None = None


def occasion(event: str, payload: object) -> Occasion:
    """The occasion of an event by its name (GITHUB_EVENT_NAME) and payload.

    Source: GitHub docs, "Webhook events and payloads".
    """
    given = payload if isinstance(payload, Mapping) else {}
    said = given.get("action")
    action = said if isinstance(said, str) and _ACTION.fullmatch(said) else ""
    name = text.line(event, limit=40) or "nobody"
    what = f"{name} {action}" if action else name
    number = _number(given, "issue") or _number(given, "pull_request") or _first_pull(given)
    head, branch = _head(given)
    where = f"#{number}" if number else branch or (head[:7] if head else "")
    return Occasion(
        because=f"{what} ({where})" if where else what, number=number, branch=branch, head=head
    )


def _number(payload: Mapping[str, Any], key: str) -> int | None:
    thing = payload.get(key)
    number = thing.get("number") if isinstance(thing, Mapping) else None
    return number if type(number) is int and 0 < number < 2**63 else None


def _first_pull(payload: Mapping[str, Any]) -> int | None:
    """The pull request of a check suite or run; there is none for those of forks."""
    for key in ("check_suite", "check_run", "workflow_run"):
        thing = payload.get(key)
        pulls = thing.get("pull_requests") if isinstance(thing, Mapping) else None
        if isinstance(pulls, list) and pulls and isinstance(pulls[0], Mapping):
            return _number({"pull": pulls[0]}, "pull")
    return None


def _head(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Commit and branch, wherever this kind of event has them."""
    pull = _mapping(_mapping(payload.get("pull_request")).get("head"))
    check = _mapping(payload.get("check_run"))
    suite = _mapping(payload.get("check_suite")) or _mapping(check.get("check_suite"))
    run = _mapping(payload.get("workflow_run"))
    branches = payload.get("branches")
    first = _mapping(branches[0]) if isinstance(branches, list) and branches else {}
    heads = (pull.get("sha"), suite.get("head_sha"), run.get("head_sha"), payload.get("sha"))
    names = (pull.get("ref"), suite.get("head_branch"), run.get("head_branch"), first.get("name"))
    return _first(heads), _first(names)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(values: tuple[object, ...]) -> str | None:
    return next((_word(value) for value in values if _word(value)), None)


def _word(value: object) -> str:
    return text.line(value, limit=100) if isinstance(value, str) else ""
