"""The certificate of encrypted DNS, as it comes, goes and is damaged; and tickets that every worker can open."""

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from dns.server.session_tickets import ROTATION_SECONDS, TicketKeys, set_ticket_keys
from dns.server.tls import Certificate
from tests.fakes.authority import Authority

NAME = "room.example.org"


def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(authority: Authority, tmp_path: Path) -> None:
    clock = [0.0]
    files = (tmp_path / "server.pem", tmp_path / "server.key")
    _copy(authority.sign(NAME), files)
    certificate = Certificate(*files, ["dot"], lambda: clock[0])
    first = certificate.current_context("dot")
    _copy(authority.sign(NAME), files)
    assert certificate.current_context("dot") is first
    clock[0] += 100
    second = certificate.current_context("dot")
    assert second is not first
    files[1].write_text("no key")
    clock[0] += 100
    assert certificate.current_context("dot") is second
    assert "the one before stays in use" in certificate.describe_problem()
    _copy(authority.sign(NAME), files)
    clock[0] += 3  # while something is wrong it is looked at soon
    assert certificate.current_context("dot") is not second
    assert certificate.describe_problem() == ""


def test_one_that_is_not_there_is_waited_for(authority: Authority, tmp_path: Path) -> None:
    clock, changes = [0.0], [0]
    files = (tmp_path / "server.pem", tmp_path / "server.key")
    certificate = Certificate(*files, ["dot", "h2"], lambda: clock[0])

    def count() -> None:
        changes[0] += 1

    certificate.on_change = count
    assert certificate.current_context("dot") is None
    assert "server.pem: No such file or directory (nobody is answered" in certificate.describe_problem()
    _copy(authority.sign(NAME), files)
    clock[0] += 3
    assert certificate.current_context("h2") is not None
    assert (changes, certificate.is_loaded) == ([1], True)


def test_a_certificate_that_cannot_be_used_says_which_file(authority: Authority, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    missing.write_text("nonsense")
    assert "missing.pem" in _problem(missing, missing)
    assert "missing.pem" in _problem(missing / "below", missing)
    assert "Is a directory" in _problem(tmp_path, missing)
    certificate, key = authority.sign(NAME, file="one")
    _, other = authority.sign(NAME, file="other")
    assert "other.key: is not the key of " in _problem(certificate, other)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert "without a password" in _problem(certificate, locked)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_rfc5077_rfc8446_4_6_1_a_ticket_of_one_worker_is_opened_by_another(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    files, keys = authority.sign(NAME), TicketKeys()
    client = authority.trust()
    client.minimum_version = client.maximum_version = version
    worker, other = (_context(files, keys) for _ in range(2))
    _, ticket = _shake_hands(client, worker)
    assert _shake_hands(client, other, ticket)[0]
    alone = _context(files, TicketKeys())
    assert not _shake_hands(client, alone, ticket)[0]  # as it was before, and no more than one handshake lost


def test_the_keys_are_replaced_and_every_process_takes_the_new_ones(authority: Authority) -> None:
    clock = [1000.0]
    files, keys = authority.sign(NAME), TicketKeys(lambda: clock[0])
    worker = Certificate(*files, ["dot"], time.monotonic, ticket_keys=keys)
    client = authority.trust()
    _, ticket = _shake_hands(client, _current(worker))
    clock[0] += ROTATION_SECONDS + 1
    assert not _shake_hands(client, _current(worker), ticket)[0]
    _, ticket = _shake_hands(client, _current(worker))

    def fresh_keys_in_another_process() -> bytes:
        _current(worker)
        return keys._keys

    assert _in_child(fresh_keys_in_another_process) == keys._keys  # it makes no others
    clock[0] += ROTATION_SECONDS + 1
    made = _in_child(fresh_keys_in_another_process)
    assert made != keys._keys
    _current(worker)
    assert keys._keys == made


def test_an_openssl_that_is_not_as_known_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert set_ticket_keys(context, bytes(80))
    monkeypatch.setattr("dns.server.session_tickets._KNOWN_PYTHONS", frozenset())
    assert not set_ticket_keys(context, bytes(80))


def _context(files: tuple[Path, Path], keys: TicketKeys) -> ssl.SSLContext:
    return _current(Certificate(*files, ["dot"], time.monotonic, ticket_keys=keys))


def _current(certificate: Certificate) -> ssl.SSLContext:
    context = certificate.current_context("dot")
    assert context is not None
    return context


def _shake_hands(
    client: ssl.SSLContext, server: ssl.SSLContext, ticket: ssl.SSLSession | None = None
) -> tuple[bool, ssl.SSLSession | None]:
    """Connect in memory; return whether the session was resumed, and the ticket for the next time."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(down, up, server_hostname=NAME, session=ticket)
    answers = server.wrap_bio(up, down, server_side=True)
    open_ends = [asks, answers]
    while open_ends:
        for end in list(open_ends):
            try:
                end.do_handshake()
                open_ends.remove(end)
            except ssl.SSLWantReadError:
                continue
    answers.write(b".")
    asks.read(1)  # tickets of TLS 1.3 come before it
    return bool(asks.session_reused), asks.session


def _in_child(work: Callable[[], bytes]) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, work())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        found = file.read()
    os.waitpid(child, 0)
    return found


def _problem(certificate: Path, key: Path) -> str:
    return Certificate(certificate, key, ["dot"], lambda: 0.0).describe_problem()


def _copy(sources: tuple[Path, Path], targets: tuple[Path, Path]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.unlink(missing_ok=True)
        target.write_bytes(source.read_bytes())
