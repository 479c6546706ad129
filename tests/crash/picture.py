"""The world as it matters: everything that somebody sees or the ledger holds, without the numbers
and times that differ from life to life."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.played.github import Played

_TREES = ("refs/heads/", "refs/ao/attic/")
_BOOKS = ("refs/ao/ledger", "refs/ao/finished", "refs/ao/witness")
# An attempt that was lost costs what was reserved, and a claim more: that is as it should be.
_COSTS = ("epoch", "spent", "created_at", "finished_at", "status_comment", "reruns")
_NUMBERS = (
    (re.compile(r"\b[0-9a-f]{40}\b|\b[0-9a-f]{7,12}\b(?![0-9])"), "COMMIT"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "GITHUB"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?"), "TIME"),
    (re.compile(r"(PRR|PRRT|IC|PRRC)_\w+"), "NODE"),
    (re.compile(r"refs/ao/archive/.*"), "refs/ao/archive/OLD"),
    (re.compile(r"\b[12]\d{3}\b"), "ID"),
    (re.compile(r"(ao #\d+|[Aa]ttempt|epoch) ?\.?\d+"), r"\1 N"),
    # a lost attempt is told of
    (re.compile(r"^\| \d+ \| [^|]+ \| [^|]+ \| lost \|.*\n", re.MULTILINE), ""),
    (re.compile(r"^\| \d+ ", re.MULTILINE), "| N "),
    (re.compile(r"<details><summary>\d+ of"), "<details><summary>N of"),
)


def plain(text: str) -> str:
    for pattern, word in _NUMBERS:
        text = pattern.sub(word, text)
    return text


def picture(world: Played) -> dict[str, object]:
    """JSON that is equal for worlds that are equal."""
    with world.hub.world.lock:
        shown = {
            "issues": [_issue(issue) for _, issue in sorted(world.repo.issues.items())],
            "pulls": [_pull(pull) for _, pull in sorted(world.repo.pulls.items())],
            "open runs": len(world.open_runs()),
            "dispatched twice": _doubles(world),
            "checked": [run.run_attempt for run in world.repo.runs if run.path.endswith("/ci.yml")],
            "hand-offs": sum(len(run.artifacts) for run in world.repo.runs),
        }
    refs = world.git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/ao").split()
    shown["refs"] = sorted(map(plain, refs))
    shown["files"] = {ref: _files(world, ref) for ref in refs if ref.startswith(_TREES)}
    shown["commits"] = [
        plain(world.git("log", "--format=%s%n%b", f"main..{ref}"))
        for ref in refs
        if ref.startswith("refs/heads/ao/")
    ]
    said = "\n".join(
        [c.body for issue in world.repo.issues.values() for c in issue.comments]
        + [c.body for pull in world.repo.pulls.values() for c in pull.review_comments]
    )
    shown["ledger"] = {
        f"{ref}:{path}": _record(json.loads(world.git("show", f"{ref}:{path}")), said)
        for ref in refs
        if ref in _BOOKS
        for path in world.git("ls-tree", "-r", "--name-only", ref).split()
        if path != "fleet.json"
    }
    if "refs/ao/ledger" in refs:
        fleet = json.loads(world.git("show", "refs/ao/ledger:fleet.json"))
        shown["paused"] = sorted(fleet["paused"])
    return shown


def _doubles(world: Played) -> list[str]:
    titles = [run.display_title for run in world.repo.runs if run.path.endswith("ao-work.yml")]
    return sorted({title for title in titles if titles.count(title) > 1})


def _issue(issue: Any) -> dict[str, Any]:
    return {
        "title": issue.title,
        "body": plain(issue.body),
        "state": issue.state,
        "labels": sorted(issue.labels),
        "assignees": sorted(issue.assignees),
        "comments": [(c.user, plain(c.body), _reactions(c)) for c in issue.comments],
    }


def _reactions(comment: Any) -> list[str]:
    """Who ended a task is thanked last of all: a pass that dies before that does not come back."""
    if comment.body.startswith("/ao stop"):
        return []
    return sorted(reaction.content for reaction in comment.reactions)


def _pull(pull: Any) -> dict[str, Any]:
    return {
        "branches": (pull.head_ref, pull.base_ref),
        "draft": pull.draft,
        "merged": pull.merged,
        "requested": sorted(pull.requested_reviewers),
        "reviews": [(review.user, review.state) for review in pull.reviews],
        "said": [(c.user, plain(c.body)) for c in pull.review_comments],
        "resolved": [thread.is_resolved for thread in pull.threads],
    }


def _files(world: Played, ref: str) -> str:
    return world.git("ls-tree", "-r", ref)


def _record(record: dict[str, Any], said: str) -> dict[str, Any]:
    kept = {key: value for key, value in record.items() if key not in _COSTS}
    kept["attempts"] = [
        (attempt["reason"], attempt["outcome"], attempt["head"] is not None)
        for attempt in record["attempts"]
        if attempt["outcome"] != "lost"
    ]
    claim = record["claim"]
    kept["claim"] = claim and [claim[key] for key in ("reason", "agent", "base", "items")]
    kept["published"] = len(record["published"])
    # that a reply stands in its place is written down only when there is something else to write
    kept["owed"] = [
        reply for reply in record["owed"] if f"ao:reply {reply['item']} -->" not in said
    ]
    kept["handled"] = [plain(key) for key in record["handled"]]
    return {key: json.loads(plain(json.dumps(value))) for key, value in kept.items()}
