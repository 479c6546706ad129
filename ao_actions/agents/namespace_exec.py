"""Starts a program in a folder, with the sockets forbidden that no network namespace holds back.

Those to the machine's hypervisor (vsock) are the same in all namespaces. Run by its path, as root,
with nothing but the standard library:

    python -I -S namespace_exec.py FOLDER PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# By machine: its AUDIT_ARCH (linux/audit.h) and the number of socket(2).
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}

_AF_VSOCK = 40
_IO_URING_SETUP = 425  # on every machine; it makes sockets without socket(2)
_X32 = 0x40000000  # numbers from here on are a second table of x86_64
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _FIRST = 0, 4, 16  # offsets in struct seccomp_data


def main() -> None:
    folder, *argv = sys.argv[1:]
    _forbid()
    os.chdir(folder)
    os.execvp(argv[0], argv)  # noqa: S606


def _forbid() -> None:
    """Its children inherit it, and nobody can take it back."""
    arch, call = MACHINES[platform.machine()]
    # (operation, steps to skip if true, if false, value); the last three are where they lead
    program = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 0, 7, arch),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 2, call),
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 2, 0, _AF_VSOCK),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    kept = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HP", len(program), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, fprog, 0, 0) != 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
