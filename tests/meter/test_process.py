"""The meter's process: what it can see, who can see into it, when it ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import ao_actions
from ao_actions import meter
from ao_actions.errors import AoError, ToolMissingError
from ao_actions.meter import Account, Meter, Upstream, control
from tests.agents.processes import alive
from tests.meter.conftest import KEY, Client, Started
from tests.meter.provider import EVENTS, Provider, Reply
from tests.meter.samples import CLAUDE_END, CLAUDE_START

GOOD = {"name": "anthropic", "url": "https://api.example.com", "header": "x-api-key", "key": KEY}

# A step of a workflow: it starts a meter and ends. What it leaves alone becomes its child first
# (PR_SET_CHILD_SUBREAPER), so that it can tell the meter's process id.
STEP = """
import ctypes, json, sys
from pathlib import Path
from ao_actions import meter
ctypes.CDLL(None).prctl(36, 1)
wish = json.load(sys.stdin)
upstream = meter.Upstream(**wish.pop("upstream"))
it = meter.start([upstream], usd=None, log=None, **wish)
[child] = Path("/proc/thread-self/children").read_text().split()
print(json.dumps([it.url, int(child)]))
"""

# Another process of the same user.
LOOK = """
import json, os, sys
found = {}
for name in ("environ", "mem", "maps", "fd/0", "cwd"):
    path = f"/proc/{sys.argv[1]}/{name}"
    try:
        os.readlink(path) if name in ("fd/0", "cwd") else os.close(os.open(path, os.O_RDONLY))
        found[name] = "readable"
    except OSError as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""


@dataclass
class Left:
    """A meter that a step left running."""

    meter: Meter
    process: int

    def has_ended(self) -> bool:
        return not alive(self.process)


def step(directory: Path, before: Callable[[], None] | None = None, **wish: Any) -> Left:
    done = subprocess.run(
        [sys.executable, "-I", "-c", STEP],
        input=json.dumps({"upstream": GOOD, "seconds": 60, **wish}),
        capture_output=True,
        text=True,
        cwd=directory,
        preexec_fn=before,
        timeout=60,
        check=True,
    )
    url, process = json.loads(done.stdout)
    return Left(Meter.parse(url), process)


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def without_privileges() -> None:
    """Root's next program has no more rights than any user's (PR_CAPBSET_DROP)."""
    for capability in range(64):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


# ---- secrets -------------------------------------------------------------------------------


def test_another_process_of_the_user_cannot_look_into_it(tmp_path: Path) -> None:
    def look(process: int) -> Any:
        done = subprocess.run(
            [sys.executable, "-I", "-c", LOOK, str(process)],
            capture_output=True,
            preexec_fn=without_privileges,
            timeout=30,
            check=True,
        )
        return json.loads(done.stdout)

    left = step(tmp_path, without_privileges)
    ours = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        preexec_fn=without_privileges,  # noqa: PLW1509  no thread of ours holds a lock
    )
    try:
        assert set(look(ours.pid).values()) == {"readable"}  # as it is where nobody hides
        assert set(look(left.process).values()) == {"PermissionError"}
        command = Path(f"/proc/{left.process}/cmdline").read_bytes().decode().split("\0")
        assert command == [sys.executable, "-I", "-m", "ao_actions.meter", ""]
    finally:
        ours.communicate(b"\n")
        left.meter.close()


def test_it_gets_little_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = {"PATH": "/bin", "https_proxy": "http://p", "SSL_CERT_FILE": "/c"}
    passed["RUNNER_TRACKING_ID"] = "github_1"
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in {**passed, "GITHUB_TOKEN": "t", "ANTHROPIC_API_KEY": "k"}.items():
        monkeypatch.setenv(name, value)
    assert control._environment() == passed


def test_it_imports_nothing_from_where_it_is_started(tmp_path: Path) -> None:
    for name in ("uvicorn", "httpx", "yaml", "sitecustomize", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'caught')!r}, 'w')")
    left = step(tmp_path)
    assert left.meter.close() == Account()
    assert not (tmp_path / "caught").exists()


def test_keys_are_not_shown() -> None:
    upstream = Upstream(**GOOD)
    assert KEY not in repr(upstream)
    settings = meter.settings.Settings(
        upstreams=(upstream,), dummy="dummy-key", usd=1, seconds=1, log=None
    )
    assert KEY not in repr(settings)
    assert "dummy-key" not in repr(settings)


