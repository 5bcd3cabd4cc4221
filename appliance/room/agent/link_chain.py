"""The chain by which central tells this room from a copy of its data (`appliance.central.room_copies`).

A link is a random word that the room makes for each time it opens its feed. The next one is on the disk before
central hears of it, and counts as taken once central has answered; one whose answer was lost is offered again.
What cannot be kept is offered all the same: the feed does not wait for a disk.
"""

import logging
import re
import secrets
import sqlite3
import threading
from pathlib import Path

from appliance.room.agent.store import AgentStore

_SERIAL_FILE = Path("/sys/firmware/devicetree/base/serial-number")  # of a Pi; a word and a NUL
_WORD = re.compile(r"[0-9A-Za-z._-]{1,64}")

log = logging.getLogger("hallpass.agent")


class LinkChain:
    """One room's chain, in one run of its agent."""

    def __init__(self, store: AgentStore, board: str = "") -> None:
        """`board` is the serial number of the board; "" where it has none."""
        self._store = store
        self._lock = threading.Lock()
        self._taken, self._offered = store.links()
        self._fixed = {"Hallpass-Process": secrets.token_hex(16)}
        if _WORD.fullmatch(board):
            self._fixed["Hallpass-Board"] = board

    def headers(self) -> dict[str, str]:
        """Return what goes with each call."""
        with self._lock:
            links = {"Hallpass-Last-Link": self._taken, "Hallpass-Next-Link": self._offered}
        return self._fixed | {name: link for name, link in links.items() if link}

    def offer_link(self) -> None:
        """Make the next link, unless the last one was not taken yet. Waits for the disk."""
        with self._lock:
            if self._offered:
                return
            self._offered = secrets.token_hex(16)
            self._keep()

    def confirm_link(self) -> None:
        """Note that central took the link. Waits for the disk."""
        with self._lock:
            if self._offered:
                self._taken, self._offered = self._offered, ""
                self._keep()

    def _keep(self) -> None:
        try:
            self._store.keep_links(self._taken, self._offered)
        except (OSError, sqlite3.Error) as problem:
            log.warning("the way to central cannot be noted: %s", problem)


def read_board_serial(path: Path = _SERIAL_FILE) -> str:
    """Return the serial number of the board, or "" where it tells none."""
    try:
        return path.read_bytes()[:256].decode("ascii", "replace").strip("\0 \n")
    except OSError:
        return ""
