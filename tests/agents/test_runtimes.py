"""Runtimes: what an agent can reach in each, and that nothing of it is left.

A user of its own takes root or sudo; the tests use one that every machine has. Docker's command
line is shown to a program that stands in for it, for there is no engine here.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ao_actions.agents.process import Ended, supervise
from ao_actions.agents.runtimes import PROCESS, Docker, Runtime, User
from ao_actions.errors import AgentError
from tests.agents.processes import alive

# A user that every Linux has and that runs nothing (other tests are "nobody").
NOBODY = "games"


def may_be_another_user() -> bool:
    if os.geteuid() == 0:
        return True
    sudo = shutil.which("sudo")
    return bool(sudo) and not subprocess.run([sudo, "-n", "true"], check=False).returncode


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that others can get to (pytest's own are private)."""
    path = Path("/tmp") / f"ao-runtime-{os.getpid()}"  # noqa: S108
    (path / "checkout").mkdir(parents=True)
    (path / "scratch").mkdir()
    yield path
    shutil.rmtree(path)


@contextmanager
def lent(runtime: Runtime, place: Path) -> Iterator[None]:
    with runtime.lend(place / "checkout", place / "scratch"):
        yield


def sh(runtime: Runtime, place: Path, script: str, *, seconds: float = 60, **env: str) -> Ended:
    with lent(runtime, place):
        return supervise(
            ["sh", "-c", script],
            cwd=place / "checkout",
            environment={"PATH": os.environ["PATH"], "HOME": str(place / "scratch"), **env},
            stdin=None,
            seconds=seconds,
            transcript=place / "log",
            grace=0.5,
            runtime=runtime,
        )


def test_a_user_of_its_own(place: Path) -> None:
    (place / "checkout" / "code.py").write_text("a = 1\n")
    if not may_be_another_user():
        with pytest.raises(AgentError, match="runtime: "):
            sh(User(NOBODY), place, "id -un")
        return
    (place / "private").mkdir(mode=0o700)
    script = (
        "id -un; echo $GIVEN; echo 2 > code.py; touch new.py"
        f"; cat /proc/{os.getpid()}/environ && echo LEAKED"
        f"; ls {place}/private && echo LISTED"
        f"; touch {place}/elsewhere && echo WRITTEN"
        "; sudo -n true 2>/dev/null && echo ROOT; true"
    )
    ended = sh(User(NOBODY), place, script, GIVEN="a secret")
    assert ended.stdout.decode().split("\n") == [NOBODY, "a secret", ""], ended
    for name in ("code.py", "new.py"):
        assert (place / "checkout" / name).stat().st_uid == os.geteuid()
    assert (place / "checkout" / "code.py").read_text() == "2\n"


def test_what_it_leaves_behind_is_ended_by_its_user(place: Path) -> None:
    if not may_be_another_user():
        with pytest.raises(AgentError, match="runtime: "):
            sh(User(NOBODY), place, "true")
        return
    daemon = "env -i setsid sh -c 'echo $$ > daemon.pid; sleep 1000' & while ! test -s daemon.pid"
    ended = sh(User(NOBODY), place, f"{daemon}; do sleep 0.05; done; echo over")
    assert ended.stdout == b"over\n"
    assert not alive(int((place / "checkout" / "daemon.pid").read_text()))


def test_its_time_is_bounded_too(place: Path) -> None:
    if not may_be_another_user():
        with pytest.raises(AgentError, match="runtime: "):
            sh(User(NOBODY), place, "true")
        return
    ended = sh(
        User(NOBODY), place, "trap '' TERM; echo $$ > pid; sleep 1000; sleep 1000", seconds=2
    )
    assert ended.timed_out
    assert not alive(int((place / "checkout" / "pid").read_text()))


def test_a_folder_that_the_user_cannot_get_to(place: Path) -> None:
    (place / "deep").mkdir(mode=0o700)
    (place / "deep" / "checkout").mkdir()
    (place / "deep" / "scratch").mkdir()
    wanted = "cannot get to .*/deep/checkout" if may_be_another_user() else "runtime: "
    with pytest.raises(AgentError, match=wanted):
        sh(User(NOBODY), place / "deep", "true")
    assert (place / "deep" / "checkout").stat().st_uid == os.geteuid()


def test_two_attempts_under_one_user_would_end_each_other(place: Path) -> None:
    if not may_be_another_user():
        with pytest.raises(AgentError, match="runtime: "):
            sh(User(NOBODY), place, "true")
        return
    first = User(NOBODY)
    with lent(first, place):
        argv, env = first.call(["sh", "-c", "echo up; cat"], {"PATH": os.environ["PATH"]})
        with subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"up\n"
            (place / "second" / "checkout").mkdir(parents=True)
            with pytest.raises(AgentError, match="another attempt runs under the user games"):
                sh(User(NOBODY), place / "second", "true")


DOCKER = """#!@python
import json, os, sys
argv = sys.argv[1:]
if argv[0] == "version":
    sys.exit(0 if os.path.exists("@place/engine") else "Cannot connect to the daemon")
inside = argv[argv.index("an/image:1") + 1:]
names = [a.removeprefix("--env=") for a in argv if a.startswith("--env=")]
with open("@place/docker.json", "w") as file:
    json.dump({"argv": argv, "names": names}, file)
os.chdir(next(a for a in argv if a.startswith("--workdir=")).removeprefix("--workdir="))
given = {name: os.environ[name] for name in names}
os.execvpe(inside[0], inside, {**given, "PATH": "/bin:/usr/bin"})
"""


def stand_in_docker(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (place / "bin").mkdir()
    docker = place / "bin" / "docker"
    docker.write_text(DOCKER.replace("@python", sys.executable).replace("@place", str(place)))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:{os.environ['PATH']}")
    return place / "docker.json"


def test_a_container_sees_its_folders_and_its_variables(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = stand_in_docker(place, monkeypatch)
    (place / "engine").touch()
    (place / "agents").mkdir()
    runtime = Docker("an/image:1", place / "agents")
    ended = sh(runtime, place, "pwd; echo $KEY", KEY="a-secret-key")
    assert ended.stdout.decode().split() == [str(place / "checkout"), "a-secret-key"]
    said = json.loads(log.read_text())
    assert "a-secret-key" not in str(said["argv"])
    assert "KEY" in said["names"]
    assert "PATH" not in said["names"]
    volumes = [a for a in said["argv"] if a.startswith("--volume=")]
    assert volumes == [
        f"--volume={place}/checkout:{place}/checkout",
        f"--volume={place}/scratch:{place}/scratch",
        f"--volume={place}/agents:{place}/agents:ro",
    ]
    assert f"--user={os.geteuid()}:{os.getegid()}" in said["argv"]
    assert "--cap-drop=ALL" in said["argv"]
    assert "--network=host" in said["argv"]


def test_no_engine(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_docker(place, monkeypatch)
    with pytest.raises(AgentError, match="runtime: docker version --format: Cannot connect"):
        sh(Docker("an/image:1", place), place, "true")
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(AgentError, match="docker was not found: install it, or set `runtime: pro"):
        sh(Docker("an/image:1", place), place, "true")


def test_a_process_of_our_own(place: Path) -> None:
    assert sh(PROCESS, place, "id -u").stdout.decode().strip() == str(os.geteuid())
