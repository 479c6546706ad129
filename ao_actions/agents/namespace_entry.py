"""What root does inside a new network and mount namespace, before the agent is there.

Run by its path, with nothing but the standard library: `namespace` starts it, and gets the
namespaces and the sockets that listen in them through a socket of its own. A socket belongs to
the namespace in which it was made, wherever it is used.

    python -I -S namespace_entry.py SOCKET PORT...
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def main() -> None:
    path, *ports = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(path)
        _hide_services()
        _loopback_up()
        listeners = [_listen(int(port)) for port in ports]
        spaces = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")]
        handed = [*spaces, *(listener.fileno() for listener in listeners)]
        socket.send_fds(channel, [b"."], handed)


def _hide_services() -> None:
    """Services listen on sockets in /run, which a network namespace does not part us from:
    systemd-resolved, D-Bus, snapd or Docker would do what the network no longer does."""
    for folder in ("/run", "/var/run"):
        if os.path.isdir(folder) and not os.path.islink(folder):  # noqa: PTH112, PTH114
            options = ("-t", "tmpfs", "-o", "ro,mode=755,size=4k")
            subprocess.run(["mount", *options, "none", folder], check=True)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH22x", b"lo", 0)
        said = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked)
        flags = struct.unpack("16sH22x", said)[1] | _IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


if __name__ == "__main__":
    main()
