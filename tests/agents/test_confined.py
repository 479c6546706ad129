"""A confined network: what an agent that behaves gets, and when no agent is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ao_actions import meter
from ao_actions.agents.base import Assignment
from ao_actions.agents.confined import Confined
from ao_actions.agents.egress import Egress
from ao_actions.agents.process import Ended, supervise
from ao_actions.errors import AgentError
from ao_actions.meter import Upstream
from ao_actions.modelserver import Answer, ModelServer, Say
from ao_actions.work import verify
from tests.agents.outside import WORKER, Outside, may_be_confined, outside, python
from tests.agents.processes import alive

REFUSED = "runtime.egress cannot be held to on this machine"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others can get to (pytest's own are private)."""
    path = Path("/tmp") / f"ao-confined-{os.getpid()}"  # noqa: S108
    (path / "checkout").mkdir(parents=True)
    (path / "scratch").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def world() -> Iterator[Outside]:
    with outside() as servers:
        yield servers


def confined(egress: Egress) -> tuple[Confined, list[str]]:
    said: list[str] = []
    return Confined(name=WORKER, egress=egress, say=said.append), said


def play(runtime: Confined, place: Path, *argv: str, **env: str) -> Ended | None:
    """None on a machine that does not allow it: there it is refused before anything is started."""

    def started() -> Ended:
        with runtime.lend(place / "checkout", place / "scratch"):
            return supervise(
                argv,
                cwd=place / "checkout",
                environment={"PATH": os.environ["PATH"], **env},
                stdin=None,
                seconds=60,
                transcript=place / "log",
                runtime=runtime,
            )

    if may_be_confined():
        return started()
    with pytest.raises(AgentError, match=REFUSED):
        started()
    assert not (place / "log").exists()
    return None


def run_python(runtime: Confined, place: Path, script: str, **env: str) -> Ended | None:
    return play(runtime, place, python(), "-c", script, **env)


ALLOWED = """
import os, urllib.request
answer = urllib.request.urlopen("http://allowed.example/a?b=c", data=b"the body")
print(answer.status, answer.read().decode(), os.getcwd(), os.environ["GIVEN"])
"""


def test_an_allowed_host_is_reached_by_programs_that_know_of_proxies(
    place: Path, world: Outside
) -> None:
    runtime, said = confined(world.egress())
    ended = run_python(runtime, place, ALLOWED, GIVEN="a setting")
    if ended is None:
        return
    assert ended.stdout.decode() == f"200 hello {place}/checkout a setting\n", ended.stderr
    [request] = world.host.seen
    head, _, body = request.decode().partition("\r\n\r\n")
    assert head.startswith("POST /a?b=c HTTP/1.1\r\nHost: allowed.example\r\n")
    assert head.endswith("\r\nConnection: close")
    assert body == "the body"
    assert said == []


TUNNEL = """
import os, socket
proxy = os.environ["https_proxy"].rpartition(":")[2]
with socket.create_connection(("127.0.0.1", int(proxy))) as it:
    it.sendall(b"CONNECT %b:443 HTTP/1.1\\r\\n\\r\\n" % os.environ["TARGET"].encode())
    print(it.recv(1000).decode().partition("\\r\\n")[0])
    it.sendall(b"as in a tunnel")
    print(it.recv(1000).decode().partition("\\r\\n")[0])
"""


@pytest.mark.parametrize("name", ["allowed.example", "ALLOWED.example.", "mixed.wild.example"])
def test_a_tunnel_to_an_allowed_host(place: Path, world: Outside, name: str) -> None:
    runtime, said = confined(world.egress())
    ended = run_python(runtime, place, TUNNEL, TARGET=name)
    if ended is not None:
        assert ended.stdout.decode().splitlines() == [
            "HTTP/1.1 200 Connection established",
            "HTTP/1.1 200 OK",
        ]
        assert world.host.seen == [b"as in a tunnel"]
        assert said == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("dead.wild.example", "dead.wild.example:443 cannot be reached: "),
        ("nowhere.wild.example", "nowhere.wild.example:443 was not found: no address"),
    ],
)
def test_an_allowed_host_that_is_not_there(
    place: Path, world: Outside, name: str, why: str
) -> None:
    runtime, said = confined(world.egress())
    ended = run_python(runtime, place, TUNNEL, TARGET=name)
    if ended is not None:
        assert ended.stdout.startswith(b"HTTP/1.1 502 ")
        [line] = said
        assert line.startswith(f"refused on the agent's way out: {why}")


