"""Devices that ask a room all the while."""

import threading

from tests.fakes.enrolled import EnrolledRoom


class AskingDevices:
    """Ask for closed and open names for as long as a `with` block lasts, and note what they hear.

    `pause`: between two questions of a device, in seconds.
    """

    def __init__(self, room: EnrolledRoom, *names: str, pause: float = 0.0) -> None:
        self.heard: dict[str, set[str]] = {name: set() for name in names}
        self.rounds = 0
        self._room = room
        self._pause = pause
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(name,)) for name in names]

    def __enter__(self) -> "AskingDevices":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name: str) -> None:
        number = 0
        while not self._stopping.wait(self._pause):
            number += 1  # a name of its own each time, so that nothing is answered from memory
            self.heard[name].add(self._room.ask(f"d{number}.{name}"))
            self.rounds += 1
