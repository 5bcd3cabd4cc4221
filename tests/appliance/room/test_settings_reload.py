"""A resolver that runs follows its settings: real processes, under load, without one lost question."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from appliance.room.paths import RoomPaths
from appliance.room.policy_source import RoomPolicySource
from appliance.room.settings_reload import SettingsReload
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.server.listen_sockets import ListenSockets
from dns.worker_group import WorkerGroup
from tests.fakes.authority import Authority
from tests.fakes.load import Load
from tests.fakes.ports import free_port
from tests.fakes.processes import ROOM, Room
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import late


def ask_without_end(sock: socket.socket) -> None:
    while True:
        sock.send(question("www.example.org"))
        sock.recv(2048)


def connect_without_end(port: int) -> None:
    while True:
        socket.create_connection(("127.0.0.1", port), 20).close()


@pytest.fixture
def first() -> Iterator[FakeUpstream]:
    with FakeUpstream(behave=late(0.02)) as one:
        yield one


@pytest.fixture
def second() -> Iterator[FakeUpstream]:
    with FakeUpstream(behave=late(0.02)) as one:
        one.records["where.example", "A"] = ["192.0.2.2"]
        yield one


@pytest.fixture
def room(tmp_path: Path, first: FakeUpstream) -> Iterator[Room]:
    one = Room(tmp_path, first)
    yield one
    if one.process.poll() is None:
        one.close()


def test_new_settings_are_followed_without_a_question_being_lost(room: Room, second: FakeUpstream) -> None:
    with Load(room.port) as load:
        load.wait_for(200)
        assert room.ask("where.example") == ["192.0.2.1"]
        before = room.workers()
        room.upstream = second
        for workers in (3, 1, 2):  # each time a file that is only written, and looked at
            room.write(workers=workers)
            room.until("following")
            load.wait_for(200)
            assert room.answers("where.example", ["192.0.2.2"])
        room.hang_up()  # nothing new in it, but somebody says so
        room.until("following")
        load.wait_for(200)
    assert load.lost == []
    assert load.over_tcp
    assert not set(before) & set(room.workers())
    assert room.close() == 0


def test_local_records_own_servers_limits_and_askers_are_followed(room: Room) -> None:
    assert room.ask("printer.school.example") == ["192.0.2.1"]
    record = '[[dns.record]]\nname = "printer.school.example"\ntype = "A"\nvalue = "192.0.2.77"'
    room.write(more=f'clients = ["127.0.0.1/32"]\n{record}')
    room.hang_up()
    room.until("following")
    assert room.answers("printer.school.example", ["192.0.2.77"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(20)
        stranger.bind(("127.0.0.2", 0))
        stranger.connect(("127.0.0.1", room.port))
        refused = False
        while not refused:  # for as long as the old workers are there to be asked
            stranger.send(question("www.example.org"))
            refused = stranger.recv(2048)[3] & 0x0F == 5


def test_encryption_and_its_certificate_are_followed(room: Room, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()

    def names() -> list[str]:
        """Return what the certificate says that is shown at the TLS port."""
        plain = socket.create_connection(("127.0.0.1", port), 20)
        with authority.trust().wrap_socket(plain, server_hostname="127.0.0.1") as sock:
            shown = sock.getpeercert(binary_form=True)
        assert shown is not None
        extensions = x509.load_der_x509_certificate(shown).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)

    certificate, key = authority.sign("one.example.org", "127.0.0.1", file="one")
    tls = f'[dns.tls]\ncertificate = "{certificate}"\nkey = "{key}"\nlisten = ["127.0.0.1:{port}"]\nhttps = []'
    room.write(more=tls)
    room.hang_up()
    room.until("following")
    assert names() == ["one.example.org"]
    authority.sign("two.example.org", "127.0.0.1", file="one")  # renewed in its place
    room.hang_up()
    room.until("following")
    while names() != ["two.example.org"]:
        pass  # for as long as the old workers are there to be asked
    room.write()
    room.hang_up()
    room.until("following")
    with pytest.raises(ConnectionError):
        connect_without_end(port)


def test_a_new_address_is_answered_before_the_old_one_is_given_up(room: Room) -> None:
    port = free_port()
    with Load(room.port) as load:
        load.wait_for(100)
        room.write(listen=f'"127.0.0.1:0", "127.0.0.1:{port}"')
        room.hang_up()
        room.until("following")
        load.wait_for(100)
        assert room.ask("www.example.org", port) == ["192.0.2.1"]
    assert load.lost == []
    with Load(port) as load:
        load.wait_for(100)
        room.write(listen=f'"127.0.0.1:{port}"')
        room.hang_up()
        room.until("following")
        load.wait_for(100)
    assert load.lost == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(("127.0.0.1", room.port))
        with pytest.raises(ConnectionRefusedError):
            ask_without_end(sock)  # for as long as the old workers are there to be asked


def test_a_file_with_mistakes_changes_nothing_and_every_mistake_is_said(room: Room) -> None:
    workers = room.workers()
    mistakes = 'rate_limits = 5\n[dns.cache]\nmegabytes = "many"'
    with Load(room.port) as load:
        load.wait_for(50)
        room.write(more=mistakes)
        assert "2 mistakes" in room.until("keeping the settings as they were")
        assert "dns.rate_limits: is not a setting" in room.until("rate_limits")
        assert "dns.cache.megabytes: expected" in room.until("megabytes")
        assert "rate_limits" in room.problem()
        assert "megabytes" in room.problem()
        load.wait_for(50)
        assert room.workers() == workers
        room.write(more="[led]\npin = 18")  # mended, and what is new is for the lamp
        while room.problem():  # the same settings as before: nobody is relieved, and nothing is wrong any more
            load.wait_for(10)
    assert load.lost == []
    assert room.workers() == workers


def test_what_only_shows_when_it_is_tried_is_a_mistake_too(room: Room, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        room.write(listen=f'"127.0.0.1:0", "127.0.0.1:{port}"', more='[policy]\ndocument = "none.toml"')
        room.hang_up()
        room.until("2 mistakes")
        assert "none.toml: there is no such file" in room.until("none.toml")
        assert f"127.0.0.1:{port}: Address already in use" in room.until("DNS cannot listen")
        assert room.ask("www.example.org") == ["192.0.2.1"]
    room.file.unlink()
    assert "cannot be read" in room.until("cannot be read")
    room.write(workers=1)
    room.until("following")
    assert room.ask("www.example.org") == ["192.0.2.1"]
    assert room.problem() == ""


def test_a_worker_started_anew_begins_with_the_policy_of_now(tmp_path: Path) -> None:
    settings = tmp_path / "room.toml"
    text = ROOM.format(listen='"127.0.0.1:0"', upstream=9, workers=1, rate_limit=0, more="")
    settings.write_text(text + '[policy]\ndocument = "policy.toml"\n')
    groups = 'groups = [{{name = "p", profile = "q"}}]\nprofiles = [{{name = "q"}}]\n'
    policy = 'version = {}\ndefault_group = "p"\n' + groups
    document = tmp_path / "policy.toml"
    document.write_text(policy.format(1))
    loaded = load_settings(settings, RoomSettings)
    files = RoomPolicySource(
        loaded, RoomPaths.from_settings(loaded)
    )  # as the supervisor holds it from its start on
    document.write_text(policy.format(20))
    files.load_if_changed()
    assert files.current().version == 20
    document.write_text("no policy")
    files.load_if_changed()
    assert files.current().version == 20
    document.write_text(policy.format(21))
    files.load = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]  # a mistake of ours
    files.load_if_changed()
    assert files.current().version == 20


def test_what_changed_while_the_room_was_starting_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    text = ROOM.format(listen='"127.0.0.1:0"', upstream=9, workers=1, rate_limit=0, more="")
    file.write_text(text)
    settings = load_settings(file, RoomSettings)
    first, second = (WorkerGroup(ListenSockets(), workers, lambda *_: None) for workers in (1, 2))
    follower = SettingsReload(
        file, settings, first, lambda *_: second, health_folder=tmp_path / "health", log=lambda _: None
    )
    assert follower.poll(reload_requested=False) is None  # read, and the same
    file.write_text(text.replace("workers = 1", "workers = 2"))
    late_follower = SettingsReload(
        file, settings, first, lambda *_: second, health_folder=tmp_path / "health", log=lambda _: None
    )
    assert late_follower.poll(reload_requested=False) is second
