"""Supervision of real programs: bounded in time and output, and nothing left."""

import io
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import process
from ao_actions.agents.process import Ended, Window, supervise
from tests.agents.processes import alive


def sh(script: str, tmp_path: Path, **limits: float) -> Ended:
    environment = {"PATH": os.environ["PATH"], "PIDS": str(tmp_path / "pids")}
    return supervise(
        ["sh", "-c", script],
        cwd=tmp_path,
        environment=environment,
        stdin=None,
        seconds=limits.pop("seconds", 60),
        transcript=tmp_path / "log",
        **limits,
    )


def pids(tmp_path: Path) -> list[int]:
    return [int(word) for word in (tmp_path / "pids").read_text().split()]


def test_what_it_says_and_how_it_ended(tmp_path: Path) -> None:
    ended = sh("echo out; echo err >&2; exit 3", tmp_path)
    assert (ended.code, ended.timed_out) == (3, False)
    assert (ended.stdout, ended.stderr) == (b"out\n", b"err\n")
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"]


def test_standard_input_is_empty_without_a_file(tmp_path: Path) -> None:
    assert sh("cat; echo end", tmp_path).stdout == b"end\n"


def test_term_comes_once_and_leaves_time_for_a_last_word(tmp_path: Path) -> None:
    script = "trap 'echo saved; exit 0' TERM; while :; do sleep 1000 & wait; done"
    ended = sh(script, tmp_path, seconds=2)
    assert ended.timed_out
    assert ended.stdout == b"saved\n"


def test_a_family_that_ignores_term_is_killed(tmp_path: Path) -> None:
    # What ignores a signal hands that down to its children.
    script = "trap '' TERM; sleep 1000 & echo $$ $! > $PIDS; sleep 1000; sleep 1000"
    ended = sh(script, tmp_path, seconds=2, grace=0.2)
    assert (ended.timed_out, ended.code) == (True, -signal.SIGKILL)
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("{} &", id="in the background"),
        pytest.param("setsid {} &", id="in a session of its own"),
        pytest.param("(setsid setsid {} &) &", id="an orphan in a session of its own"),
        pytest.param("nohup {} >/dev/null 2>&1 &", id="deaf to hang-up, pipes closed"),
        pytest.param("env -i PIDS=$PIDS {} &", id="with a cleared environment"),
    ],
)
def test_what_is_left_behind_is_ended(tmp_path: Path, start: str) -> None:
    daemon = """/bin/sh -c 'echo $$ > $PIDS; exec sleep 1000'"""
    script = f"{start.format(daemon)} while [ ! -s $PIDS ]; do :; done; echo done"
    ended = sh(script, tmp_path)
    assert (ended.code, ended.timed_out, ended.stdout) == (0, False, b"done\n")
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []


def test_a_child_that_keeps_all_its_signs_but_descent_is_found(tmp_path: Path) -> None:
    script = "env -i setsid sleep 1000 & echo $! > $PIDS; sleep 1000"
    ended = sh(script, tmp_path, seconds=2, grace=0)
    assert ended.timed_out
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []


def test_a_hundred_megabytes_fill_neither_memory_nor_disk(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        ended = sh("echo head; yes | head -c 100000000; echo tail", tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    log = (tmp_path / "log").read_bytes()
    for text, limit in (
        (log, process.TRANSCRIPT_LIMIT),
        (ended.stdout, process.STDOUT_LIMIT),
    ):
        assert len(text) < limit + 100
        assert text.startswith(b"head\n")
        assert text.endswith(b"tail\n")
        assert b"bytes left out ...]\n" in text
    assert peak < 80_000_000


@given(st.integers(2, 40), st.lists(st.binary(max_size=30)))
def test_a_window_keeps_head_and_tail(limit: int, chunks: list[bytes]) -> None:
    file = io.BytesIO()
    window = Window(file, limit)
    for chunk in chunks:
        window.feed(chunk)
    window.close()
    whole, kept, half = b"".join(chunks), file.getvalue(), limit // 2
    if len(whole) <= 2 * half:
        assert kept == whole
    else:
        gap = f"\n[... {len(whole) - 2 * half} bytes left out ...]\n".encode()
        assert kept == whole[:half] + gap + whole[-half:]


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        supervise(
            [str(tmp_path / "nowhere")],
            cwd=tmp_path,
            environment={},
            stdin=None,
            seconds=1,
            transcript=tmp_path / "log",
        )


KEEPER = """
import sys
from pathlib import Path
from ao_actions.agents.process import supervise
here = Path(sys.argv[1])
agent = f"echo $$ > {here}/up; exec sleep 1000"
supervise(["sh", "-c", agent], cwd=here, environment={}, stdin=None, seconds=600,
          transcript=here / "log")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_takes_its_agent_with_it(tmp_path: Path, number: int) -> None:
    os.mkfifo(tmp_path / "up")
    call = [sys.executable, "-c", KEEPER, str(tmp_path)]
    with subprocess.Popen(call, stderr=subprocess.DEVNULL) as keeper:
        agent = int((tmp_path / "up").read_text())  # blocks until the agent is up
        assert alive(agent)
        keeper.send_signal(number)
    assert keeper.returncode in (128 + number, -number)
    assert not alive(agent)
