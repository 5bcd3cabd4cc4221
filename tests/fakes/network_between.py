"""What may stand between a room and central: a cable that is listened to, and a proxy that opens TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fakes.authority import Authority


@contextlib.contextmanager
def relay(to: int, seen: list[bytes]) -> Iterator[int]:
    """Pass everything on to a port of this machine, and keep what was said; yield where."""
    with _listener(lambda accepted: _pass_on(accepted, to, seen)) as port:
        yield port


@contextlib.contextmanager
def opening_proxy(folder: Path, to: int, seen: list[bytes] | None = None) -> Iterator[int]:
    """Open what is encrypted with a certificate of its own, and pass everything else on as it is; yield where."""
    context = Authority(folder).server("127.0.0.1")

    def serve(accepted: socket.socket) -> None:
        if accepted.recv(1, socket.MSG_PEEK) != b"\x16":
            _pass_on(accepted, to, [])
            return
        with context.wrap_socket(accepted, server_side=True) as opened:
            while data := opened.recv(65536):
                if seen is not None:
                    seen.append(data)

    with _listener(serve) as port:
        yield port


@contextlib.contextmanager
def _listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    server = socket.create_server(("127.0.0.1", 0))

    def run(accepted: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), accepted:
            serve(accepted)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted = server.accept()[0]
                threading.Thread(target=run, args=(accepted,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()


def _pass_on(accepted: socket.socket, to: int, seen: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", to)) as out:
        back = threading.Thread(target=_pump, args=(out, accepted, seen), daemon=True)
        back.start()
        _pump(accepted, out, seen)
        back.join()


def _pump(source: socket.socket, target: socket.socket, seen: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            seen.append(data)
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
