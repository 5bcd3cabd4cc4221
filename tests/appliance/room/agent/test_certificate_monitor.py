"""Which certificates a room's agent looks at, and when it speaks of them."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.room.agent.certificate_monitor import CertificateMonitor, certificate_servers
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port

SETTINGS = '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'


def read(folder: Path, more: str) -> RoomSettings:
    (folder / "room.toml").write_text(SETTINGS + more)
    return load_settings(folder / "room.toml", RoomSettings)


@contextlib.contextmanager
def served(authority: Authority, port: int) -> Iterator[None]:
    """Present a certificate on a port of loopback."""

    async def serve(ready: threading.Event, stop: threading.Event) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.sign("127.0.0.1"))
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port, ssl=context)
        async with server:
            ready.set()
            await asyncio.to_thread(stop.wait)

    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve(ready, stop)))
    thread.start()
    assert ready.wait(30)
    yield
    stop.set()
    thread.join()


def test_every_certificate_that_a_room_depends_on_is_looked_at(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[dns.tls]\ncertificate = "c"\nkey = "k"\n'
        '[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "192.0.2.4:8443"\n'
        '[central]\nurl = "https://central.example.org:8082"\ntoken_file = "token"\n',
    )
    assert [(one.host, one.port) for one in certificate_servers(settings)] == [
        ("127.0.0.1", 853), ("192.0.2.4", 8443), ("central.example.org", 8082),
    ]  # fmt: skip
    assert list(certificate_servers(read(tmp_path, ""))) == []


@pytest.mark.parametrize(("days", "words"), [(90, ""), (5, "ends in 5 days"), (-2, "ended on")])
def test_what_is_served_is_spoken_of_when_it_ends(tmp_path: Path, days: float, words: str) -> None:
    port = free_port()
    monitor = CertificateMonitor(
        read(tmp_path, f'[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "127.0.0.1:{port}"\n')
    )
    with served(Authority(tmp_path, days=days), port):
        assert monitor.check_all()
    said = monitor.problem(time.time(), lambda: True)
    assert words in said
    assert said.startswith("the pages' certificate") == bool(words)
    assert monitor.problem(time.time(), lambda: False) == ""


def test_a_server_that_does_not_answer_says_nothing_of_its_certificate(tmp_path: Path) -> None:
    monitor = CertificateMonitor(
        read(tmp_path, f'[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "127.0.0.1:{free_port()}"\n')
    )
    assert not monitor.check_all()
    assert monitor.problem(time.time(), lambda: True) == ""


def test_one_that_held_is_spoken_of_as_time_passes(tmp_path: Path) -> None:
    port = free_port()
    monitor = CertificateMonitor(
        read(tmp_path, f'[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "127.0.0.1:{port}"\n')
    )
    with served(Authority(tmp_path, days=90), port):
        assert monitor.check_all()
    assert monitor.problem(time.time(), lambda: True) == ""
    assert "ends in 10 days" in monitor.problem(time.time() + 80 * 86_400, lambda: True)
