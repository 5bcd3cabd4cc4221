"""What an application does when its server is told to stop: open streams would never end by themselves."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


def stop_with_server(stop: Callable[[], object]) -> None:
    """Call `stop`, in a thread of its own, as soon as a signal tells the server to end."""

    def chained(before: Any) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=stop).start()  # a signal handler may hold any lock: it only starts
            if callable(before):
                before(number, frame)

        return handle

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, chained(signal.getsignal(number)))
