"""Devices that ask without pause, each the next question as soon as it has its answer, and count what is lost."""

import socket
import threading
from itertools import count

from tests.fakes.resolvers import question

PATIENCE_SECONDS = 10.0


class Load:
    """Some devices over UDP and one over TCP, in threads, for as long as a `with` block lasts.

    `forgiving`: a question without an answer is noted after a second, and the device asks the next one.
    Every second question is for a name that nobody has asked for before, so that upstreams have their part in it.
    """

    def __init__(self, port: int, devices: int = 6, *, forgiving: bool = False) -> None:
        self.devices = devices + 1
        self._forgiving = forgiving
        self._patience = 1.0 if forgiving else PATIENCE_SECONDS
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
        while self.answered < until and (self._forgiving or not self.lost):
            self._stopping.wait(0.01)

    def _next(self) -> bytes:
        number = next(self._numbers)
        name = f"n{number}.example" if number % 2 else "www.example.org"
        return question(name, identity=number % 65536)

    def _ask(self) -> None:
        while not self._stopping.is_set():
            # A socket of its own for some questions: the kernel then deals them out to all workers.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(self._patience)
                sock.connect(self.address)
                for _ in range(20):
                    asked = self._next()
                    try:
                        sock.send(asked)
                        answer = sock.recv(2048)
                        self._note(asked, answer)
                    except OSError as problem:
                        self.lost.append(f"over UDP: {problem!r}")
                        if not self._forgiving:
                            return
                        break

    def _ask_over_tcp(self) -> None:
        """Ask over one connection for as long as it stands, as RFC 7766, section 6.2.4 wants clients to."""
        asked = self._next()
        while not self._stopping.is_set():
            with socket.create_connection(self.address, self._patience) as sock, sock.makefile("rb") as stream:
                while not self._stopping.is_set():
                    try:
                        sock.sendall(len(asked).to_bytes(2, "big") + asked)
                        answer = stream.read(int.from_bytes(stream.read(2), "big"))
                    except TimeoutError as problem:
                        self.lost.append(f"over TCP: {problem!r}")
                        if not self._forgiving:
                            return
                        break
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
