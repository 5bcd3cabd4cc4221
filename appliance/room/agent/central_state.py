"""Whether central can be reached, and whether it knows this room: said by the feed, asked by everybody else."""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger("hallpass.agent")


class CentralState:
    """How the room stands with central."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._listeners: list[Callable[[], None]] = []
        self._said = ""
        self.is_reachable = False
        self.rejection = ""  # why, in central's words
        self.is_copy = False  # and the reason is that another card works as it
        self.is_token_rejected = False  # central is there, and says that this is no room of its own
        self.unreachable_since = now()
        self.reached = asyncio.Event()  # set while central is reachable
        self.is_intercepted = False  # something on the way answers in its place
        self.retry = asyncio.Event()  # a room that is refused has something new to come in with
        self.changed = asyncio.Event()  # set by each change; cleared by the one who waits for it

    def listen(self, listener: Callable[[], None]) -> None:
        """Have something called after each change."""
        self._listeners.append(listener)

    def set_reachable(self) -> None:
        """Central has said something."""
        if self.is_reachable:
            return
        log.info("central is reachable")
        self.is_reachable, self.is_token_rejected, self.is_copy, self._said = True, False, False, ""
        self.is_intercepted = False
        self.reached.set()
        self._call_listeners()

    def set_unreachable(
        self,
        why: str,
        *,
        is_token_rejected: bool = False,
        is_copy: bool = False,
        is_intercepted: bool = False,
    ) -> None:
        """Central cannot be reached, or does not know this room."""
        if self.is_reachable:
            self.unreachable_since = self._now()
        changed = self.is_reachable or is_copy != self.is_copy or is_token_rejected != self.is_token_rejected
        if changed or not self._said:
            words = "central does not know this room any more" if is_token_rejected else "central is away"
            log.warning("%s: %s", words, why)
        self._said = why
        self.is_copy = is_copy
        self.is_intercepted = is_intercepted
        self.rejection = why if is_token_rejected else ""
        self.is_reachable, self.is_token_rejected = False, is_token_rejected
        self.reached.clear()
        if changed:
            self._call_listeners()

    def _call_listeners(self) -> None:
        self.changed.set()
        for listener in self._listeners:
            listener()
