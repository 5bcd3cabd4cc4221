"""What the doctor says of certificates: a room's own, and central's."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from appliance.certificate_validity import read_validity
from appliance.doctor.certificates import check_certificate_files, check_served_certificate
from appliance.doctor.check_result import CheckResult
from appliance.doctor.room import RoomDoctor
from appliance.errors import HallpassError
from appliance.room import clock_difference, health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import CertificateFiles
from tests.fakes.authority import Authority
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.living_room import LivingRoom
from tests.fakes.ports import free_port
from tests.fakes.programs import run

TLS_SERVER = """
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""


@contextmanager
def serving_tls(certificate: Path, key: Path) -> Iterator[int]:
    """Serve pages with a certificate, and return the port."""
    port = free_port()
    command = [sys.executable, "-c", TLS_SERVER, str(port), str(certificate), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield port
        finally:
            server.kill()


class TestCertificates:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Callable[..., list[CheckResult]]]:
        """Serve one certificate, and return what is said of it and of files."""
        with ExitStack() as servers:

            def look(days: float, *, other_key: bool = False, now: float | None = None) -> list[CheckResult]:
                authority = Authority(tmp_path, days=days)
                certificate, key = authority.sign("127.0.0.1")
                port = servers.enter_context(serving_tls(certificate, key))
                if other_key:
                    _, key = authority.sign("127.0.0.1", file="other")
                files = CertificateFiles(certificate=certificate, key=key)
                return list(check_certificate_files("the pages'", files, "127.0.0.1", port, now or time.time()))

            yield look

    def test_one_that_holds_for_long_is_well(self, served: Callable[..., list[CheckResult]]) -> None:
        assert [(one.state, one.words) for one in served(90)] == [("ok", "the pages' holds for 90 days")]

    @pytest.mark.parametrize(
        ("days", "later", "words"),
        [(20, 0, "ends in 20 days"), (-1, 0, "ended on"), (30, -40 * 86_400, "is not valid before")],
    )
    def test_one_that_ends_has_ended_or_is_not_valid_yet_is_a_problem(
        self, served: Callable[..., list[CheckResult]], days: int, later: float, words: str
    ) -> None:
        [found] = served(days, now=time.time() + later)
        assert found.state == "problem"
        assert words in found.words
        assert found.todo

    def test_a_key_of_another_is_a_problem(self, served: Callable[..., list[CheckResult]]) -> None:
        first, *_ = served(90, other_key=True)
        assert first.state == "problem"
        assert "is not the key of" in first.words

    def test_a_damaged_key_is_a_problem(self, tmp_path: Path) -> None:
        certificate, key = Authority(tmp_path, days=90).sign("127.0.0.1")
        content = bytearray(key.read_bytes())
        content[60] ^= 1
        key.write_bytes(content)
        with pytest.raises(HallpassError, match=r"damaged|not the key"):
            read_validity(CertificateFiles(certificate=certificate, key=key))
        key.unlink()
        with pytest.raises(HallpassError, match="No such file"):
            read_validity(CertificateFiles(certificate=certificate, key=key))

    def test_the_room_says_so_here_and_across_the_network(self, short_path: Path, upstream: int) -> None:
        (short_path / "a").mkdir()
        certificate, key = Authority(short_path / "a", days=5).sign("127.0.0.1", "room4.example")
        dot, https = free_port(), free_port()
        living = LivingRoom(
            short_path,
            upstream,
            f'[dns.tls]\ncertificate = "{certificate}"\nkey = "{key}"\nlisten = ["127.0.0.1:{dot}"]\nhttps = []\n'
            f'[web.tls]\ncertificate = "{certificate}"\nkey = "{key}"\nlisten = "127.0.0.1:{https}"\n',
        )
        try:
            living.wait_until_well()
            here = run("doctor", "--config", str(living.config))
            ports = ("--port", str(living.dns), "--web-port", str(living.web))
            afar = run("doctor", "127.0.0.1", *ports, "--tls-port", str(dot), "--https-port", str(https))
        finally:
            living.stop()
        for done in (here, afar):
            assert done.returncode == 1
            assert [
                line for line in done.stdout.splitlines() if "certificate: the" in line and "ends in 5" in line
            ], done.stdout


class TestCentral:
    @pytest.fixture
    def doctor(self, short_path: Path) -> Callable[..., list[CheckResult]]:
        def look(url: str, token: str = TOKEN, more: str = "", now: float | None = None) -> list[CheckResult]:
            (short_path / "token").write_text(token)
            path = short_path / "room.toml"
            path.write_text(
                '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
                f'[central]\nurl = "{url}"\ntoken_file = "token"\n{more}'
            )
            settings = load_settings(path, RoomSettings)
            clock = {} if now is None else {"now": lambda: now}
            return list(dict(RoomDoctor(settings, **clock).checks())["central"]())

        return look

    def test_that_knows_the_room_is_well(self, doctor: Callable[..., list[CheckResult]]) -> None:
        central = FakeCentral()
        central.start()
        try:
            assert [one.state for one in doctor(central.url)] == ["ok"]
            [refused] = doctor(central.url, token="another")
            assert "does not know this room" in refused.words
            assert "enrol it again" in refused.todo
        finally:
            central.stop()
        [away] = doctor(central.url)
        assert "cannot be reached" in away.words

    def test_whose_clock_is_another_is_a_problem_with_what_to_do(self, short_path: Path) -> None:
        path = short_path / "room.toml"
        path.write_text(
            '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
            '[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
        )
        settings = load_settings(path, RoomSettings)
        paths = RoomPaths.from_settings(settings)
        paths.data.mkdir()
        clock_difference.write_difference(paths.clock_difference, 300.0)
        said = ProcessHealth(process="agent", time=time.time(), conditions=(Condition.CLOCK_DIFFERS,))
        health.write_health(paths.health_folder, said)
        first, *_ = dict(RoomDoctor(settings).checks())["clock"]()
        assert (first.state, first.words) == ("problem", "is 5 minutes behind central's")
        assert "time server" in first.todo

    def test_with_a_certificate_that_is_not_trusted_is_a_problem(
        self, doctor: Callable[..., list[CheckResult]], tmp_path: Path
    ) -> None:
        (tmp_path / "ours").mkdir()
        (tmp_path / "theirs").mkdir()
        ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
        certificate, key = ours.sign("127.0.0.1")
        with serving_tls(certificate, key) as port:
            url = f"https://127.0.0.1:{port}"
            first = doctor(url, more=f'certificate = "{theirs.file}"\n')[0]
            assert (first.what, first.state) == ("certificate", "problem")
            assert "not trusted" in first.words
            trusted = doctor(url, more=f'certificate = "{ours.file}"\n')[0]
            assert trusted.what == "certificate"
            assert "not trusted" not in trusted.words


def test_a_port_that_waits_for_its_certificate_is_no_trouble_and_one_that_talks_otherwise_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            for said in (b"", b"hello\n"):
                connection, _ = server.accept()
                connection.recv(4096)
                connection.sendall(said)
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        (waits,) = check_served_certificate("the pages'", "127.0.0.1", port, time.time())
        (talks,) = check_served_certificate("the pages'", "127.0.0.1", port, time.time())
        thread.join()
    (closed,) = check_served_certificate("the pages'", "127.0.0.1", port, time.time())
    for none in (waits, closed):
        assert (none.state, "as in every room that was given none" in none.words) == ("unknown", True)
    assert talks.state == "problem"
