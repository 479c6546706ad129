"""How a request to the proxy is read: into one that goes on, or a refusal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents.egress import Egress, Refused, Request, parsed

LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["Host: evil.example", "Content-Length: 5", "Connection: keep-alive", "X:"]
        ),
        st.text(max_size=20),
    ),
    max_size=4,
)
TARGETS = st.one_of(
    st.sampled_from(
        ["http://a.example/x", "http://A.example:80", "a.example:443", "http://[::1]/"]
    ),
    st.text(max_size=30),
)


@pytest.mark.parametrize(
    ("head", "request_read"),
    [
        ("CONNECT A.example:443 HTTP/1.1\r\nHost: b\r\n\r\n", Request("a.example", 443)),
        (
            "GET http://a.example HTTP/1.0\r\n\r\n",
            Request(
                "a.example", 80, b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
            ),
        ),
        (
            "POST http://127.0.0.1:99/v1?a=b HTTP/1.1\r\nHost: x\r\nA: b\r\n"
            "Content-Length: 3\r\n\r\n",
            Request(
                "127.0.0.1",
                99,
                b"POST /v1?a=b HTTP/1.1\r\nHost: 127.0.0.1:99\r\nA: b\r\nContent-Length: 3\r\n"
                b"Connection: close\r\n\r\n",
                3,
            ),
        ),
    ],
)
def test_what_goes_on(head: str, request_read: Request) -> None:
    assert parsed(head.encode()) == request_read


@given(st.sampled_from(["GET", "CONNECT", "POST"]), TARGETS, LINES)
def test_any_text_is_one_request_or_none(method: str, target: str, lines: list[str]) -> None:
    raw = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""])
    try:
        request = parsed(raw.encode())
    except Refused:
        return
    if request.head:
        head = request.head.decode("latin-1")
        assert head.count("\r\n\r\n") == 1
        assert not re.search(r"[\r\n\0]", head.replace("\r\n", ""))
        fields = [line.partition(":")[0].lower() for line in head.split("\r\n")[1:-2]]
        assert fields.count("host") == fields.count("connection") == 1
        assert fields.count("content-length") <= 1
        assert not {"transfer-encoding", "upgrade"} & set(fields)


@given(st.text(max_size=40), st.integers(0, 70_000), st.sampled_from([b"", b"GET"]))
def test_nothing_is_looked_up_that_is_not_allowed(host: str, port: int, head: bytes) -> None:
    asked: list[str] = []

    def resolve(name: str, port: int) -> list[tuple[str, int]]:
        asked.append(name)
        return []

    egress = Egress(hosts=("a.example",), resolve=resolve)
    with pytest.raises(Refused):
        egress.addresses(Request(host, port, head))
    assert set(asked) <= {"a.example"}
