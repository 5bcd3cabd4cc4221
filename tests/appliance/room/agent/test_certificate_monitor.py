"""Which certificates a room's agent looks at, and when it speaks of them."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.room import health
from appliance.room.agent import certificate_monitor
from appliance.room.agent.certificate_monitor import CertificateMonitor, certificate_servers
from appliance.room.agent.service import _write_health
from appliance.room.conditions import Condition
from appliance.room.page_certificate import HeldPage, write_page
from appliance.room.paths import RoomPaths
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


def test_files_that_cannot_be_used_are_found_within_a_minute_and_forgotten_when_they_are_mended(
    tmp_path: Path,
) -> None:
    monitor = CertificateMonitor(read(tmp_path, '[web.tls]\ncertificate = "server.pem"\nkey = "server.key"\n'))
    assert monitor.pages_problem(time.time()) == ""  # not looked at yet
    monitor.check_pages()
    assert "server.pem: No such file" in monitor.pages_problem(time.time())
    authority = Authority(tmp_path)
    _, key = authority.sign("room-4.local")
    monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""
    assert "ended on" in monitor.pages_problem(time.time() + 2 * 86_400, lambda: True)
    assert monitor.pages_problem(time.time() + 2 * 86_400, lambda: False) == ""
    _, other = authority.sign("room-4.local", file="other")
    key.write_bytes(other.read_bytes())
    monitor.check_pages()
    assert "is not the key of" in monitor.pages_problem(time.time())


def test_where_the_agent_may_not_read_the_key_a_port_that_speaks_no_tls_says_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_files: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(certificate_monitor, "read_validity", refuse)  # root, as which tests may run, reads all
    port = free_port()
    monitor = CertificateMonitor(
        read(tmp_path, f'[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "127.0.0.1:{port}"\n')
    )
    monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""  # the pages do not run: that is said elsewhere
    with socket.create_server(("127.0.0.1", port)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        closer = threading.Thread(target=hang_up)
        closer.start()
        monitor.check_pages()
        closer.join()
    assert "speak no HTTPS" in monitor.pages_problem(time.time())
    with served(Authority(tmp_path), port):
        monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""


def test_the_room_says_that_nobody_can_sign_in(tmp_path: Path, short_path: Path) -> None:
    settings = read(tmp_path, '[web.tls]\ncertificate = "none.pem"\nkey = "none.key"\n')
    paths = RoomPaths(tmp_path, short_path)
    monitor = CertificateMonitor(settings)
    monitor.check_pages()
    _write_health(settings, paths, None, monitor, time.time())
    (said,) = health.read_health(paths.health_folder, time.time())
    assert Condition.PAGES_CERTIFICATE in said.conditions
    assert "none.pem" in said.details["pages-certificate"]


def test_another_program_on_the_port_for_centrals_certificate_is_found(tmp_path: Path) -> None:
    port = free_port()
    settings = read(
        tmp_path,
        f'[web]\nlisten = "127.0.0.1:8080"\nhttps_listen = "127.0.0.1:{port}"\n'
        '[central]\nurl = "http://127.0.0.1:9"\ntoken_file = "token"\n',
    )
    monitor = CertificateMonitor(settings)
    monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""  # central has given none
    authority, paths = Authority(tmp_path), RoomPaths.from_settings(settings)
    paths.data.mkdir()
    content = b"".join(file.read_bytes() for file in authority.sign("room-4.example.org"))
    write_page(paths.page_certificate, HeldPage(digest="d", name="room-4.example.org"), content)
    monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""  # the pages do not run: that is said elsewhere
    assert [one.port for one in certificate_servers(settings)] == [port]
    with socket.create_server(("127.0.0.1", port)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        closer = threading.Thread(target=hang_up)
        closer.start()
        monitor.check_pages()
        closer.join()
    assert f"something else has port {port}" in monitor.pages_problem(time.time())
    with served(authority, port):
        monitor.check_pages()
    assert monitor.pages_problem(time.time()) == ""
    paths.page_certificate.write_bytes(b"junk")
    monitor.check_pages()
    assert "damaged" in monitor.pages_problem(time.time())
