"""What an agent's processes try on the machine: to stay, to take all of it, to look around."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import limits
from ao_actions.agents.limits import Watch
from tests.agents.processes import alive
from tests.agents.test_runtimes import may_be_another_user

pytestmark = pytest.mark.hostile("cage")

ROOT = Path(__file__).parent.parent.parent
RUNTIMES = ["process", *(["user"] if may_be_another_user() else [])]
Play = Callable[..., dict[str, Any]]

# Each script has these at hand. `stay` is the end of a daemon: it says where it is, and waits.
PRELUDE = """
import ctypes, os, signal, sys, time
def note():
    with open("pids", "a") as file: file.write(f"{os.getpid()}\\n")
def stay():
    note()
    os.closerange(0, 100)
    os.execve("/bin/sleep", ["sleep", "1000"], {})
def apart(then):
    "A child that has left us behind: its parent ended, its session is its own."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: then()
        os._exit(0)
    os.wait()
def wait_for(count):
    while not (os.path.exists("pids") and len(open("pids").read().split()) >= count):
        time.sleep(0.02)
"""

LEFT_BEHIND = {
    "double fork, own session, no environment": "apart(stay); wait_for(1)",
    "deaf to every signal that can be ignored": """
def deaf():
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
    stay()
apart(deaf); wait_for(1)""",
    "stopped, so that no signal seems to reach it": """
def stopped():
    note(); os.kill(os.getpid(), signal.SIGSTOP)
apart(stopped); wait_for(1)""",
    "an orphan of an orphan of an orphan": "apart(lambda: apart(lambda: apart(stay))); wait_for(1)",
    "a name that looks like the rest of its line in /proc": """
def named():
    note(); ctypes.CDLL(None).prctl(15, b"x) Z 1 1 1 (y"); time.sleep(1000)
apart(named); wait_for(1)""",
    "it adopts its own orphans": """
def keeper():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); apart(stay); note(); time.sleep(1000)
apart(keeper); wait_for(2)""",
    "its environment overwritten in memory": """
def bare():
    note(); os.environ.clear(); time.sleep(1000)
apart(bare); wait_for(1)""",
    "two that start each other again": """
def watch(level):
    note()
    while level < 40:
        child = os.fork()
        if child == 0: os.setsid(); time.sleep(1000)
        os.waitpid(child, 0); level += 1
apart(lambda: watch(0)); wait_for(1)""",
    "sixty at once, each an orphan in its own session": """
for _ in range(60): apart(stay)
wait_for(60)""",
    "a bomb of six generations": """
def burst(level):
    note()
    for _ in range(2):
        if level and os.fork() == 0: os.setsid(); burst(level - 1)
    time.sleep(1000)
apart(lambda: burst(5)); wait_for(20)""",
    "left by a program that crashes": "apart(stay); wait_for(1); os.abort()",
    "left by a program that is over its time": "apart(stay); wait_for(1); time.sleep(1000)",
    "a child that cannot be dumped": """
def hidden():
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); note(); time.sleep(1000)
apart(hidden); wait_for(1)""",
}


# Users that every Linux has and that run nothing: one for each worker, for a user's processes
# are ended together.
NOBODIES = ("news", "uucp", "irc", "list", "backup", "lp", "man")


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    with ExitStack() as stack:
        for name in NOBODIES:
            lock = stack.enter_context(Path(f"/tmp/ao-test-{name}.lock").open("w"))  # noqa: S108
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
        else:
            pytest.fail("every user that tests may be is taken")
        yield name


@pytest.fixture
def play(nobody: str) -> Iterator[Play]:
    """A program's run; the folder can be got at by another user, as pytest's own cannot."""
    folder = Path("/tmp") / f"ao-cell-{uuid.uuid4().hex}"  # noqa: S108
    for name in ("checkout", "scratch"):
        (folder / name).mkdir(parents=True)

    def run(script: str, runtime: str, *, seconds: float = 60) -> dict[str, Any]:
        asked = {
            "script": PRELUDE + script,
            "user": nobody if runtime == "user" else "",
            "folder": str(folder),
            "seconds": seconds,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile.cell"],
            input=json.dumps(asked),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        pids = folder / "checkout" / "pids"
        said["pids"] = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
        return said

    yield run
    shutil.rmtree(folder)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("trick", LEFT_BEHIND)
def test_nothing_is_left_running(play: Play, trick: str, runtime: str) -> None:
    said = play(LEFT_BEHIND[trick], runtime, seconds=4 if "over its time" in trick else 60)
    assert said["pids"], said
    assert [pid for pid in said["pids"] if alive(pid)] == []
    assert said["children"] == []  # no zombie either
    assert said["timed_out"] is ("over its time" in trick)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_thousand_processes_end_the_attempt(play: Play, runtime: str) -> None:
    script = f"""
