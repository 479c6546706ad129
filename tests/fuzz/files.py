"""Files that others wrote: configuration, workflows, hand-offs, the ledger, sessions."""

from __future__ import annotations

import atexit
import io
import json
import shutil
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from ao_actions import bookfiles, config
from ao_actions.agents import AGENTS
from ao_actions.core import codec
from ao_actions.core.model import Attempt, Claim, Fleet, Outcome, TaskRecord
from ao_actions.errors import ConfigError, LedgerError
from ao_actions.setup import exposure, migrate, overrides
from ao_actions.work import earlier, handoff, packed, sessions, suggestions
from tests.agents.judging import ASSIGNED, SESSION
from tests.builders import a_claim, a_comment, a_pause, a_record, a_thread, an_attempt
from tests.fuzz.mutation import raw, texts, values
from tests.fuzz.target import target
from tests.setup.cases import generated
from tests.setup.test_migrate import FILE

PLACE = Path(tempfile.mkdtemp(prefix="ao-fuzz-"))
atexit.register(shutil.rmtree, PLACE, ignore_errors=True)
CONFIG = """
agents: [claude-code, {name: command, command: "make it so", model: x}]
verify: [make test]
rules: |
  Be kind.
protected: [".github/**"]
minutes: 45
budget: {attempts: 4, usd_per_attempt: 5.5}
bots: ["renovate[bot]"]
ci_trust: auto
runtime: {kind: docker, image: node}
schedule: "17 * * * *"
overrides: {ao-work.yml: {jobs: {agent: {env: {A: b}}}}}
"""
REVIEW = generated("app")["ao-review.yml"]
CI = """
name: CI
on: {push: {branches: ['**', '!x']}, pull_request_target: , workflow_run: {workflows: [a]}}
permissions: {contents: write, id-token: write}
jobs:
  a:
    runs-on: '${{ matrix.os }}'
    env: {K: '${{ secrets.K }}'}
    steps: [{uses: a/checkout@v1, with: {ref: '${{ x }}'}}]
  b: {uses: ./.github/workflows/ci.yml, secrets: inherit}
"""


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
LOOPS = "agents: &a [*a]\noverrides: {ao-work.yml: &b {jobs: *b}}\nbots: &c {d: *c}\n"


@target("ao.yml", texts(CONFIG, LOOPS, f"{LAUGHS}bots: *a11\n"))
def _config(text: str) -> None:
    said = ""
    try:
        config.parse(text).policy()
    except ConfigError as error:
        said = str(error)
    assert len(said) < 20_000 + 20 * len(text)


@target("ao.yml: overrides", st.tuples(st.sampled_from((REVIEW, CI)), values(
    {"jobs": {"wake": {"timeout-minutes": 9, "env": {"A": "b"}}, "b": None}},
    {"on": {"schedule": [{"cron": "1 * * * *"}]}, "name": "x"},
)))  # fmt: skip
def _overrides(example: tuple[str, Any]) -> None:
    text, patch = example
    if isinstance(patch, dict) and all(isinstance(key, str) for key in patch):
        try:
            patch = yaml.safe_load(yaml.safe_dump(patch))  # what ao.yml can hold
        except (yaml.YAMLError, UnicodeEncodeError):
            return
        edited = overrides.patch_text(text, patch)
        assert overrides._load(edited) == overrides.merge(overrides._load(text), patch)


@target("workflow files", texts(CI, REVIEW, f"{LAUGHS}{CI}", f"{LOOPS}{CI}"))
def _exposures(text: str) -> None:
    for finding in exposure.exposures({".github/workflows/ci.yml": text, "b.yml": CI}):
        assert finding.why
        str(finding)


@target("agent-orchestrator.yaml", texts(FILE, f"{LAUGHS}{FILE}", f"{FILE}\nx: &x {{y: *x}}\n"))
def _migrate(text: str) -> None:
    path = PLACE / "agent-orchestrator.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(ConfigError):
        migrate.read(path)


HANDOFF = codec.encode(
    handoff.Handoff(
        outcome=Outcome.CHANGES,
        detail="2 files",
        message="Done.",
        session="abc",
        replies=(handoff.ThreadReply(thread="T1", body="Did it."),),
        verified=(handoff.Verification(command="make test", passed=True),),
    )
)


def _read_handoff(content: bytes) -> None:
    (PLACE / handoff.OUTCOME).write_bytes(content)
    try:
        read = handoff.read(PLACE)
    except handoff.TaintedError:
        return
    assert read is not None
    assert read.outcome in handoff.SAYABLE
    handoff.write(PLACE, read)
    assert handoff.read(PLACE) == read


@target("hand-off: bytes", raw(json.dumps(HANDOFF).encode()))
def _handoff_bytes(content: bytes) -> None:
    _read_handoff(content)


