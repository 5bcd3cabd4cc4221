"""`hallpass doctor` on a room of real processes, and what it says when they are not well."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dnslib
import httpx
import pytest

from appliance.certificate_validity import read_validity
from appliance.doctor import dns_client
from appliance.doctor.certificates import check_certificate_files, check_served_certificate
from appliance.doctor.check_result import CheckResult, run_check
from appliance.doctor.machine import MachineDoctor
from appliance.doctor.resolution import check_resolution
from appliance.doctor.room import RoomDoctor
from appliance.doctor.rooms import read_host
from appliance.errors import HallpassError
from appliance.room import clock_difference, health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.index_age import note_confirmed_index
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import CertificateFiles
from dns.message.constants import Rcode
from tests.appliance.commands.test_central import HALLPASS, run
from tests.fakes.authority import Authority
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.enrolled import EnrolledRoom
from tests.fakes.page_pairs import SUFFIX, PagePairs
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream, failing, never

MACHINE = ("disk", "memory", "versions", "root", "file systems", "heat", "power", "card", "data partition")


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

    def __init__(self, folder: Path, upstream: int, tls: str = "") -> None:
        self.dns, self.web = free_port(), free_port()
        self.config = folder / "room.toml"
        self.config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{self.dns}"]\nupstreams = ["127.0.0.1:{upstream}"]\nworkers = 1\n'
            f'[web]\nlisten = "127.0.0.1:{self.web}"\n[led]\ndriver = "simulated"\n{tls}'
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
        "filter: a listed name is refused (the lamp lit up just now); the answer is",
        "resolving: names are asked outside and answered",
        "upstream: 127.0.0.1 (plain) answers in",
        "pages: served",
        "pages: without TLS; nobody signs in to a room that works alone",
        "central: this room works alone",
        "log: can be written",
        "lamp: simulated",
    ):
        assert any(words in line for line in said), (words, done.stdout)
    assert done.returncode == int("problem" in done.stdout)
    assert "somebody-asked-this" not in done.stdout + done.stderr
    afar = run("doctor", "127.0.0.1", "--port", str(room.dns), "--web-port", str(room.web))
    assert afar.returncode == 0, afar.stdout
    assert [line.split()[0] for line in afar.stdout.splitlines()] == [*["ok"] * 8, "-", "-"]
    assert "resolving: names are asked outside and answered" in afar.stdout
    assert "clock: agrees with this machine's" in afar.stdout


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


def test_a_room_that_resolves_nothing_is_not_well_however_well_it_filters(short_path: Path) -> None:
    with FakeUpstream() as upstream:
        upstream.behave = never
        config, port = short_path / "room.toml", free_port()
        config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{port}"]\nupstreams = ["127.0.0.1:{upstream.port}"]\nworkers = 1\n'
        )
        process = subprocess.Popen(
            [*HALLPASS, "resolver", "--config", str(config)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            while "answering on" not in process.stderr.readline():
                assert process.poll() is None
            found = {one.what: one for one in check_resolution("127.0.0.1", port)}
        finally:
            process.terminate()
            process.wait(20)
            process.stderr.close()
    assert found["filter"].state == found["canary"].state == "ok"
    assert found["resolving"].state == "problem"
    assert "SERVFAIL" in found["resolving"].words


@pytest.mark.parametrize("rcode", [Rcode.REFUSED, Rcode.SERVFAIL])
def test_an_upstream_that_fails_a_real_question_is_a_problem(tmp_path: Path, rcode: Rcode) -> None:
    config = tmp_path / "room.toml"
    with FakeUpstream(behave=failing(rcode)) as ill, FakeUpstream() as well, FakeUpstream() as own:
        config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nupstreams = ["127.0.0.1:{ill.port}", "127.0.0.1:{well.port}"]\n'
            f'[[dns.forward]]\ndomain = "school.example"\nupstreams = ["127.0.0.1:{own.port}"]\n'
        )
        settings = load_settings(config, RoomSettings)
        found = list(RoomDoctor(settings)._upstreams())
        assert [one.state for one in found] == ["problem", "ok", "ok"]
        assert f"answers with {rcode.name}" in found[0].words
        assert own.names() == ["school.example"]
        folder = RoomPaths.from_settings(settings).health_folder
        details = {f"upstream 127.0.0.1:{well.port}": "sends malformed answers since 10:31"}
        health.write_health(folder, ProcessHealth(process="resolver-1", time=time.time(), details=details))
        said = [one.words for one in RoomDoctor(settings)._upstreams() if one.state == "problem"]
        assert any("sends malformed answers since 10:31" in words for words in said)


@pytest.mark.parametrize("condition", Condition)
def test_the_doctor_is_silent_about_nothing_that_a_room_says_of_itself(
    tmp_path: Path, condition: Condition
) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["127.0.0.1:9"]\n')
    settings = load_settings(config, RoomSettings)
    folder = RoomPaths.from_settings(settings).health_folder
    details = {condition.value: "since 10:31"}
    for process in ("resolver-1", "resolver-2"):  # each worker says the same
        said = ProcessHealth(process=process, time=time.time(), conditions=(condition,), details=details)
        health.write_health(folder, said)
    doctor = RoomDoctor(settings)
    [found] = doctor.check_said(set())
    assert (found.state, found.what) == ("problem", condition.row.doctor_check)
    assert found.words in {"since 10:31", condition.row.words}
    assert found.todo
    assert list(doctor.check_said({condition.row.doctor_check})) == []  # it was found by looking already


def test_a_store_that_was_set_aside_and_damaged_decisions_are_problems_for_the_doctor(room: LivingRoom) -> None:
    folder = room.config.parent / "data/run/health"
    both = (Condition.STORE_SET_ASIDE, Condition.DECISIONS_DAMAGED)
    health.write_health(folder, ProcessHealth(process="another", time=time.time(), conditions=both, lasting=True))
    done = run("doctor", "--config", str(room.config))
    assert done.returncode == 1
    for condition in both:
        assert f"problem  {condition.row.doctor_check}: {condition.row.words}" in done.stdout


@pytest.mark.parametrize(
    "host", ["", "a..b", f"{'x' * 64}.example", "192.0.2.4\n", "192.0.2.0/24", "room 4", "-v.example", "\udcff"]
)
def test_what_can_be_no_host_is_wrong_use_and_nothing_to_look_at(host: str) -> None:
    done = run("doctor", "--", host)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is no address and no host name" in done.stderr
    with pytest.raises(ValueError, match="is no address and no host name"):
        read_host(host)


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_what_can_be_no_port_is_wrong_use(port: str) -> None:
    assert run("doctor", "192.0.2.4", "--port", port).returncode == 2


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("[2001:db8::4]", "2001:db8::4"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("room-4.local.", "room-4.local"),
        ("büro.example", "xn--bro-hoa.example"),
    ],
)
def test_a_host_may_be_written_as_people_write_it(typed: str, host: str) -> None:
    assert read_host(typed) == host


class TestManyRooms:
    def test_a_table_of_rooms_is_looked_through_and_summed_up(self, room: LivingRoom, tmp_path: Path) -> None:
        table = tmp_path / "rooms.csv"
        table.write_text(
            "room,address,port,web-port,tls-port,https-port\n"
            f"Room 4,127.0.0.1/24,{room.dns},{room.web},{free_port()},{free_port()}\n"
            f"Room 5,127.0.0.2,{free_port()},{free_port()},{free_port()},{free_port()}\n"
        )
        done = run("doctor", "--from-csv", str(table))
        assert done.returncode == 1
        assert "2 rooms: 1 well, 1 with something wrong" in done.stdout
        assert any(re.match(r"Room 4 +127.0.0.1 +well", line) for line in done.stdout.splitlines())
        assert "Room 5 (127.0.0.2)\nproblem" in done.stdout
        said = json.loads(run("doctor", "--from-csv", str(table), "--json").stdout)
        assert [(one["room"], one["host"], one["state"]) for one in said] == [
            ("Room 4", "127.0.0.1", "ok"),
            ("Room 5", "127.0.0.2", "problem"),
        ]
        table.write_text("\n".join(table.read_text().splitlines()[:2]))
        well = run("doctor", "--from-csv", str(table))
        assert (well.returncode, "1 rooms: 1 well" in well.stdout) == (0, True)

    def test_several_addresses_are_looked_at_at_once(self, room: LivingRoom) -> None:
        ports = ("--port", str(room.dns), "--web-port", str(room.web))
        done = run("doctor", "127.0.0.1", "127.0.0.3", *ports, "--json")
        assert [one["state"] for one in json.loads(done.stdout)] == ["ok", "problem"]
        assert done.returncode == 1

    def test_central_knows_its_rooms_and_what_they_said(self, tmp_path: Path) -> None:
        config = tmp_path / "central.toml"
        config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\n')
        assert run("central", "enrol", "Room 4", "--config", str(config)).returncode == 0
        done = run("doctor", "--all", "--config", str(config), "--domain", "invalid", "--json")
        assert done.returncode == 1
        [found] = json.loads(done.stdout)
        assert (found["room"], found["host"]) == ("Room 4", "room-4.invalid")
        assert "has never heard of this room" in [
            one["words"] for one in found["findings"] if one["what"] == "central"
        ]

    def test_a_revoked_card_with_a_key_of_a_certificate_for_pages_is_named(self, tmp_path: Path) -> None:
        config = tmp_path / "central.toml"
        config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\n')
        assert run("central", "enrol", "Room 4", "--config", str(config)).returncode == 0
        pairs = PagePairs(datetime.now(UTC))
        for name, content in zip(("a.pem", "a.key"), pairs.pair(f"*.{SUFFIX}"), strict=True):
            (tmp_path / name).write_text(content)
        hand_in = ("central", "pages", "hand-in", str(tmp_path / "a.pem"), str(tmp_path / "a.key"))
        assert run(*hand_in, "--config", str(config)).returncode == 0
        with closing(sqlite3.connect(tmp_path / "central/central.db")) as database, database:
            database.execute("UPDATE rooms SET key_confirmed_at = '2026-11-27 08:00:00.000000'")
        assert run("central", "room", "revoke", "Room 4", "--config", str(config)).returncode == 0
        done = run("doctor", "--all", "--config", str(config))
        assert done.returncode == 1
        assert f"the card of Room 4 (revoked) still has the key of the certificate for *.{SUFFIX}" in done.stdout
        [found] = json.loads(run("doctor", "--all", "--config", str(config), "--json").stdout)
        assert (found["room"], found["findings"][0]["what"]) == ("central", "certificate")
        assert "still has the key" in run("central", "pages", "list", "--config", str(config)).stderr

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("room,address\nRoom 4,\n", "rooms.csv line 2: there is no address"),
            ("room,address\nRoom 4,a..b\n", "rooms.csv line 2: 'a..b' is no address and no host name"),
            ("room,address,port\nRoom 4,192.0.2.4,many\n", "rooms.csv line 2: 'many' is no port"),
            ("room,address\n", "names no room"),
        ],
    )
    def test_a_mistake_in_the_table_is_said_with_its_line(self, tmp_path: Path, text: str, words: str) -> None:
        table = tmp_path / "rooms.csv"
        table.write_text(text)
        done = run("doctor", "--from-csv", str(table))
        assert done.returncode == 1
        assert words in done.stderr


class TestCertificates:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Callable[..., list[CheckResult]]]:
        """Serve one certificate, and return what is said of it and of files."""
        servers: list[subprocess.Popen[bytes]] = []

        def look(days: float, *, other_key: bool = False, now: float | None = None) -> list[CheckResult]:
            authority = Authority(tmp_path, days=days)
            certificate, key = authority.sign("127.0.0.1")
            port = free_port()
            servers.append(
                subprocess.Popen(
                    [sys.executable, "-c", TLS_SERVER, str(port), str(certificate), str(key)],
                    stdout=subprocess.PIPE,
                )
            )
            assert servers[-1].stdout is not None
            servers[-1].stdout.readline()
            if other_key:
                _, key = authority.sign("127.0.0.1", file="other")
            files = CertificateFiles(certificate=certificate, key=key)
            return list(check_certificate_files("the pages'", files, "127.0.0.1", port, now or time.time()))

        yield look
        for server in servers:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()

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
        pause = threading.Event()
        try:
            while not living.is_well() and not pause.wait(0.1):
                assert all(process.poll() is None for process in living.processes.values())
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
    put(tmp_path, "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 200000 kB")
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
    put(tmp_path, "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 20000 kB")
    put(tmp_path, "sys/fs/ext4/mmcblk0p3/errors_count", "3")
    put(tmp_path, "sys/block/mmcblk0/device/pre_eol_info", "0x02")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "84000")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1")
    found = look(tmp_path)
    problems = {what for what, one in found.items() if one.state == "problem"}
    assert problems == {"data partition", "memory", "file systems", "card", "heat", "power"}
    assert all(found[what].todo for what in problems)


def test_a_machine_that_tells_nothing_has_no_problem(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    assert {one.state for one in look(tmp_path).values()} == {"ok", "unknown"}


def test_a_check_that_fails_lets_the_others_go_on() -> None:
    def fails() -> Iterator[CheckResult]:
        yield CheckResult("x", "ok", "first")
        raise RuntimeError("unheard of")

    assert [one.state for one in run_check("x", fails)] == ["ok", "problem"]


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
