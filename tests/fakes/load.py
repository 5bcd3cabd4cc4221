"""Devices that ask without pause, each the next question as soon as it has its answer, and count what is lost."""

import socket
import threading
from itertools import count

from tests.fakes.resolving import question

PATIENCE_SECONDS = 10.0


class Load:
    """Some devices over UDP and one over TCP, in threads, for as long as a `with` block lasts.

    Every second question is for a name that nobody has asked for before, so that upstreams have their part in it.
    """

    def __init__(self, port: int, devices: int = 6) -> None:
        self.address = ("127.0.0.1", port)
        self.answered = 0
        self.over_tcp = 0
        self.lost: list[str] = []
        self._numbers = count()
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(devices)]
        self._threads.append(threading.Thread(target=self._ask_over_tcp))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Wait until so many more questions have been answered."""
        until = self.answered + answers
        while self.answered < until and not self.lost:
            self._stopping.wait(0.01)

    def _next(self) -> bytes:
        number = next(self._numbers)
        name = f"n{number}.example" if number % 2 else "www.example.org"
        return question(name, identity=number % 65536)

    def _ask(self) -> None:
        while not self._stopping.is_set():
            # A socket of its own for some questions: the kernel then deals them out to all workers.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(PATIENCE_SECONDS)
                sock.connect(self.address)
                for _ in range(20):
                    asked = self._next()
                    try:
                        sock.send(asked)
                        answer = sock.recv(2048)
                        self._note(asked, answer)
                    except OSError as problem:
                        self.lost.append(f"over UDP: {problem!r}")
                        return

    def _ask_over_tcp(self) -> None:
        """Ask over one connection for as long as it stands, as RFC 7766, section 6.2.4 wants clients to."""
        asked = self._next()
        while not self._stopping.is_set():
            with socket.create_connection(self.address, PATIENCE_SECONDS) as sock, sock.makefile("rb") as stream:
                while not self._stopping.is_set():
                    try:
                        sock.sendall(len(asked).to_bytes(2, "big") + asked)
                        answer = stream.read(int.from_bytes(stream.read(2), "big"))
                    except TimeoutError as problem:
                        self.lost.append(f"over TCP: {problem!r}")
                        return
                    except OSError:
                        break
                    if not answer:
                        break  # closed: the same question on the next connection
                    self._note(asked, answer)
                    self.over_tcp += 1
                    asked = self._next()

    def _note(self, asked: bytes, answer: bytes) -> None:
        if answer[:2] != asked[:2] or answer[3] & 0x0F not in {0, 3}:
            self.lost.append(f"{asked.hex()} was answered with {answer.hex()}")
        with self._counting:
            self.answered += 1
