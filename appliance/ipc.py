"""One line of JSON there and one back over a Unix socket: how a room's processes ask each other.

Who answers (`appliance.ipc_server`) has an event loop; whoever asks needs none, and does not import it.
"""

import socket
from pathlib import Path


def send_and_receive_line(path: Path, line: bytes, *, timeout_seconds: float, max_bytes: int) -> bytes:
    """Send a line (without its end) and return the line that comes back, or what came of it. Raises OSError.

    `timeout_seconds`: for each step of the way. `max_bytes`: no more than that is taken of the answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(path))
        connection.sendall(line + b"\n")
        with connection.makefile("rb") as lines:
            return lines.readline(max_bytes)
