"""Tells systemd how this process is (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET names.

Without that variable nobody listens, and nothing happens. A watchdog (WATCHDOG_USEC) is fed only by who can
honestly say that the work goes on: from the loop that does it.
"""

import contextlib
import os
import socket

_KEEPALIVES_PER_TIMEOUT = 3  # one lost in a busy moment must not count


def sd_notify(*lines: str) -> None:
    """Send some assignments, such as ``READY=1``. Never raises: who listens may be gone."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # of the abstract namespace
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(1.0)
        sender.sendto("\n".join(lines).encode(), address)


def keepalive_seconds() -> float | None:
    """Return how often the watchdog wants to hear from this process, or None: it has none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        seconds = int(os.environ["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return None
    return seconds / _KEEPALIVES_PER_TIMEOUT if seconds > 0 else None


async def send_keepalives() -> None:
    """Feed the watchdog for as long as this loop turns."""
    from dns.coalesced_timers import sleep_coalesced  # noqa: PLC0415 (an event loop's, for who has one)

    every = keepalive_seconds()
    while every is not None:
        sd_notify("WATCHDOG=1")
        await sleep_coalesced(every)
