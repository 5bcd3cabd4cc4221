"""`hallpass doctor` on a room of real processes, and what it says when they are not well."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dnslib
import httpx
import pytest

from appliance.doctor import dns_client
from appliance.doctor.check_result import CheckResult, run_check
from appliance.doctor.machine import MachineDoctor
from appliance.doctor.room import RoomDoctor
from appliance.room import clock_difference, health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.index_age import note_confirmed_index
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.appliance.commands.test_central import HALLPASS, run
from tests.fakes.authority import Authority
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.enrolled import EnrolledRoom
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream

MACHINE = ("disk", "root", "file systems", "heat", "power", "card", "data partition")


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


class LivingRoom:
    """The four processes of a room."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.dns, self.web = free_port(), free_port()
        self.config = folder / "room.toml"
        self.config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{self.dns}"]\nupstreams = ["127.0.0.1:{upstream}"]\nworkers = 1\n'
            f'[web]\nlisten = "127.0.0.1:{self.web}"\n[led]\ndriver = "simulated"\n'
        )
        self.processes = {
            name: subprocess.Popen([*HALLPASS, name, "--config", str(self.config)], stderr=subprocess.DEVNULL)
            for name in ("recorder", "resolver", "agent", "web")
        }

    def is_well(self) -> bool:
        names = [path.stem for path in (self.config.parent / "data/run/health").glob("*.json")]
        try:
            httpx.get(f"http://127.0.0.1:{self.web}/", trust_env=False, timeout=20)
        except httpx.TransportError:
            return False
        return {"agent", "recorder", "resolver-1"} <= set(names)

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture
def room(short_path: Path, upstream: int) -> Iterator[LivingRoom]:
    living = LivingRoom(short_path, upstream)
    pause = threading.Event()
    while not living.is_well() and not pause.wait(0.1):
        assert all(process.poll() is None for process in living.processes.values())
    yield living
    living.stop()


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [
        line for line in done.stdout.splitlines() if line.split(" ", 1)[1].strip().split(":")[0] not in MACHINE
    ]


def test_a_room_that_is_well_is_told_so_without_anybodys_browsing(room: LivingRoom) -> None:
    dns_client.query_server("127.0.0.1", room.dns, "somebody-asked-this.example")
    done = run("doctor", "--config", str(room.config))
    said = lines(done)
    assert not [line for line in said if line.startswith("problem")], done.stdout
    for words in (
        "services: agent, recorder, resolver-1 run",
        "DNS over UDP: answers in",
        "DNS over TCP: answers in",
        "canary: browsers are told",
        "filter: a listed name is refused",
        "upstream: 127.0.0.1 (plain) answers in",
        "pages: served",
        "pages: without TLS: passwords cross this network in the clear",
        "central: this room works alone",
        "log: can be written",
        "lamp: simulated",
    ):
        assert any(words in line for line in said), (words, done.stdout)
    assert done.returncode == int("problem" in done.stdout)
    assert "somebody-asked-this" not in done.stdout + done.stderr
    afar = run("doctor", "127.0.0.1", "--port", str(room.dns), "--web-port", str(room.web))
    assert afar.returncode == 0, afar.stdout
    assert [line.split()[0] for line in afar.stdout.splitlines()] == ["ok"] * 6


def test_what_is_not_well_is_said_with_what_to_do(room: LivingRoom) -> None:
    room.stop("resolver", "recorder", "web")
    done = run("doctor", "--config", str(room.config))
    assert done.returncode == 1
    problems = [line for line in lines(done) if line.startswith("problem")]
    for words in ("DNS over UDP: 127.0.0.1", "DNS over TCP: 127.0.0.1", "pages: 127.0.0.1", "log: this room's"):
        [line] = [line for line in problems if words in line]
        assert " -> " in line
    afar = run("doctor", "127.0.0.1", "--port", str(room.dns), "--web-port", str(room.web))
    assert afar.returncode == 1
    assert "connection refused" in afar.stdout


