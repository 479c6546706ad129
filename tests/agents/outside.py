"""What an agent may or may not reach from its network: servers that write down what they get."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ao_actions.agents.egress import LOOPBACK, Address, Egress
from ao_actions.core import egress
from tests.agents.test_runtimes import may_be_another_user

# Users that every Linux has and that run nothing: two attempts under one would end each other.
TRICKSTER, WORKER = "lp", "mail"
ALLOWED = ("allowed.example", "*.wild.example")
NEAR = "127.0.0.2"  # stands for an address that is not out in the internet
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class Recorder:
    """Answers every connection with the same words. `seen`: what came on each."""

    _last_words = uuid.uuid4().bytes

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.seen: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                first = connection.recv(65536)
                if first == self._last_words:
                    return
                self.seen.append(first)
                connection.sendall(ANSWER)
                connection.shutdown(socket.SHUT_WR)
                while more := connection.recv(65536):
                    self.seen[-1] += more

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        with socket.socket(self._listener.family) as last:
            last.connect(self._listener.getsockname())
            last.sendall(self._last_words)
        self._thread.join()
        self._listener.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """`host` is where the allowed names are, `evil` where all others are, `near` what is only for
    this machine; `abstract` and `datagrams` listen on what is no TCP."""

    host: Recorder
    evil: Recorder
    near: Recorder
    abstract: Recorder
    datagrams: socket.socket
    ports: dict[str, int]
    name: str

    def everything(self) -> bytes:
        servers = (self.host, self.evil, self.near, self.abstract)
        return b"".join(b"".join(server.seen) for server in servers)

    def egress(self, *, meter: int | None = None) -> Egress:
        """As the product's, with names that need no name server. The rule on addresses is the
        product's, but that 127.0.0.1 stands for an address out in the internet."""

        def resolve(name: str, port: int) -> list[Address]:
            host, near = (LOOPBACK, self.ports["host"]), (NEAR, self.ports["near"])
            known = {
                "allowed.example": [host],
                "rebound.wild.example": [near],
                "mixed.wild.example": [near, host],
                "metadata.wild.example": [("169.254.169.254", 80), ("fd00:ec2::254", 80)],
                "dead.wild.example": [(LOOPBACK, 1)],
            }
            if name == "nowhere.wild.example":
                raise OSError("no address")
            return known.get(name, [(LOOPBACK, self.ports["evil"])])

        return Egress(
            hosts=ALLOWED,
            meter=meter,
            resolve=resolve,
            public=lambda address: address == LOOPBACK or egress.public(address),
        )


@contextmanager
def outside() -> Iterator[Outside]:
    with ExitStack() as stack:

        def recorder(family: socket.AddressFamily, address: Address | str) -> Recorder:
            listener = socket.socket(family)
            listener.bind(address)
            listener.listen(16)
            it = Recorder(listener)
            stack.callback(it.close)
            return it

        name = f"\0ao-test-{uuid.uuid4().hex}"
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((LOOPBACK, 0))
        datagrams.settimeout(0)
        host, evil = (recorder(socket.AF_INET, (LOOPBACK, 0)) for _ in range(2))
        near = recorder(socket.AF_INET, (NEAR, 0))
        abstract = recorder(socket.AF_UNIX, name)
        yield Outside(
            host=host,
            evil=evil,
            near=near,
            abstract=abstract,
            datagrams=datagrams,
            ports={
                "host": host.port,
                "evil": evil.port,
                "near": near.port,
                "datagrams": datagrams.getsockname()[1],
            },
            name=name[1:],
        )


def may_be_confined() -> bool:
    """Whether this machine lets us make namespaces."""
    if not may_be_another_user() or shutil.which("unshare") is None:
        return False
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    argv = [*root, "unshare", "--net", "--mount", "true"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def python() -> str:
    """One that other users may run, which the tests' own may not be."""
    return shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3"
