"""Hand-offs that are not the claim's, and zip files that are made to hurt.

Each case is a task of its own in one repository: its hand-off is planted as an artifact on the
local GitHub, then the real publish job runs.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ao_actions import publish
from ao_actions.core.model import Outcome
from ao_actions.localgithub.model import WorkflowRun
from ao_actions.work import packed
from tests.integration.conftest import FILES, WORK, Factory, founded, zipped

FIX = {"src/code.py": "def answer():\n    return 42\n"}
SAID = json.dumps({"schema": 1, "outcome": "no_change", "detail": "forged"})
MISSING = "the agent job left no hand-off"


@dataclass(slots=True)
class Crowd:
    """A factory whose tasks are all claimed; a case takes the next one."""

    factory: Factory
    waiting: Iterator[int]

    def next(self) -> tuple[int, WorkflowRun, bytes]:
        """A task, its run, and a good hand-off for it."""
        number = next(self.waiting)
        good = zipped(self.factory.hand_off(number, FIX))
        return number, self.factory.work_run(number), good

    def publish(self, number: int, run: WorkflowRun) -> Outcome:
        nothing = self.factory.root / "nothing"
        return publish.publish(self.factory.publication(run, nothing), number, self.epoch(number))

    def epoch(self, number: int) -> int:
        return self.factory.task(number).epoch

    def detail(self, number: int) -> str:
        """The ledger's reason. Nothing was pushed, and the claim is over."""
        record = self.factory.task(number)
        assert record.claim is None
        assert self.factory.branch(record.branch) is None
        assert not [p for p in self.factory.pulls() if p.head_ref == record.branch]
        return record.attempts[-1].detail


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    config = "agents: {name: command, command: 'true'}\nmax_parallel: 100\n"
    skipped = WORK.replace("runs-on", "if: ${{ false }}\n    runs-on")
    files = {**FILES, ".github/ao.yml": config, ".github/workflows/ao-work.yml": skipped}
    with founded(tmp_path_factory.mktemp("crowd"), files) as factory:
        numbers = [factory.issue(f"Task {count}") for count in range(len(NAMES) + len(ZIPS) + 6)]
        factory.reconcile()
        yield Crowd(factory, iter(numbers))


# ---- artifacts that are not this attempt's ---------------------------------------------------

NAMES: dict[str, Callable[[int, int], str]] = {
    "another task": lambda task, epoch: f"handoff-{task + 1}-{epoch}-1",
    "another epoch": lambda task, epoch: f"handoff-{task}-{epoch + 1}-1",
    "an older epoch": lambda task, epoch: f"handoff-{task}-{epoch - 1}-1",
    "the task's number as a beginning": lambda task, epoch: f"handoff-{task}0-{epoch}-1",
    "the epoch's number as a beginning": lambda task, epoch: f"handoff-{task}-{epoch}0-1",
    "a leading zero": lambda task, epoch: f"handoff-0{task}-{epoch}-1",
    "other digits": lambda task, epoch: f"handoff-{task}-{epoch}-\N{FULLWIDTH DIGIT ONE}",
    "more behind it": lambda task, epoch: f"handoff-{task}-{epoch}-1-evil",
    "a line behind it": lambda task, epoch: f"handoff-{task}-{epoch}-1\n",
    "upper case": lambda task, epoch: f"HANDOFF-{task}-{epoch}-1",
    "a minus": lambda task, epoch: f"handoff-{task}-{epoch}--1",
    "no task": lambda _task, _epoch: "handoff",
}


@pytest.mark.hostile("forged hand-off")
@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_of_another_name_is_not_looked_at(crowd: Crowd, name: str) -> None:
    number, run, good = crowd.next()
    crowd.factory.keep(run, NAMES[name](number, crowd.epoch(number)), good)
    assert crowd.publish(number, run) is Outcome.AGENT_ERROR
    assert crowd.detail(number) == MISSING


@pytest.mark.hostile("planted artifacts")
def test_an_artifact_of_another_workflow_is_not_looked_at(crowd: Crowd) -> None:
    number, run, good = crowd.next()
    crowd.factory.post("actions/workflows/ao-reconcile.yml/dispatches", ref="main")
    stranger = next(r for r in crowd.factory.repo.runs if not r.path.endswith("ao-work.yml"))
    crowd.factory.keep(stranger, f"handoff-{number}-{crowd.epoch(number)}-1", good)
    assert crowd.publish(number, run) is Outcome.AGENT_ERROR
    assert crowd.detail(number) == MISSING


@pytest.mark.hostile("planted artifacts")
def test_an_artifact_of_another_tasks_run_is_not_looked_at(crowd: Crowd) -> None:
    victim, run, good = crowd.next()
    _, other, _ = crowd.next()
    crowd.factory.keep(other, f"handoff-{victim}-{crowd.epoch(victim)}-1", good)
    assert crowd.publish(victim, run) is Outcome.AGENT_ERROR
    assert crowd.detail(victim) == MISSING


