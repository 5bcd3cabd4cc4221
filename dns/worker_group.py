"""A worker group: how many workers run, at which sockets, doing what; and who knows of another one."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from dns.server.listen_sockets import ListenSockets
from dns.server.sockets import WorkerSockets

RunWorker = Callable[[int, WorkerSockets, Callable[[], None]], None]


class WorkerGroup(msgspec.Struct, frozen=True):
    """How many workers there are, what they look after, and what they do.

    `run_worker` is a worker's whole life: number, sockets, and what to call when it answers.
    """

    listen_sockets: ListenSockets
    workers: int
    run_worker: RunWorker


class WorkerGroupSource(Protocol):
    """Knows when the workers have something else to do."""

    def poll(self, *, reload_requested: bool) -> WorkerGroup | None:
        """Return a new group, if there is one. Called once a second, and at SIGHUP (`reload_requested`)."""

    def committed(self) -> None:
        """Hear that the last group is in force."""

    def rejected(self, reason: str) -> None:
        """Hear that the last group could not be taken over; the one before it still holds."""
