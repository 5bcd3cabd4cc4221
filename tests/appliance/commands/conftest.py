import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dnslib
import pytest

from tests.fakes.living_room import LivingRoom
from tests.fakes.ports import free_port


@pytest.fixture
def upstream() -> Iterator[int]:
    """Serve a server that knows every name, and return its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                packet, who = sock.recvfrom(4096)
                if packet == b"stop":
                    return
                answer = dnslib.DNSRecord.parse(packet).reply()
                answer.add_answer(*dnslib.RR.fromZone(f"{answer.q.qname} 60 A 192.0.2.80"))
                sock.sendto(answer.pack(), who)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(sock.getsockname()[1])
        sock.sendto(b"stop", sock.getsockname())
        thread.join()


@pytest.fixture
def room(short_path: Path, upstream: int) -> Iterator[LivingRoom]:
    living = LivingRoom(short_path, upstream)
    living.wait_until_well()
    yield living
    living.stop()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.toml"
    path.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'rooms_listen = "127.0.0.1:{free_port()}"\n'
    )
    return path
