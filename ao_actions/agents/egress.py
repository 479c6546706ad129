"""What an agent may reach by the proxy of its network, and how it asks: `gate` serves it.

The proxy takes `CONNECT name:443`, and one plain request to port 80 per connection. It knows hosts
by name, looks the name up itself, and gives the very addresses that it has judged.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ao_actions.agents.base import sentence
from ao_actions.core import egress

LOOPBACK = "127.0.0.1"
MALFORMED = "a request that cannot be read"
Address = tuple[str, int]

_REQUEST = re.compile(r"([A-Z]{1,20}) (\S{1,8000}) HTTP/1\.[01]")
_AUTHORITY = re.compile(r"([^\s:/?#\[\]@\\]{1,300}|\[[0-9a-fA-F:.]{1,50}\]):([0-9]{1,5})")
_PLAIN = re.compile(r"http://([^\s/?#@\\]+)(/[!-~]*)?", re.IGNORECASE)
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")
# What concerns this connection and not the next one (RFC 9110 7.6.1). Host is ours to say.
_OF_THIS_HOP = {
    *("connection", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "upgrade"),
}


def resolved(name: str, port: int) -> list[Address]:
    """The addresses of a host.

    :raises OSError: it has none
    """
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that goes nowhere. `target`: what a maintainer may want to allow."""

    def __init__(self, status: int, why: str, target: str = MALFORMED) -> None:
        super().__init__(why)
        self.status = status
        self.target = target


class Request(NamedTuple):
    """`head` goes on to the host, empty for a tunnel; `body` bytes follow it."""

    host: str
    port: int
    head: bytes = b""
    body: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What may be reached: hosts by patterns (`core.egress.pattern`) at addresses that are out in
    the internet, and the meter's port on our loopback."""

    hosts: tuple[str, ...]
    meter: int | None = None
    resolve: Callable[[str, int], list[Address]] = resolved
    public: Callable[[str], bool] = egress.public

    def addresses(self, request: Request) -> list[Address]:
        """Where to connect to. It blocks while a name is looked up.

        :raises Refused: nowhere
        """
        host, port = request.host, request.port
        if port == self.meter and host in (LOOPBACK, "localhost"):
            return [(LOOPBACK, port)]  # some programs send even this through a proxy
        target = sentence(f"{host}:{port}", limit=120)
        try:
            name = egress.host(host)
        except ValueError:
            raise Refused(403, f"{target} is no name of a host", target) from None
        if not egress.allows(self.hosts, name):
            raise Refused(403, f"{target} is not in `runtime.egress` of .github/ao.yml", target)
        if port != (80 if request.head else 443):
            raise Refused(403, f"{target}: 443 is the port of TLS, 80 of what is plain", target)
        try:
            found = self.resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise Refused(502, f"{target} was not found: {error}", target) from None
        out = [address for address in found if self.public(address[0])]
        if not out:
            raise Refused(403, f"{target} has no address out in the internet", target)
        return out


def parsed(head: bytes) -> Request:
    """A request by its first lines, up to the empty one.

    :raises Refused: it is not what this proxy takes
    """
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if not (request := _REQUEST.fullmatch(first)):
        raise Refused(400, "this is no request of HTTP/1.1")
    method, target = request.groups()
    fields = [(name.lower(), line) for line in lines for name in [_name(line)]]
    if method == "CONNECT":
        return Request(*_authority(target))
    if not (plain := _PLAIN.fullmatch(target)):
        raise Refused(400, "`CONNECT name:443` or `http://name/...` is wanted")
    authority, path = plain.groups()
    host, port = _authority(authority if re.search(r":\d*$", authority) else f"{authority}:80")
    kept = [line for name, line in fields if name not in _OF_THIS_HOP]
    place = host if port == 80 else f"{host}:{port}"
    # One request per connection: what follows could be for another host.
    head_lines = [f"{method} {path or '/'} HTTP/1.1", f"Host: {place}", *kept, "Connection: close"]
    return Request(host, port, "\r\n".join([*head_lines, "", ""]).encode("latin-1"), _body(fields))


def _name(line: str) -> str:
    field = _FIELD.fullmatch(line)
    if field is None:
        raise Refused(400, "a header line cannot be read")
    return field[1]


def _authority(text: str) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise Refused(400, "a name and a port are wanted")
    return found[1].lower(), int(found[2])


def _body(fields: list[tuple[str, str]]) -> int:
    """How many bytes a request's body has: said once, in advance, or none."""
    if any(name == "transfer-encoding" for name, _ in fields):
        raise Refused(400, "a body needs its content-length")
    said = [line.partition(":")[2].strip() for name, line in fields if name == "content-length"]
    if len(said) > 1 or not all(re.fullmatch(r"[0-9]{1,12}", length) for length in said):
        raise Refused(400, "one content-length is wanted")
    return int(said[0]) if said else 0
