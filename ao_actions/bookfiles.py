"""The ledger's files: their paths, their JSON, and what is wrong with them (design 3).

People can write them by hand, so nothing here is believed: what is not understood is named and
left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ao_actions.core import codec
from ao_actions.core.model import SCHEMA, Book, Fleet, TaskRecord
from ao_actions.core.upgrade import upgraded
from ao_actions.errors import LedgerError

LEDGER = "refs/ao/ledger"
FINISHED = "refs/ao/finished"
WITNESS = "refs/ao/witness"
FLEET = "fleet.json"
LARGEST = 4 * 1024**2  # bytes of a record: a hundred attempts take 100 kB
WAY_OUT = (
    "nothing was changed. `ao-actions ledger verify` says what is wrong, "
    "`ao-actions ledger repair --dry-run` what can be mended"
)
_RECORD = re.compile(r"tasks/(\d\d)/([1-9]\d{0,15})\.json")


def path_of(issue: int) -> str:
    """A hundred folders: no folder meets GitHub's advice of 3,000 entries before 300,000."""
    return f"tasks/{issue % 100:02}/{issue}.json"


def issue_of(path: str) -> int | None:
    """The issue that a record's path names, in whatever folder."""
    found = _RECORD.fullmatch(path)
    return int(found[2]) if found else None


def ours(path: str) -> bool:
    """Whether a file is part of the ledger's state; others are left alone."""
    return path == FLEET or path.startswith("tasks/")


def as_json(record: TaskRecord | Fleet) -> bytes:
    return (json.dumps(codec.encode(record), indent=1, sort_keys=True) + "\n").encode()


def book_from(files: Mapping[str, bytes]) -> Book:
    """The book from the ledger's files.

    :raises LedgerError: a file is damaged or newer, or the epoch counter fell
    """
    fleet = fleet_from(files)
    tasks = {}
    for path in sorted(files):
        if path.startswith("tasks/"):
            record = record_from(files[path], path)
            tasks[record.issue] = record
    check_counter(fleet, tasks.values())
    check_claims(tasks.values())
    return Book(fleet=fleet, tasks=tasks)


def fleet_from(files: Mapping[str, bytes]) -> Fleet:
    """:raises LedgerError: it is missing or damaged; without it epochs would begin again at 1"""
    if FLEET not in files:
        raise LedgerError(f"{LEDGER} has no {FLEET}, and so no epoch counter: {WAY_OUT}")
    fleet: Fleet = _decode(Fleet, files[FLEET], FLEET)
    return fleet


def record_from(content: bytes, path: str, ref: str = LEDGER) -> TaskRecord:
    record = decoded(content, path, ref)
    if path != path_of(record.issue):
        raise LedgerError(f"{ref}:{path} is of task {record.issue}: {WAY_OUT}")
    return record


def decoded(content: bytes, path: str, ref: str = LEDGER) -> TaskRecord:
    """The record in a file, whosever path that is."""
    record: TaskRecord = _decode(TaskRecord, content, path, ref)
    return record


def check_counter(fleet: Fleet, records: Iterable[TaskRecord]) -> None:
    highest = max((record.epoch for record in records), default=0)
    if highest > fleet.epoch:
        raise LedgerError(
            f"{LEDGER}: a task has epoch {highest}, but the counter in fleet.json is at "
            f"{fleet.epoch}: the ledger was rolled back; {WAY_OUT}"
        )


def check_claims(records: Iterable[TaskRecord]) -> None:
    """An epoch fences one claim only.

    :raises LedgerError: a claim has none, or two have the same
    """
    bearers: dict[int, int] = {}
    for record in records:
        if record.claim is None:
            continue
        if record.epoch < 1:
            raise LedgerError(
                f"{LEDGER}:{path_of(record.issue)} has a claim without an epoch: {WAY_OUT}"
            )
        if record.epoch in bearers:
            raise LedgerError(
                f"{LEDGER}: tasks {bearers[record.epoch]} and {record.issue} are both claimed "
                f"with epoch {record.epoch}: {WAY_OUT}"
            )
        bearers[record.epoch] = record.issue


def epochs(records: Iterable[TaskRecord]) -> set[int]:
    """The epochs that these records account for: each drawn one is an attempt or a claim."""
    found: set[int] = set()
    for record in records:
        found.update(attempt.epoch for attempt in record.attempts)
        found.add(record.epoch)
    return found - {0}


@lru_cache(maxsize=4096)  # records are frozen, and a pass may read the ledger many times
def _decode(kind: type[Any], content: bytes, path: str, ref: str = LEDGER) -> Any:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{ref}:{path} is not JSON ({error}): {WAY_OUT}") from None
    if not isinstance(value, dict):
        raise LedgerError(f"{ref}:{path} is no JSON object: {WAY_OUT}")
    schema = value.get("schema", SCHEMA)
    if type(schema) is not int:
        raise LedgerError(f"{ref}:{path}: schema: a number is wanted: {WAY_OUT}")
    if schema > SCHEMA:
        raise LedgerError(
            f"{ref}:{path} has schema {schema}, this version knows {SCHEMA}: "
            "nothing was changed. Upgrade ao-actions (`uses:` in .github/workflows/ao-*.yml)."
        )
    if "epoch" not in value:
        raise LedgerError(f"{ref}:{path}: epoch: missing: {WAY_OUT}")
    try:
        return codec.decode(kind, upgraded(value))
    except codec.DecodeError as error:
        key = str(error).removeprefix(f"{kind.__name__}.")
        raise LedgerError(f"{ref}:{path}: {key}: {WAY_OUT}") from None
