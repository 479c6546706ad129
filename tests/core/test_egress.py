"""Names of hosts, patterns of them, and which addresses are out in the internet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core.egress import allows, host, pattern, public

PATTERNS = ("example.com", "*.example.org")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("a_b.x-y.example", "a_b.x-y.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        (".".join(["a" * 63] * 3 + ["example"]), ".".join(["a" * 63] * 3 + ["example"])),
    ],
)
def test_a_name_has_one_form(name: str, known: str) -> None:
    assert host(name) == known


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "localhost",
        "example.com..",
        ".example.com",
        "a..example",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        ".".join(["a" * 63] * 4),
        "me@example.com",
        "example.com:443",
        "example.com/x",
        "example.com\n",
        "exa mple.com",
        "ex%61mple.com",
        "b\u00fccher.example",
        "example\u3002com",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "a.08",
        "[::1]",
        "::1",
        "*.example.com",
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a host"):
        host(name)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Example.COM.", "example.com"),
        ("*.Example.org", "*.example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("*.b\u00fccher.example", "*.xn--bcher-kva.example"),
    ],
)
def test_a_pattern(text: str, known: str) -> None:
    assert pattern(text) == known


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*.", "*.com", "com", "a.*.example", "*a.example", "**.a.example"),
        *("10.0.0.0/8", "https://example.com", "\u00fc..example", "\u00fc" * 300 + ".example"),
    ],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r"no name|label|idna"):
        pattern(text)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("example.com", True),
        ("a.example.com", False),
        ("example.com.evil.example", False),
        ("notexample.com", False),
        ("a.example.org", True),
        ("a.b.example.org", True),
        ("example.org", False),
        ("notexample.org", False),
        ("a.example.org.evil.example", False),
    ],
)
def test_the_list(name: str, *, allowed: bool) -> None:
    assert allows(PATTERNS, name) is allowed
    assert not allows((), name)


@pytest.mark.parametrize(
    ("address", "out"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.100.100.200", False),
        ("127.0.0.1", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:8.8.8.8", False),
        ("::127.0.0.1", False),
        ("2001:0:102:304::1", False),
        ("2002:7f00:1::1", False),
        ("64:ff9b::a00:1", False),
        ("fd00:ec2::254", False),
        ("fe80::1%eth0", False),
        ("ff0e::1", False),
    ],
)
def test_addresses(address: str, *, out: bool) -> None:
    assert public(address) is out


@given(st.text())
def test_any_text_is_a_name_in_one_form_or_none(text: str) -> None:
    try:
        name = host(text)
    except ValueError:
        return
    assert host(name) == pattern(name) == name
    assert allows((name,), name)
    assert allows((pattern(f"*.{name}"),), f"www.{name}")


@given(st.ip_addresses(v=4))
def test_no_address_is_a_name(address: ipaddress.IPv4Address) -> None:
    for text in (str(address), str(int(address)), hex(int(address)), f"{address}."):
        with pytest.raises(ValueError, match="no name"):
            host(text)