# ---- its end -------------------------------------------------------------------------------


def test_it_outlives_the_step_that_started_it_and_ends_when_it_is_closed(tmp_path: Path) -> None:
    left = step(tmp_path)
    assert left.meter.account() == Account()
    assert left.meter.close() == Account()
    assert eventually(left.has_ended)
    with pytest.raises(AoError, match=r"does not answer .ConnectionRefusedError.: it has ended"):
        left.meter.account()
    with pytest.raises(AoError, match="what it counted is lost"):
        left.meter.close()


def test_it_ends_by_itself(tmp_path: Path) -> None:
    assert eventually(step(tmp_path, seconds=1).has_ended)


def test_it_ends_on_sigterm(tmp_path: Path) -> None:
    left = step(tmp_path)
    os.kill(left.process, signal.SIGTERM)
    assert eventually(left.has_ended)


def test_what_is_under_way_when_it_is_closed_gets_a_moment(start: Started) -> None:
    go_on = threading.Event()
    reply = Reply([CLAUDE_START, go_on, CLAUDE_END], headers=[EVENTS])
    with Provider(lambda asked: reply) as provider, Client(start(provider)) as client:
        url = client.meter.base("anthropic") + "/v1/messages"
        with client.stream("POST", url, content=b"{}") as answer:
            pieces = answer.iter_raw()
            next(pieces)
            threading.Timer(0.3, go_on.set).start()
            account = client.meter.close()
            assert b"".join(pieces) == CLAUDE_END
    assert account.output_tokens == 100


def test_what_never_ends_does_not_keep_it(tmp_path: Path) -> None:
    never = threading.Event()
    reply = Reply([CLAUDE_START, never], headers=[EVENTS])
    with Provider(lambda asked: reply) as provider:
        left = step(tmp_path, upstream={**GOOD, "url": provider.url})
        with Client(left.meter) as client:
            url = client.meter.base("anthropic") + "/v1/messages"
            with client.stream("POST", url, content=b"{}") as answer:
                pieces = answer.iter_raw()
                next(pieces)
                assert left.meter.close().input_tokens == 2700
                assert eventually(left.has_ended)
                with pytest.raises(httpx.RemoteProtocolError):
                    next(pieces)


# ---- what cannot be started ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Open AI"}, "'Open AI' is no provider's name"),
        ({"name": "_meter"}, "'_meter' is no provider's name"),
        ({"url": "api.example.com"}, "must be https://HOST"),
        ({"url": "ftp://api.example.com"}, "must be https://HOST"),
        ({"url": "https://u:p@api.example.com"}, "must be https://HOST"),
        ({"url": "https://api.example.com?x=y"}, "no query"),
        ({"header": "cookie"}, "must be x-api-key, x-goog-api-key, authorization"),
        ({"key": ""}, "the key is empty or short"),
        ({"key": "k" * 7}, "short"),
        ({"key": f"{KEY}\n"}, "spaces in it"),
    ],
)
def test_a_wrong_provider_is_said_to_be_wrong(changes: dict[str, str], says: str) -> None:
    with pytest.raises(AoError, match="meter: ") as error:
        Upstream(**{**GOOD, **changes})
    assert says in str(error.value)
    assert KEY not in str(error.value)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(AoError, match=r"did not start: FileNotFoundError: .*no/meter.log"):
        meter.start([Upstream(**GOOD)], usd=1, seconds=5, log=tmp_path / "no" / "meter.log")


def test_without_its_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path, symlinks=True)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(tmp_path)})
    source = Path(ao_actions.__file__).parent.parent
    Path(packages, "ao.pth").write_text(f"{source}\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(ToolMissingError, match=r"'uvicorn'.*pip install 'ao-actions.meter.'"):
        meter.start([Upstream(**GOOD)], usd=1, seconds=5, log=None)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:80", "http://k@127.0.0.1:80", "https://x"])
def test_a_url_of_no_meter(url: str) -> None:
    with pytest.raises(AoError, match="not the address of a meter"):
        Meter.parse(url)


def test_an_address_and_its_parts() -> None:
    key = "ao-meter-0123456789abcdefghij_-xyz"
    it = Meter.parse(f"http://{key}@127.0.0.1:4711")
    assert (it.key, it.base("openai")) == (key, "http://127.0.0.1:4711/openai")
