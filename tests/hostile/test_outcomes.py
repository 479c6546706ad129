"""`outcome.json` as an attacker would write it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ao_actions.work import handoff
from ao_actions.work.handoff import TaintedError

GOOD = '{"schema": 1, "outcome": "changes"}'


def saying(**more: Any) -> bytes:
    return json.dumps({"schema": 1, "outcome": "changes", **more}).encode()


@pytest.mark.hostile("schema abuse")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b'"changes"', id="a text"),
        pytest.param(b"1", id="a number"),
        pytest.param(GOOD.encode() * 2, id="two of them"),
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="a byte order mark"),
        pytest.param(GOOD.encode("utf-16"), id="UTF-16"),
        pytest.param(GOOD.encode().replace(b"changes", b"chan\xc0\xafes"), id="overlong UTF-8"),
        pytest.param(GOOD.encode()[:-1] + b', "outcome": "limited"}', id="a key twice"),
        pytest.param(
            GOOD.encode()[:-1] + b', "spent": {"usd": 0, "usd": 1}}', id="a key twice, deeper"
        ),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, id="deep objects"),
        pytest.param(saying(message=[[]] * 9), id="a list for a text"),
        pytest.param(saying(spent={"usd": 1, "refund": 1}), id="an unknown key, deeper"),
        pytest.param(saying(replies={"T1": "x"}), id="an object for a list"),
        pytest.param(saying(replies=[{"thread": "T1"}]), id="a reply without words"),
        pytest.param(saying(replies=[{"thread": "T1", "body": "x", "resolve": True}]), id="a wish"),
        pytest.param(saying(verified=[{"command": "make", "passed": "yes"}]), id="yes is no true"),
        pytest.param(saying(schema=True), id="true is no 1"),
        pytest.param(saying(schema=1.0), id="1.0 is no 1"),
        pytest.param(saying(schema="1"), id="a text is no 1"),
        pytest.param(saying(outcome=["changes"]), id="a list of outcomes"),
        pytest.param(saying(outcome="CHANGES"), id="an outcome in capitals"),
        pytest.param(saying(outcome="refused"), id="what publish alone may say"),
        pytest.param(saying(task=7), id="another task"),
        pytest.param(saying(branch="main"), id="another branch"),
        pytest.param(saying(base="prod"), id="another base"),
        pytest.param(saying(run_id=1), id="another run"),
        pytest.param(saying(__class__="x"), id="a key that Python knows"),
        pytest.param(saying(until="9999-12-31T23:59:59-23:00"), id="after time ends"),
        pytest.param(saying(until=1e9), id="a number for a time"),
        pytest.param(saying(session="-oProxyCommand=x y"), id="a session that is an option"),
        pytest.param(saying(session="$(id)"), id="a session that is a command"),
        pytest.param(GOOD.encode()[:-1] + b', "spent": {"usd": NaN}}', id="no number"),
        pytest.param(GOOD.encode()[:-1] + b', "spent": {"usd": -Infinity}}', id="endless"),
        pytest.param(GOOD.encode()[:-1] + b', "spent": {"usd": 1e999}}', id="endless, in digits"),
        pytest.param(
            GOOD.encode()[:-1] + b', "spent": {"tokens": ' + b"9" * 5000 + b"}}", id="big"
        ),
        pytest.param(saying(spent={"tokens": 1.5}), id="half a token"),
        pytest.param(saying(detail="\ud800"), id="half a character"),
        pytest.param(saying(skipped=[1]), id="a number for a name"),
    ],
)
def test_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / handoff.OUTCOME).write_bytes(content)
    with pytest.raises(TaintedError) as caught:
        handoff.read(tmp_path)
    assert str(caught.value).startswith(handoff.OUTCOME)
    assert len(str(caught.value)) < 6000


@pytest.mark.hostile("oversized")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(saying(message="x" * handoff.OUTCOME_LIMIT), id="a message"),
        pytest.param(
            saying(replies=[{"thread": "T1", "body": "x" * 60}] * 7000), id="seven thousand replies"
        ),
        pytest.param(saying(skipped=["T1"] * 90_000), id="ninety thousand names"),
        pytest.param(GOOD.encode() + b" " * handoff.OUTCOME_LIMIT, id="blanks at the end"),
    ],
)
def test_too_large(tmp_path: Path, content: bytes) -> None:
    (tmp_path / handoff.OUTCOME).write_bytes(content)
    with pytest.raises(TaintedError, match="at most 524288 bytes"):
        handoff.read(tmp_path)


@pytest.mark.hostile("schema abuse")
def test_no_plain_file(tmp_path: Path) -> None:
    (tmp_path / "a" / handoff.OUTCOME).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / handoff.OUTCOME)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / handoff.OUTCOME).symlink_to("nowhere")
    for name in "abc":
        with pytest.raises(TaintedError, match="is not a file"):
            handoff.read(tmp_path / name)