@target("hand-off: values", values(HANDOFF))
def _handoff_values(value: Any) -> None:
    _read_handoff(json.dumps(value).encode())


RECORD = a_record(claim=a_claim(), attempts=(an_attempt(),))
RECORDS = {
    TaskRecord: codec.encode(RECORD),
    Attempt: codec.encode(an_attempt()),
    Claim: codec.encode(a_claim()),
    Fleet: codec.encode(Fleet(epoch=9, paused={"codex": a_pause()})),
    handoff.Handoff: HANDOFF,
}


@target("codec", st.one_of(*(
    st.tuples(st.just(kind), values(sample)) for kind, sample in RECORDS.items()
)))  # fmt: skip
def _codec(example: tuple[type[Any], Any]) -> None:
    kind, value = example
    try:
        record = codec.decode(kind, value)
    except codec.DecodeError:
        return
    assert codec.decode(kind, codec.encode(record)) == record


LEDGER = {
    "fleet.json": RECORDS[Fleet],
    "tasks/42/42.json": RECORDS[TaskRecord],
}
OLDER = {
    "fleet.json": {"schema": 1, "epoch": 9, "paused": {"codex": "2026-11-22T12:00:00Z"}},
    "tasks/42/42.json": {**RECORDS[TaskRecord], "schema": 2, "not_before": "2026-11-22T12:00:00Z"},
}


def _book(files: dict[str, bytes]) -> None:
    try:
        book = bookfiles.book_from(files)
    except LedgerError:
        return
    assert all(record.epoch <= book.fleet.epoch for record in book.tasks.values())
    again = {
        bookfiles.path_of(number): bookfiles.as_json(record)
        for number, record in book.tasks.items()
    }
    assert bookfiles.book_from({"fleet.json": bookfiles.as_json(book.fleet), **again}) == book


@target("ledger: values", values(LEDGER, OLDER))
def _ledger_values(value: Any) -> None:
    if isinstance(value, dict):
        _book({str(path): json.dumps(part).encode() for path, part in value.items()})


@target("ledger: bytes", st.tuples(*(raw(json.dumps(part).encode()) for part in LEDGER.values())))
def _ledger_bytes(contents: tuple[bytes, bytes]) -> None:
    _book(dict(zip(LEDGER, contents, strict=True)))


@target("comment: suggestions", texts(
    "```suggestion\nTWO\n```",
    "Like so:\n\n~~~~suggestion\na\n```\nb\n~~~~\n", "```suggestion\n```\nand more"
))  # fmt: skip
def _suggestions(body: str) -> None:
    made = suggestions.of("T1", a_thread(a_comment(body=body), path="a.txt", line=2))
    if made is not None:
        assert not any("\n" in line for line in made.lines)
        assert "suggestion" in body


SCRATCH = PLACE / "scratch"
CLAUDE = AGENTS["claude-code"]
AT = replace(ASSIGNED, scratch=SCRATCH)


def _zip(compression: int) -> bytes:
    buffer = io.BytesIO()
    index = {"agent": "claude-code", "session": SESSION, "checkout": str(AT.checkout)}
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(f"{sessions.FOLDER}/{sessions.INDEX}", json.dumps(index))
        archive.writestr(f"{sessions.FOLDER}/claude/projects/-c/{SESSION}.jsonl", "{}\n" * 9)
        archive.writestr(handoff.TRANSCRIPT, "I look.\n" * 9)
        archive.writestr(handoff.BUNDLE, "# v2 git bundle\n")
    return buffer.getvalue()


ZIPS = tuple(_zip(kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))


@target("artifact: zip", raw(*ZIPS))
def _artifact(content: bytes) -> None:
    attempt = an_attempt(agent="claude-code", session=SESSION, outcome=Outcome.LIMITED, head=None)
    with packed.opened(content) as there:
        found = earlier.Earlier(attempts=(attempt,), last=attempt, packed=there)
        found.resume(CLAUDE, AT)
        found.bundle(PLACE / "bundle")
        assert len(found.note()) < 20_000
    written = [path for path in SCRATCH.rglob("*") if path.is_file()]
    assert all(path.suffix == ".jsonl" for path in written)


@target("artifact: names", st.lists(texts(
    f"{sessions.FOLDER}/claude/projects/-c/{SESSION}.jsonl", "session/../../x",
    "session/%2Eclaude/x",
), max_size=4))  # fmt: skip
def _names(names: list[str]) -> None:
    patterns = sessions._patterns(CLAUDE, SESSION)
    for name in names:
        shown = sessions._hidden(name.removeprefix(f"{sessions.FOLDER}/"))
        if sessions._allowed(shown, patterns):
            assert (SCRATCH / shown).resolve().is_relative_to(SCRATCH.resolve())
