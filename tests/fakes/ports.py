"""Ports for servers that are started as processes: chosen before them, and nobody else's until they listen.

A port that the kernel chose and that is given back may be chosen again before the server listens on it: for
another server, or for a client, which gets its own from the same range. So these lie below that range, and are
handed out in turn to every test that runs on this machine.
"""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST_PORT = 10_240
STEP = 2  # central serves rooms on the port after its pages', unless its settings name another
LAST_PORT = 32_000  # the kernel hands out those from 32768 on (ip(7), ip_local_port_range)
_TURN = Path(tempfile.gettempdir()) / f"hallpass-test-ports-{os.getuid()}"


def free_port() -> int:
    """Return a port that nobody holds on 127.0.0.1, on UDP and TCP alike; nor the one after it."""
    with _TURN.open("a+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        turn.seek(0)
        port = int(turn.read() or FIRST_PORT)
        while not (_is_free(port) and _is_free(port + 1)):
            port = _next_port(port)
        turn.truncate(0)
        turn.write(str(_next_port(port)))
        return port


def _next_port(port: int) -> int:
    return port + STEP if port < LAST_PORT else FIRST_PORT


def _is_free(port: int) -> bool:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        try:
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
