"""A room whose certificate is missing, comes, is damaged: real processes, asked as devices ask."""

import socket
import time
from pathlib import Path

from appliance.room import health
from appliance.room.conditions import Condition
from tests.fakes.authority import Authority
from tests.fakes.enrolled import wait_until
from tests.fakes.ports import free_port
from tests.fakes.processes import Room
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

CONNECTIONS = 8


def test_encryption_that_is_broken_takes_no_plain_dns_along_and_mends_itself(tmp_path: Path) -> None:
    port = free_port()
    files = (tmp_path / "room.pem", tmp_path / "room.key")
    tls = f'[dns.tls]\ncertificate = "{files[0]}"\nkey = "{files[1]}"\nlisten = ["127.0.0.1:{port}"]\nhttps = []'
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority")
    with FakeUpstream() as upstream:
        room = Room(tmp_path, upstream, more=tls, workers=2)  # type: ignore[arg-type]  # a number is written as well
        try:
            assert room.ask("www.example.org") == ["192.0.2.1"]
            wait_until("health", lambda: "room.pem: No such file" in _said(room))
            with socket.create_connection(("127.0.0.1", port), 20) as turned_away:
                assert turned_away.recv(1) == b""
            for source, target in zip(authority.sign("room4.example", "127.0.0.1"), files, strict=True):
                target.write_bytes(source.read_bytes())
            wait_until("health", lambda: _said(room) == "")
            reused = _ask_over_tls(authority, port)
            assert reused == [False] + [True] * (CONNECTIONS - 1)  # whichever worker answers: it was 1 of 7
            room.follow(2)  # the supervisor reads it too
            files[1].write_text("damaged")
            room.write(workers=3, more=tls)
            room.follow(3)
            assert _ask_over_tls(authority, port)[1:] == [True] * (CONNECTIONS - 1)
            wait_until("health", lambda: "the one before stays in use" in _said(room))
        finally:
            room.close()


def _said(room: Room) -> str:
    """Return what all workers say of the certificate; "" where none says anything."""
    workers = [
        one
        for one in health.read_health(room.paths.health_folder, time.time())
        if one.process.startswith("resolver-") and one.process != "resolver-settings"
    ]
    words = {one.details.get("encrypted-dns", "") for one in workers}
    assert all(
        bool(Condition.ENCRYPTED_DNS in one.conditions) == bool(one.details.get("encrypted-dns"))
        for one in workers
    )
    return words.pop() if len(words) == 1 else "they do not agree"


def _ask_over_tls(authority: Authority, port: int) -> list[bool]:
    """Ask over connections one after the other; tell of each whether its session was resumed."""
    client, ticket, reused = authority.trust(), None, []
    for _ in range(CONNECTIONS):
        plain = socket.create_connection(("127.0.0.1", port), 20)
        with client.wrap_socket(plain, server_hostname="127.0.0.1", session=ticket) as connection:
            message = question("www.example.org")
            connection.sendall(len(message).to_bytes(2, "big") + message)
            assert connection.recv(65535)
            reused.append(bool(connection.session_reused))
            ticket = connection.session
    return reused