def test_a_refused_host_is_told_once(place: Path, world: Outside) -> None:
    runtime, said = confined(world.egress())
    for _ in range(2):
        if run_python(runtime, place, TUNNEL, TARGET="evil.example") is None:
            return
    assert said == [
        "refused on the agent's way out: evil.example:443 is not in `runtime.egress` of "
        ".github/ao.yml"
    ]


METERED = """
import json, os, urllib.request
base = os.environ["BASE"]
headers = {"x-api-key": os.environ["KEY"], "content-type": "application/json"}
body = json.dumps({"model": "claude-sonnet-5", "max_tokens": 9,
                   "messages": [{"role": "user", "content": "hi"}]}).encode()
for proxies in ({}, {"http": os.environ["HTTP_PROXY"]}):  # some programs send all through it
    os.environ["no_proxy"] = ""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    request = urllib.request.Request(base + "/v1/messages", data=body, headers=headers)
    print(opener.open(request).status)
"""


def test_the_meter_is_reached_and_nothing_else(place: Path) -> None:
    with ModelServer([Answer((Say("one"),)), Answer((Say("two"),))]) as server:
        upstream = Upstream(name="anthropic", url=server.url, header="x-api-key", key="sk-a-key")
        it = meter.start([upstream], usd=None, seconds=120, log=None)
        runtime, said = confined(Egress(hosts=(), meter=it.port))
        base = it.base("anthropic")
        ended = run_python(runtime, place, METERED, BASE=base, KEY=it.key)
        account = it.close()
    if ended is not None:
        assert ended.stdout == b"200\n200\n", ended.stderr
        assert account.output_tokens > 0
        assert said == []


def test_verify_commands_are_confined_too(place: Path, world: Outside) -> None:
    assignment = Assignment(
        checkout=place / "checkout",
        brief=place / "brief.md",
        scratch=place / "scratch",
        model=None,
        command=None,
        seconds=60,
        turns=None,
        max_usd=None,
    )
    runtime, _ = confined(world.egress())
    commands = (f"! echo hi > /dev/tcp/127.0.0.1/{world.ports['host']}", 'test -n "$https_proxy"')
    if not may_be_confined():
        with pytest.raises(AgentError, match=REFUSED):
            verify.run(commands, assignment, seconds=60, runtime=runtime)
        return
    verified, failure = verify.run(commands, assignment, seconds=60, runtime=runtime)
    assert (failure, [each.passed for each in verified]) == ("", [True, True])
    assert world.host.seen == []


def test_nothing_is_left_of_it(
    place: Path, world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))

    def here() -> tuple[int, int, list[Path]]:
        files = list(Path("/proc/self/fd").iterdir())
        return len(files), threading.active_count(), list((place / "tmp").iterdir())

    before = here()
    runtime, _ = confined(world.egress())
    left = "env -i setsid sh -c 'echo $$ > pid; exec sleep 1000' & while ! test -s pid; do :; done"
    if play(runtime, place, "sh", "-c", left) is not None:
        assert not alive(int((place / "checkout" / "pid").read_text()))
        assert here() == before
        with pytest.raises(AgentError, match="the network of this agent has ended"):
            runtime.call(["true"], {})


WITHOUT = """
import sys
from pathlib import Path
from ao_actions.agents.confined import Confined
from ao_actions.agents.egress import Egress
from ao_actions.errors import AgentError
place = Path(sys.argv[1])
try:
    with Confined(name=sys.argv[2], egress=Egress(hosts=()), say=print).lend(place):
        print("lent")
except AgentError as error:
    print(error)
"""


def test_a_machine_that_lets_nobody_make_namespaces(place: Path) -> None:
    less = ["--bounding-set=-sys_admin"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [
            *("setpriv", "--no-new-privs", *less, sys.executable, "-c", WITHOUT),
            *(str(place / "checkout"), WORKER),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"{REFUSED}: ")
    assert "without `egress` an agent has the whole network" in done.stdout
    assert (place / "checkout").stat().st_uid == os.geteuid()


def test_a_temporary_folder_far_below(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / ("t" * 100)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place / ("t" * 100)))
    runtime, _ = confined(Egress(hosts=()))
    with (
        pytest.raises(AgentError, match=f"{REFUSED}: .*/namespace: AF_UNIX path too long"),
        runtime.lend(place / "checkout"),
    ):
        pass
