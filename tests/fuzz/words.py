"""Text and values from people, workflows and logs: the core's parsers."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from hypothesis import strategies as st

from ao_actions import runtime
from ao_actions.core import (
    commands,
    joblog,
    masking,
    occasion,
    orders,
    signature,
    text,
    triage,
    trouble,
)
from ao_actions.core.triage import Annotation, Step
from tests.builders import POLICY, a_failed, a_record, a_remark, a_snapshot
from tests.fuzz.mutation import PIECES, raw, texts, values
from tests.fuzz.target import target

TOKEN = "ghp_" + "a1B2" * 9  # the shape of one
CASES = Path(__file__).parent.parent / "core" / "triage_cases"
OUTPUTS = tuple(
    row["output"]
    for path in sorted(CASES.glob("*.yml"))
    for row in yaml.safe_load(path.read_text(encoding="utf-8"))
    if row.get("output")
)
STAMP = "2026-11-22T12:00:00.1234567Z "
LOGS = tuple(
    "".join(
        f"{STAMP}{line}\n"
        for line in f"##[group]Run x\nx\n##[endgroup]\n{output}\n##[error]x".splitlines()
    )
    for output in OUTPUTS
)
COMMENTS = (
    "/ao retry",
    "Please:\n\n/ao budget +2\n> /ao stop\n```\n/ao stop\n```\n<!-- /ao stop -->\n/ao agent codex",
    "    /ao pause\n\n/ao why",
)
WORDS = (
    "Fix the greeting\n\n@maya said: closes #4, see acme/widgets/issues/1.\n\n- [ ] `code`\n",
    "A <b>title</b> <!-- hidden --> &#64;maya [skip ci]\n\nSigned-off-by: x\n/ao stop\n",
    "```python\nprint('x')\n```\n~~~\nx\n~~~\n" + "".join(PIECES[:20]),
)


@target("comment: commands", texts(*COMMENTS))
def _commands(body: str) -> None:
    found = commands.parse(body)
    assert len(found) <= commands.MOST
    for command in found:
        assert len(command.word) <= 40
        assert len(command.argument) <= 100
        assert "\n" not in command.argument
        commands.is_right(command)
    if found:
        assert "/ao" in body
    commands.remains(body)


@target("comment: orders", texts(*COMMENTS))
def _orders(body: str) -> None:
    """Whoever may not write changes nothing, whatever the words are."""
    said = [a_remark(body, id=1, author="eve"), a_remark(body, id=2, author="spam[bot]")]
    snapshot = a_snapshot(
        records=[a_record(attempts=())], comments={42: said}, trusted={"eve": False}
    )
    done, after = orders.obeyed(snapshot, POLICY)
    assert all(type(action).__name__ == "Tell" for action in done)
    record, before = after.book.tasks[42], snapshot.book.tasks[42]
    assert (record.ended, record.held, record.extra_attempts) == (
        before.ended,
        before.held,
        before.extra_attempts,
    )


PAYLOADS = (
    {"action": "labeled", "issue": {"number": 4}, "label": {"name": "ao:ready"}},
    {"action": "submitted",
     "pull_request": {"number": 7, "head": {"sha": "a" * 40, "ref": "ao/4"}}},
    {"action": "completed", "check_suite": {"head_sha": "b" * 40, "head_branch": "ao/4",
     "pull_requests": [{"number": 7}]}},
    {"action": "completed", "workflow_run": {"head_sha": "c" * 40, "head_branch": "ao/4"}},
    {"sha": "d" * 40, "branches": [{"name": "ao/4"}], "state": "failure"},
)  # fmt: skip


@target("event: payload", st.tuples(texts("issues", "pull_request_review"), values(*PAYLOADS)))
def _occasion(example: tuple[str, object]) -> None:
    found = occasion.occasion(*example)
    assert len(found.because) <= 200
    assert found.because.isprintable() or "\u2060" in found.because
    assert found.number is None or type(found.number) is int


@target("text: visible, neutral, line", texts(*WORDS))
def _words(given: str) -> None:
    shown = text.visible(given)
    assert text.visible(shown) == shown
    plain = text.neutral(given, limit=300)
    assert len(plain) <= 300
    assert not re.search(r"@[\w/-]|<!--|<[A-Za-z/!?]|\[skip ci\]|(?m:^\s*/\w)", plain)
    assert not re.search(r"#\d|&#?\w+;", plain)
    one = text.line(given, limit=80)
    assert len(one) <= 80
    assert len(one.splitlines()) <= 1


@target("text: fences", texts(*WORDS))
def _fenced(given: str) -> None:
    first, *inside, last = text.fenced(given, "text").split("\n")
    assert set(last) == {"`"}
    assert first == f"{last}text"
    assert not any(line.strip().startswith(last) for line in inside)


@target("text: workflow commands", texts("::error::x\n##[group]y\n", *WORDS))
def _defused(given: str) -> None:
    safe = runtime.defuse(given)
    assert "##[" not in safe
    assert not any(line.lstrip().startswith("::") for line in safe.splitlines())
    assert "\n" not in runtime.escape(given)


@target("log: bytes", raw(*(log.encode(code) for log in LOGS[:3] for code in ("utf-8", "utf-16"))))
def _log_bytes(given: bytes) -> None:
    _harmless(joblog.clean(joblog.decode(given)))


@target("log: failures", texts(*LOGS))
def _log(given: str) -> None:
    found = joblog.read(f"{given}\nthe token is {TOKEN} here", limit=2_000)
    assert len(found.text) <= 2_000
    assert TOKEN not in found.text
    assert len(found.failures) <= joblog.NAMES
    assert TOKEN not in "".join(found.failures)
    _harmless(found.text)


def _harmless(shown: str) -> None:
    assert "##[" not in shown
    assert "\x1b" not in shown
    assert not re.search(r"(?m)^[^\S\n]*::", shown)


KEYS = (
    f"token: {TOKEN} and AKIA{'A1' * 8}",
    f"Authorization: Bearer {'x' * 30}\nhttps://me:{'p' * 10}@host/x",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
)


@target("log: masks", st.tuples(texts(*KEYS), st.sampled_from((TOKEN, f"sk-{'x1' * 20}"))))
def _masks(example: tuple[str, str]) -> None:
    around, secret = example
    assert secret not in masking.masked(f"{around} {secret} {around}")
    assert secret not in masking.masked(f"{around}\n{secret}\n")


@target("log: signatures", texts(*OUTPUTS))
def _signature(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", signature.signature(given, [signature.name(given)]))
    trouble.trouble(given)
    trouble.refusal(given)


@target("check: triage", st.tuples(texts("test (3.11)", "build"), texts(*OUTPUTS), texts(*WORDS)))
def _triage(example: tuple[str, str, str]) -> None:
    """Words make no red check of a job that ran go away: at most it is run once more."""
    name, output, words = example
    check = a_failed(
        name=name,
        steps=(
            Step(name="Set up job", conclusion="success"),
            Step(name=words, conclusion="failure"),
        ),
        annotations=(Annotation(level="failure", message=words, path=output[:80]),),
        log=joblog.read(output),
        text=words,
    )
    once = triage.triage([check], base={})
    assert once.do in (triage.Do.RERUN, triage.Do.AGENT)
    assert triage.triage([check], base={}, reruns=[name]).do is triage.Do.AGENT