@pytest.mark.hostile("planted artifacts")
def test_a_run_that_takes_the_claims_name_publishes_nothing(crowd: Crowd) -> None:
    """Somebody dispatches ao-work by hand, with the numbers of a live claim."""
    number, run, good = crowd.next()
    epoch = crowd.epoch(number)
    inputs = {"task": str(number), "epoch": str(epoch), "reason": "queued"}
    crowd.factory.post("actions/workflows/ao-work.yml/dispatches", ref="main", inputs=inputs)
    imitation = crowd.factory.work_run(number)
    assert imitation.id > run.id
    crowd.factory.keep(imitation, f"handoff-{number}-{epoch}-1", good)
    before = crowd.factory.tip().oid
    assert crowd.publish(number, imitation) is Outcome.SUPERSEDED
    assert crowd.factory.tip().oid == before
    assert crowd.factory.task(number).claim is not None


@pytest.mark.hostile("planted artifacts")
def test_an_expired_artifact_is_none(crowd: Crowd) -> None:
    number, run, good = crowd.next()
    crowd.factory.keep(run, f"handoff-{number}-{crowd.epoch(number)}-1", good)
    run.artifacts[-1].expired = True
    assert crowd.publish(number, run) is Outcome.AGENT_ERROR
    assert crowd.detail(number) == MISSING


# ---- zip files -----------------------------------------------------------------------------


def made(*members: tuple[str | zipfile.ZipInfo, bytes | str], method: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    """An entry that unpacks as a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return made(("outcome.json", SAID), ("outcome.json", SAID.replace("forged", "again")))


def altered(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def encrypted() -> bytes:
    """The flag alone: what is there cannot be read without a password."""
    content = bytearray(made(("outcome.json", SAID)))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    return bytes(content)


def unknown_method() -> bytes:
    content = bytearray(made(("outcome.json", SAID)))
    for sign, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(sign) + place] = 97
    return bytes(content)


def lying_size() -> bytes:
    """The directory says that the file has three bytes."""
    content = bytearray(made(("outcome.json", SAID)))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (3).to_bytes(4, "little")
    return bytes(content)


def far_entry() -> bytes:
    """The directory points behind the end of the file."""
    content = bytearray(made(("outcome.json", SAID)))
    at = content.index(b"PK\x01\x02") + 42
    content[at : at + 4] = (0x7FFFFFF0).to_bytes(4, "little")
    return bytes(content)


HUGE = b"0" * (packed.handoff.OUTCOME_LIMIT + 1)
DAMAGED = "outcome.json is damaged"
ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"<html>502</html>", "not a zip file"),
    "nothing": (lambda: b"", "not a zip file"),
    "cut in the middle": (lambda: made(("outcome.json", SAID))[:60], "not a zip file"),
    "an empty zip": (made, MISSING),
    "a damaged file": (
        lambda: altered(made(("outcome.json", SAID)), b'"forged"', b'"FORGED"'),
        DAMAGED,
    ),
    "encrypted": (encrypted, DAMAGED),
    "an unknown method": (unknown_method, DAMAGED),
    "lzma": (lambda: made(("outcome.json", SAID), method=zipfile.ZIP_LZMA), DAMAGED),
    "bzip2": (lambda: made(("outcome.json", SAID), method=zipfile.ZIP_BZIP2), DAMAGED),
    "a size that lies": (lying_size, "outcome.json"),
    "an offset that lies": (far_entry, DAMAGED),
    "twice the same name": (twice, "outcome.json is there twice"),
    "a bomb": (
        lambda: made(("outcome.json", HUGE), method=zipfile.ZIP_DEFLATED),
        f"larger than {packed.handoff.OUTCOME_LIMIT} bytes",
    ),
    "in a folder": (lambda: made(("handoff/outcome.json", SAID)), MISSING),
    "a path that climbs": (lambda: made(("../outcome.json", SAID)), MISSING),
    "an absolute path": (lambda: made(("/outcome.json", SAID)), MISSING),
    "a folder of that name": (lambda: made(("outcome.json/", b"")), MISSING),
    "a link": (lambda: made((link("outcome.json"), "/etc/passwd")), "outcome.json: "),
    "other letters": (lambda: made(("Outcome.JSON", SAID)), MISSING),
    "a link as the bundle": (
        lambda: made(
            ("outcome.json", SAID.replace("no_change", "changes")),
            (link("work.bundle"), "/etc/passwd"),
        ),
        "no bundle of version 2",
    ),
    "no bundle": (
        lambda: made(("outcome.json", SAID.replace("no_change", "changes"))),
        "there is no bundle",
    ),
}


@pytest.mark.hostile("bundle tricks")
@pytest.mark.parametrize("trick", ZIPS)
def test_a_zip_that_is_made_to_hurt(crowd: Crowd, trick: str, tmp_path: Path) -> None:
    build, reason = ZIPS[trick]
    number, run, _ = crowd.next()
    crowd.factory.keep(run, f"handoff-{number}-{crowd.epoch(number)}-1", build())
    outcome = crowd.publish(number, run)
    assert outcome in (Outcome.REFUSED, Outcome.AGENT_ERROR)
    assert reason in crowd.detail(number)
    if outcome is Outcome.REFUSED:
        stop = crowd.factory.task(number).stop
        assert stop is not None
        assert f"/actions/runs/{run.id}" in stop.url
