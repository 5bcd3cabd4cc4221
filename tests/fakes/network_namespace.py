"""A network of a process's own, where a test may give addresses to interfaces: nothing of it is seen outside.

Linux only, as the product; whoever may not make one as root makes it in a user namespace.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable

from tests.fakes.child_story import run_in_child

LOOPBACK = "lo"

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFADDR, _SIOCSIFFLAGS = 0x8916, 0x8914
_IFF_UP = 0x1


def run_in_network_namespace(story: Callable[[], None]) -> str:
    """Run a story in a child process with a network of its own; return its traceback, "" where all is well."""

    def in_network_namespace() -> None:
        _enter()
        story()

    return run_in_child(in_network_namespace)


def add_link_local_address(address: str, interface: str = LOOPBACK) -> None:
    """Give an interface of this namespace an IPv6 address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        request = struct.pack(
            "=16sIi", socket.inet_pton(socket.AF_INET6, address), 64, socket.if_nametoindex(interface)
        )
        fcntl.ioctl(sock, _SIOCSIFADDR, request)


def add_address(address: str, alias: str = f"{LOOPBACK}:1") -> None:
    """Give the loopback of this namespace another IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sHH4s8x", alias.encode(), socket.AF_INET, 0, socket.inet_aton(address))
        fcntl.ioctl(sock, _SIOCSIFADDR, request)


def _enter() -> None:
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        raise OSError(ctypes.get_errno(), "no network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH", LOOPBACK.encode(), _IFF_UP))