def test_a_server_that_filters_nothing_is_a_problem(upstream: int) -> None:
    done = run("doctor", "127.0.0.1", "--port", str(upstream), "--web-port", str(free_port()))
    assert done.returncode == 1
    assert "a listed name is not refused" in done.stdout
    assert "browsers are not told to keep to this DNS" in done.stdout


def test_mistakes_in_the_settings_are_findings(tmp_path: Path) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nnmae = "x"\n[dns]\nupstreams = []\n')
    done = run("doctor", "--config", str(config))
    assert done.returncode == 1
    assert done.stdout.count("problem  settings: ") == len(done.stdout.splitlines()) >= 4
    assert run("doctor", "127.0.0.1", "--config", "x").returncode == 2


def test_lists_are_old_for_the_doctor_when_they_are_for_the_lamp(short_path: Path) -> None:
    with FakeUpstream() as upstream, FakeCentral() as central:
        room = EnrolledRoom(short_path, upstream, central)
    now = time.time()
    fetched_at = now - 9 * 86_400
    os.utime(room.index, (fetched_at, fetched_at))
    look = dict(RoomDoctor(load_settings(room.file, RoomSettings), lambda: now).checks())["policy"]
    assert [one.words for one in look() if one.state == "problem"] == ["are 9 days old"]
    note_confirmed_index(room.paths, room.version, now - 7200)
    assert [(one.state, one.words) for one in look() if one.what == "lists"] == [("ok", "are 2 hours old")]


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
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-c", TLS_SERVER, str(port), str(certificate), str(key)], stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        try:
            server.stdout.readline()
            url = f"https://127.0.0.1:{port}"
            first = doctor(url, more=f'certificate = "{theirs.file}"\n')[0]
            assert (first.what, first.state) == ("certificate", "problem")
            assert "not trusted" in first.words
            trusted = doctor(url, more=f'certificate = "{ours.file}"\n')[0]
            assert trusted.what == "certificate"
            assert "not trusted" not in trusted.words
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


TLS_SERVER = """
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def look(root: Path) -> dict[str, CheckResult]:
    return {
        finding.what: finding
        for what, check in MachineDoctor(root / "data", root).checks()
        for finding in run_check(what, check)
    }


def test_a_card_that_is_well(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    put(tmp_path, "boot/firmware/hallpass.toml", "")
    put(tmp_path, "proc/mounts", "hallpass-root / overlay rw 0 0\n/dev/mmcblk0p3 /data ext4 rw 0 0")
    put(tmp_path, "sys/fs/ext4/mmcblk0p3/errors_count", "0")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "51234")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0")
    found = look(tmp_path)
    assert {one.state for one in found.values()} == {"ok"}
    assert found["heat"].words == "51 °C"


def test_a_card_that_is_not(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    put(tmp_path, "boot/firmware/hallpass.toml", "")
    put(tmp_path, "proc/mounts", "/dev/mmcblk0p2 / ext4 rw 0 0")
    put(tmp_path, "sys/fs/ext4/mmcblk0p3/errors_count", "3")
    put(tmp_path, "sys/block/mmcblk0/device/pre_eol_info", "0x02")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "84000")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1")
    found = look(tmp_path)
    problems = {what for what, one in found.items() if one.state == "problem"}
    assert problems == {"data partition", "file systems", "card", "heat", "power"}
    assert all(found[what].todo for what in problems)


def test_a_machine_that_tells_nothing_has_no_problem(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    assert {one.state for one in look(tmp_path).values()} == {"ok", "unknown"}


def test_a_check_that_fails_lets_the_others_go_on() -> None:
    def fails() -> Iterator[CheckResult]:
        yield CheckResult("x", "ok", "first")
        raise RuntimeError("unheard of")

    assert [one.state for one in run_check("x", fails)] == ["ok", "problem"]
