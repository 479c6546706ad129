"""Which hosts an agent may reach: names, patterns of names, and addresses.

A host is known by its name only, in one form: lower case, ASCII, without a final dot. What reads
as an address (127.0.0.1, 2130706433, 0x7f.1, [::1]) is no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

ANY = "*."  # before a name: whatever is below it

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+")
# The last label of a name begins with a letter; "1", "0x7f" and "08" end addresses.
_NUMBER = re.compile(r"[0-9][0-9a-z]*")
# Azure's machines, hosted runners among them, are given their settings and keys by this one.
_PLATFORM = IPv4Address("168.63.129.16")
_UNICAST = IPv6Network("2000::/3")  # all that the internet uses of IPv6


def host(name: str) -> str:
    """A host's name in the one form that names are compared in.

    :raises ValueError: it is no name of a host
    """
    plain = name.lower().removesuffix(".")
    last = plain.rpartition(".")[2]
    if len(plain) > 253 or not _NAME.fullmatch(plain) or _NUMBER.fullmatch(last):
        raise ValueError(f"{name!r} is no name of a host")
    return plain


def pattern(text: str) -> str:
    """A name, or `*.` and a name. Other scripts are written as DNS does (`xn--...`).

    :raises ValueError: it is neither
    """
    star, name = (ANY, text[len(ANY) :]) if text.startswith(ANY) else ("", text)
    if not name.isascii():
        name = name[:253].encode("idna").decode("ascii")  # UnicodeError is a ValueError
    return star + host(name)


def allows(patterns: Iterable[str], name: str) -> bool:
    """Whether a host, in the one form, is in the list. `*.example.org` is not `example.org`."""
    return any(
        name.endswith(known.removeprefix("*")) if known.startswith(ANY) else name == known
        for known in patterns
    )


def public(address: str) -> bool:
    """Whether an address is out in the internet: not this machine, its network, or its platform.

    A name in the list may point anywhere, also at what only this machine can reach.
    """
    it = ip_address(address.partition("%")[0])
    if isinstance(it, IPv6Address) and (it not in _UNICAST or it.sixtofour is not None):
        return False  # the others stand for IPv4 addresses, or for what is near
    return it.is_global and not it.is_multicast and it != _PLATFORM