for _ in range({limits.PROCESSES + 100}):
    if os.fork() == 0: time.sleep(1000)
note(); time.sleep(1000)"""
    said = play(script, runtime)
    assert said["stopped"] == f"it started more than {limits.PROCESSES} processes"
    assert not said["timed_out"]
    assert [pid for pid in said["pids"] if alive(pid)] == []


HELD = {
    "a file without end": (
        f"open('hole', 'w').truncate({limits.USED + 1}); print('WRITTEN')",
        lambda said: "WRITTEN" not in said["stdout"] and "too large" in said["stderr"],
    ),
    "its limits raised again": (
        "import resource\n"
        "for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):\n"
        "    print(resource.getrlimit(which)[1] == resource.RLIM_INFINITY)",
        lambda said: said["stdout"].split() == ["False"] * 3,
    ),
    "a core dump of what it holds": (
        "os.abort()",
        lambda said: said["code"] in (-6, 134) and not said["stderr"].count("core dumped"),
    ),
    "to outlive us when memory runs out": (
        "print(open('/proc/self/oom_score_adj').read())",
        lambda said: int(said["stdout"]) >= limits.SOONER,
    ),
    "an open file of ours": (
        "print([os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
        " if fd not in '012' and os.path.exists(f'/proc/self/fd/{fd}')])",
        lambda said: "secret" not in said["stdout"],
    ),
    "its keeper's environment": (
        "found = []\n"
        "pid = os.getppid()\n"
        "while pid > 1:\n"
        "    try: found.append(open(f'/proc/{pid}/environ', 'rb').read())\n"
        "    except OSError: found.append(b'')\n"
        "    pid = int(open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[1])\n"
        "print(found[0])",
        lambda said: os.geteuid() == 0 or said["stdout"].split() == ["b''"],
    ),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("trick", HELD)
def test_the_kernel_holds_it(play: Play, trick: str, runtime: str) -> None:
    script, harmless = HELD[trick]
    said = play(script, runtime)
    assert harmless(said), said


OWN_USER = {
    "root by sudo": "print(os.system('sudo -n true 2>/dev/null') == 0)",
    "root by su": "print(os.system('su -c true </dev/null 2>/dev/null') == 0)",
    "more rights by a program that gives them": (
        "print('NoNewPrivs:\\t1' not in open('/proc/self/status').read())"
    ),
    "a group of ours": "print(bool(set(os.getgroups()) - {os.getgid()}))",
    "a signal to us": (
        "def sent(pid):\n"
        "    try: os.kill(pid, 0); return True\n"
        "    except PermissionError: return False\n"
        "print(sent(os.getppid()))"
    ),
    "our memory": (
        "try: print(bool(open(f'/proc/{os.getppid()}/mem', 'rb')))\n"
        "except PermissionError: print(False)"
    ),
    "the folder around its own": (
        "try: open('../planted', 'w'); print(True)\nexcept PermissionError: print(False)"
    ),
    "another checkout in the place of its own": (
        "try: os.rename('../checkout', '../moved'); print(True)\n"
        "except PermissionError: print(False)"
    ),
    "a name for the hand-off's place": (
        "try: os.symlink('/etc', '../handoff'); print(True)\nexcept PermissionError: print(False)"
    ),
}


@pytest.mark.parametrize("trick", OWN_USER)
def test_a_user_of_its_own_cannot(play: Play, trick: str) -> None:
    if "user" not in RUNTIMES:
        with pytest.raises(AssertionError, match="runtime: "):
            play(OWN_USER[trick], "user")
        return
    said = play(OWN_USER[trick], "user")
    assert said["stdout"].split() == ["False"], said


def test_a_full_disk_ends_the_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FREE", 10**18)
    watch = Watch(tmp_path, lambda: 1)
    assert watch.broken()
    assert "of the disk are free" in watch.said


def test_a_disk_that_is_being_filled_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE", 0)
    monkeypatch.setattr(limits, "USED", -(10**18))
    watch = Watch(tmp_path, lambda: 1)
    assert watch.broken()
    assert "of the disk were written to" in watch.said
