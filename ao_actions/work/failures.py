"""What an agent is told of failing checks: the part that matters, and whole logs as files.

All of it was written by the code under test or by other services: it is data, bounded, without
credentials of a known shape and without anything that a runner would take for a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ao_actions.core import checks, joblog
from ao_actions.core.model import Claim
from ao_actions.core.observed import Check
from ao_actions.core.triage import FailedCheck
from ao_actions.forge import observe, red
from ao_actions.forge.client import Client
from ao_actions.work.brief import Red

BUDGET = 24_000  # characters of the brief, over all failures
FAILURES = 8  # that are told at length
NOTES = 10  # annotations of one failure
NOTE = 400  # characters of one


Failed = tuple[Check, FailedCheck]


def read(client: Client, number: int, claim: Claim, folder: Path) -> tuple[Red, ...]:
    """The failures that the claim is to mend, those of one cause together, and the names of
    what there is no room for. Logs are written into `folder`.

    :raises ForgeError: GitHub did not answer
    """
    pull = observe.pull_request(client, number)
    if pull.head != claim.head:
        return ()  # the branch has moved, so that nothing of this attempt will be published
    found = red.look(client, pull)
    told = _wanted(zip(checks.red(pull), found.head.checks, strict=True), claim)
    groups = list(told.values())
    share = BUDGET // max(1, min(len(groups), FAILURES))
    there = [_red(group, found.logs, share, folder) for group in groups[:FAILURES]]
    rest = tuple(failed.name for group in groups[FAILURES:] for _, failed in group)
    return (*there, Red(names=rest)) if rest else tuple(there)


def _wanted(found: Iterable[Failed], claim: Claim) -> dict[str, list[Failed]]:
    """The checks of the claim by what they fail of: its own signature, which the ledger has."""
    known = {failure.check: failure.signature for failure in claim.failures}
    groups: dict[str, list[Failed]] = {}
    for check, failed in found:
        if not known or failed.name in known:
            groups.setdefault(known.get(failed.name, failed.name), []).append((check, failed))
    return groups


def _red(group: list[Failed], logs: Mapping[int, str], share: int, folder: Path) -> Red:
    """One is told of at length: the first that has a log, if any has."""
    group = sorted(group, key=lambda pair: pair[0].job_id not in logs)
    check, failed = group[0]
    notes = _notes(failed)
    room = max(0, share - sum(map(len, notes)))
    log = logs.get(check.job_id or 0)
    report = "" if log else joblog.clean(f"{failed.text}\n{check.url}")
    return Red(
        names=tuple(each.name for _, each in group),
        log=joblog.read(log, limit=room).text if log else "",
        notes=notes,
        report=report[:room],
        files=tuple(
            _kept(each, logs[each.job_id], folder)
            for each, _ in group
            if each.job_id is not None and each.job_id in logs
        ),
    )


def _notes(failed: FailedCheck) -> tuple[str, ...]:
    """Its annotations, failures first."""
    notes = sorted(failed.annotations, key=lambda note: note.level != "failure")
    return tuple(
        joblog.clean(f"{note.path}:{note.line}: {note.message}")[:NOTE] for note in notes[:NOTES]
    )


def _kept(check: Check, log: str, folder: Path) -> str:
    """Where the whole log lies now, as far as it may fill a disk."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", check.name)[:60].strip("-.")
    path = folder / f"{check.job_id}-{name or 'check'}.log"
    path.write_bytes(joblog.clean(log).encode("utf-8", "replace")[: red.LARGEST])
    return str(path)
