"""Reads from GitHub what an attempt needs to know, as the claim names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ao_actions.core import feedback, looked
from ao_actions.core.model import Claim, Phase, TaskRecord
from ao_actions.core.observed import Thread
from ao_actions.core.policy import Policy
from ao_actions.errors import AoError
from ao_actions.forge import observe
from ao_actions.forge.client import Client
from ao_actions.work import failures
from ao_actions.work.brief import Assigned, Red, Words

MOST = 40  # threads, and as many other words, that one attempt is to answer


class UnreadError(AoError):
    """The issue says what nobody with write permission has read."""


def assigned(
    client: Client, record: TaskRecord, claim: Claim, folder: Path, bots: tuple[str, ...] = ()
) -> Assigned:
    """The issue, and the feedback that this claim is to answer, as it stands now. Whole logs go
    into `folder`.

    What was edited, added to or deleted since the claim is left out: it has another key by now,
    so the next pass queues it again.

    :raises ForgeError: GitHub did not answer
    """
    issue = client.get(f"issues/{record.issue}")
    words: tuple[Words, ...] = ()
    threads: tuple[tuple[str, Thread], ...] = ()
    red: tuple[Red, ...] = ()
    if claim.reason is Phase.CI_FAILED:
        red = failures.read(client, pull_number(client, record), claim, folder)
    if claim.reason is Phase.CHANGES_REQUESTED:
        pull = pull_number(client, record)
        words = tuple(islice(_words(client, pull, claim), MOST))
        threads = tuple(islice(_threads(client, pull, record, claim, bots), MOST))
    return Assigned(
        repository=client.repository,
        number=record.issue,
        title=issue["title"],
        body=issue["body"] or "",
        reason=claim.reason,
        base=claim.base,
        failures=red,
        words=words,
        threads=threads,
    )


def still_read(client: Client, record: TaskRecord, policy: Policy) -> None:
    """Look once more whose text it is: asked after the text was read, so that no change slips in
    between.

    :raises UnreadError: a stranger has changed it, and nobody has looked since
    """
    task = observe.task(client, record, policy)
    edit = looked.unread_in(task)
    if edit is not None:
        raise UnreadError(
            f"@{edit.by} changed the issue's text at {edit.at:%H:%M:%S} UTC and nobody with write "
            "permission has read it since: no agent was started"
        )


def names(items: tuple[str, ...]) -> dict[str, str]:
    """Names in the brief to the feedback keys of a claim, in its order: "T1" a review thread,
    "C1" a review's text or a comment."""
    threads = [item for item in items if item.startswith("thread:")]
    others = [item for item in items if item.startswith(("review:", "comment:"))]
    return {f"T{number}": key for number, key in enumerate(threads, start=1)} | {
        f"C{number}": key for number, key in enumerate(others, start=1)
    }


def skipped(claim: Claim, given: Assigned) -> tuple[str, ...]:
    """Names of the claim's items that were not given to the agent."""
    there = {name for name, _ in given.threads} | {words.name for words in given.words}
    return tuple(name for name in names(claim.items) if name not in there)


def thread_id(item: str) -> str:
    """The node id in a thread's feedback key."""
    return item.split(":", 2)[1]


def pull_number(client: Client, record: TaskRecord) -> int:
    """The task's open pull request; 0 if there is none."""
    found = observe.pulls_of(client, record.branch, "open")
    return int(found[0]["number"]) if found else 0


def _words(client: Client, pull: int, claim: Claim) -> Iterator[Words]:
    wanted = {key: name for name, key in names(claim.items).items() if name.startswith("C")}
    if not wanted or not pull:
        return
    for key, author, body in observe.said(client, pull):
        if key in wanted and body:
            yield Words(name=wanted[key], author=author, body=body)


def _threads(
    client: Client, pull: int, record: TaskRecord, claim: Claim, bots: tuple[str, ...]
) -> Iterator[tuple[str, Thread]]:
    """The claim's threads, each whole, but for what strangers said in it."""
    wanted = {key: name for name, key in names(claim.items).items() if name.startswith("T")}
    if not wanted or not pull:
        return
    handled = frozenset(record.handled)
    for thread in observe.threads(client, [pull]).get(pull, ()):
        if not any(thread_id(key) == thread.id for key in wanted):
            continue
        trusted = dict.fromkeys(bots, True) | {
            comment.author: client.may_write(comment.author)
            for comment in thread.comments
            if not comment.author.endswith("[bot]")
        }
        key = feedback.thread_key(thread, trusted, handled)
        if key in wanted:
            said = feedback.conversation(thread, trusted, handled)
            yield wanted[key], replace(thread, comments=said)
