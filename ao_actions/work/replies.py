"""What an attempt owes to those whose reviews and comments it was to answer."""

from __future__ import annotations

from typing import NamedTuple

from ao_actions.core import text
from ao_actions.core.model import Claim, Reply, TaskRecord
from ao_actions.forge import observe
from ao_actions.forge.client import Client
from ao_actions.work import reading
from ao_actions.work.handoff import Handoff


class Made(NamedTuple):
    """The attempt's commit, and the paths that it changes."""

    commit: str
    paths: tuple[str, ...]


def owed(
    client: Client, record: TaskRecord, claim: Claim, given: Handoff, made: Made | None
) -> tuple[Reply, ...]:
    """One reply per review thread that was looked at, and one for all else that was said there:
    the agent's own words, or a plain account."""
    own = {reply.thread: reply.body for reply in given.replies}
    names = {n: key for n, key in reading.names(claim.items).items() if n not in given.skipped}
    if not names:
        return ()
    done = f"Done in {made.commit[:12]}." if made else "Nothing was changed."

    def body(*names: str, about: str = "") -> str:
        said = [own[name] for name in names if name in own] or [given.message]
        neutral = [text.neutral(words, limit=1500) for words in said]
        return "\n\n".join(part for part in (about, done, *neutral) if part)

    pull = record.pull or reading.pull_number(client, record)
    finished = _finished(client, pull, made)
    replies = [
        Reply(
            thread=reading.thread_id(key),
            item=key,
            body=body(name),
            number=pull,
            resolve=reading.thread_id(key) in finished,
        )
        for name, key in names.items()
        if name.startswith("T")
    ]
    others = [name for name in names if name.startswith("C")]
    if others and pull:
        links = ", ".join(_link(client, pull, names[name]) for name in others)
        about = f"In answer to {links}:"
        item = names[others[0]]
        replies.append(Reply(thread="", item=item, body=body(*others, about=about), number=pull))
    return tuple(replies)


def _finished(client: Client, pull: int, made: Made | None) -> frozenset[str]:
    """Threads that the commit is done with: it changes their file, and they do not end with a
    question, which is for whoever asked to call answered."""
    if made is None or not pull:
        return frozenset()
    return frozenset(
        thread.id
        for thread in observe.threads(client, [pull]).get(pull, ())
        if thread.path in made.paths
        and thread.comments
        and not thread.comments[-1].body.rstrip().endswith("?")
    )


def _link(client: Client, pull: int, key: str) -> str:
    kind, number = key.split(":")[:2]
    anchor = "pullrequestreview-" if kind == "review" else "issuecomment-"
    words = "this review" if kind == "review" else "this comment"
    page = f"{client.address.server}/{client.repository}/pull/{pull}"
    return f"[{words}]({page}#{anchor}{number})"
