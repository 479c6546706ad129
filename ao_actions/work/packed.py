"""A hand-off as it travels: the zip file of an artifact, which an agent may have had a hand in.

It is taken by id, from the claim's own run, under the name of the claim's task and epoch: what
another workflow or another task uploads is never looked at (design 6). Nothing is unpacked but
what is asked for by name.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ao_actions.forge import artifacts
from ao_actions.forge.client import Client
from ao_actions.work import handoff, sessions
from ao_actions.work.handoff import TaintedError

LIMIT = handoff.BUNDLE_LIMIT + sessions.MAX_BYTES
USUAL = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what GitHub makes


def artifact_name(issue: int, epoch: int) -> re.Pattern[str]:
    """What ao-work.yml calls the hand-off: the last number is the run's attempt (GitHub
    Enterprise Server: none)."""
    return re.compile(f"handoff-{issue}-{epoch}(-[0-9]{{1,4}})?")


def fetch(client: Client, run_id: int, issue: int, epoch: int) -> bytes | None:
    """The hand-off of an attempt as GitHub keeps it; None if there is none (any more).

    :raises TaintedError: it is too large
    :raises ForgeError: GitHub did not answer
    """
    found = artifacts.newest(client, run_id, artifact_name(issue, epoch))
    if found is None:
        return None
    content = artifacts.download(client, found, limit=LIMIT)
    if content is None:
        raise TaintedError(f"the hand-off is larger than {LIMIT} bytes")
    return content


@contextmanager
def opened(content: bytes | None) -> Iterator[zipfile.ZipFile | None]:
    """The zip file in these bytes; None if they are none."""
    try:
        packed = zipfile.ZipFile(io.BytesIO(content)) if content else None
    except sessions.DAMAGED:
        packed = None
    with packed or nullcontext():
        yield packed


def read(packed: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """One file; None if it is not there, damaged, packed in an unusual way, or larger than
    `limit` bytes."""
    try:
        if packed.getinfo(name).compress_type not in USUAL:
            return None
        with packed.open(name) as file:
            content = file.read(limit + 1)
    except (KeyError, *sessions.DAMAGED):
        return None
    return content if len(content) <= limit else None


def take(client: Client, run_id: int, issue: int, epoch: int, folder: Path) -> None:
    """Put what `publish` reads of an attempt's hand-off, if there is one, into an empty folder.

    :raises TaintedError: it is no zip file, or it or a file in it is damaged or too large
    :raises ForgeError: GitHub did not answer
    """
    content = fetch(client, run_id, issue, epoch)
    if content is not None:
        _unpack(content, folder)


def _unpack(content: bytes, folder: Path) -> None:
    with opened(content) as packed:
        if packed is None:
            raise TaintedError("the hand-off is not a zip file")
        there = packed.namelist()
        for name, limit in (
            (handoff.OUTCOME, handoff.OUTCOME_LIMIT),
            (handoff.BUNDLE, handoff.BUNDLE_LIMIT),
        ):
            if name not in there:
                continue
            if there.count(name) > 1:
                raise TaintedError(f"{name} is there twice")
            kept = read(packed, name, limit)
            if kept is None:
                raise TaintedError(f"{name} is damaged, or larger than {limit} bytes")
            (folder / name).write_bytes(kept)
