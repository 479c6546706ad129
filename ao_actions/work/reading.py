"""Reads from GitHub what an attempt needs to know, as the claim names it."""

from __future__ import annotations

from pathlib import Path

from ao_actions.core import feedback
from ao_actions.core.model import Claim, Phase, TaskRecord, Thread
from ao_actions.forge import observe
from ao_actions.forge.client import Client, Json
from ao_actions.work import failures
from ao_actions.work.brief import Assigned, Red


def assigned(client: Client, record: TaskRecord, claim: Claim, folder: Path) -> Assigned:
    """The issue, and the feedback that this claim is to answer. Whole logs go into `folder`.

    :raises ForgeError: GitHub did not answer
    """
    issue = client.get(f"issues/{record.issue}")
    reviews: tuple[tuple[str, str], ...] = ()
    threads: tuple[tuple[str, Thread], ...] = ()
    red: tuple[Red, ...] = ()
    if claim.reason is Phase.CI_FAILED:
        red = failures.read(client, _pull(client, record), claim, folder)
    if claim.reason is Phase.CHANGES_REQUESTED:
        pull = _pull(client, record)
        reviews = _reviews(client, pull, claim)
        threads = _threads(client, pull, claim)
    return Assigned(
        repository=client.repository,
        number=record.issue,
        title=issue["title"],
        body=issue["body"] or "",
        reason=claim.reason,
        base=claim.base,
        failures=red,
        reviews=reviews,
        threads=threads,
    )


def thread_names(items: tuple[str, ...]) -> dict[str, str]:
    """Names of threads in the brief ("T1") to the feedback keys of a claim, in its order."""
    keys = [item for item in items if item.startswith("thread:")]
    return {f"T{number}": key for number, key in enumerate(keys, start=1)}


def thread_id(item: str) -> str:
    """The node id in a thread's feedback key."""
    return item.split(":", 2)[1]


def _pull(client: Client, record: TaskRecord) -> int:
    owner = client.repository.split("/", 1)[0]
    found: list[Json] = client.get("pulls", head=f"{owner}:{record.branch}", state="open")
    return int(found[0]["number"]) if found else 0


def _reviews(client: Client, pull: int, claim: Claim) -> tuple[tuple[str, str], ...]:
    if not any(item.startswith("review:") for item in claim.items):
        return ()
    found = client.pages(f"pulls/{pull}/reviews")
    return tuple(
        (review["user"]["login"], review["body"])
        for review in found
        if feedback.review_key(review["id"]) in claim.items and review["body"]
    )


def _threads(client: Client, pull: int, claim: Claim) -> tuple[tuple[str, Thread], ...]:
    names = thread_names(claim.items)
    if not names:
        return ()
    found = {thread.id: thread for thread in observe.threads(client, [pull]).get(pull, ())}
    return tuple(
        (name, found[thread_id(item)]) for name, item in names.items() if thread_id(item) in found
    )
