"""Starting a meter, asking it, ending it. Standard library only: a job's steps are short."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ao_actions.core import codec
from ao_actions.errors import AoError, ToolMissingError
from ao_actions.meter.account import Account
from ao_actions.meter.settings import Settings, Upstream

_URL = re.compile(r"http://([A-Za-z0-9_-]{20,})@127\.0\.0\.1:(\d{1,5})")
# All of our environment that the process gets. GitHub's runner ends left-over processes by the
# last one; the others are how this machine reaches the providers.
_PASSED = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUNNER_TRACKING_ID")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_START = 60  # seconds; two cores may be busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A running meter. `url` is all that is needed to reach it: http://KEY@127.0.0.1:PORT."""

    url: str

    @classmethod
    def parse(cls, url: str) -> Meter:
        """
        :raises AoError: this is not the address of a meter
        """
        if not _URL.fullmatch(url):
            raise AoError("this is not the address of a meter: http://KEY@127.0.0.1:PORT")
        return cls(url=url)

    @property
    def key(self) -> str:
        """The key that the agent gets instead of a real one. It opens this meter only."""
        return self.url.removeprefix("http://").partition("@")[0]

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._address.rpartition(":")[2])

    def base(self, name: str) -> str:
        """The base address of a provider, for the agent."""
        return f"http://{self._address}/{name}"

    def account(self) -> Account:
        """
        :raises AoError: the meter does not answer
        """
        return self._ask("GET", "/_meter/account")

    def close(self) -> Account:
        """Ends the meter and gives its last account.

        :raises AoError: the meter does not answer
        """
        return self._ask("POST", "/_meter/close")

    @property
    def _address(self) -> str:
        return self.url.partition("@")[2]

    def _ask(self, method: str, path: str) -> Account:
        host, _, port = self._address.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request(method, path, headers={"x-api-key": self.key})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise AoError(f"the meter on {self._address} answered {answer.status}")
            return codec.decode(Account, json.loads(body))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AoError(
                f"the meter on {self._address} does not answer ({type(error).__name__}): "
                "it has ended, or was ended, and what it counted is lost"
            ) from None
        finally:
            connection.close()


def start(
    upstreams: Iterable[Upstream], *, usd: float | None, seconds: int, log: Path | None
) -> Meter:
    """Starts a meter as a process of its own and waits until it listens.

    :param usd: the budget; None for none
    :param seconds: after this time it ends by itself
    :param log: a file for one line per request
    :raises ToolMissingError: the extra `meter` is not installed
    :raises AoError: it did not start; the message says why
    """
    settings = Settings(
        upstreams=tuple(upstreams),
        dummy=f"ao-meter-{secrets.token_urlsafe(24)}",
        usd=usd,
        seconds=seconds,
        log=str(log.absolute()) if log else None,
    )
    port = _report(json.dumps(codec.encode(settings)).encode())
    return Meter(url=f"http://{settings.dummy}@127.0.0.1:{port}")


def _report(settings: bytes) -> int:
    """Starts the process; the port that it reports before it leaves us."""
    # `-I`: nothing in the working directory, which may be an agent's work, is imported.
    command = [sys.executable, "-I", "-m", "ao_actions.meter"]
    try:
        done = subprocess.run(
            command,
            input=settings,
            capture_output=True,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            timeout=_START,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AoError(f"the meter did not start within {_START} seconds") from None
    if done.returncode == 0:
        return int(json.loads(done.stdout)["port"])
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    if "ModuleNotFoundError" in said[-1]:
        raise ToolMissingError(
            f"the meter is not installed ({said[-1]}): pip install 'ao-actions[meter]'"
        )
    raise AoError(f"the meter did not start: {said[-1][:300]}")


def _environment() -> dict[str, str]:
    names = (*_PASSED, *_PROXIES, *(name.lower() for name in _PROXIES))
    return {name: os.environ[name] for name in names if name in os.environ}
