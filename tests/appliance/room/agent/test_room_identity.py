"""A room with a key of its own, and central: real processes of central, real agents' parts, real TLS."""

import shutil
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from appliance.central.models import RoomRow
from appliance.central.room_keys import find_authority, forget_key
from appliance.central.room_life import revoke_room
from appliance.central.rooms_authority import unseal_authority
from appliance.central.x509_certificates import sign_server
from appliance.commands import central_authority
from appliance.protocol import IssuedCertificate
from appliance.room.agent.central_errors import CentralIntercepted
from appliance.room.agent.pinned_connection import PinnedCentral
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.service import sync_conditions
from appliance.room.conditions import Condition
from tests.appliance.room.agent.conftest import until
from tests.appliance.room.agent.following_room import Room, put_certificate, run, shake_hands
from tests.fakes.network_between import opening_proxy, relay
from tests.fakes.pinned_room import call_plain
from tests.webui.api.test_room_certificates import Served

pytestmark = pytest.mark.xdist_group("room certificates")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("identity"))
    yield one
    one.close()


def row_of(served: Served, name: str) -> RoomRow:
    return served.read(name)


def test_a_room_makes_its_key_shows_its_certificate_and_needs_its_token_no_more(
    served: Served, tmp_path: Path
) -> None:
    name, token = served.token()
    room = Room(tmp_path / "room", served, token, has_key=False)

    async def story() -> None:
        await room.come_in()
        key = room.paths.identity / "key.pem"
        assert key.stat().st_mode & 0o777 == 0o600
        assert room.paths.identity.stat().st_mode & 0o777 == 0o700
        assert call_plain(served.port, "GET", "policy", token)[0] == 401
        made = key.read_bytes()
        async with room.following() as sync:
            await until("central again", lambda: sync.is_reachable)
            assert await room.client.fetch_request_states() == []
            await room.client.withdraw_request("a" * 32)
        assert key.read_bytes() == made

    run(story())
    assert row_of(served, name).key_confirmed_at is not None


def test_a_card_whose_file_names_the_authority_never_speaks_in_the_clear(served: Served, tmp_path: Path) -> None:
    _, token = served.token()
    with served.central.store.read_session() as session:
        authority = find_authority(session)
    assert authority is not None
    seen: list[bytes] = []
    with relay(served.port, seen) as port:
        room = Room(tmp_path / "room", served, token, port=port, authority=authority.certificate)
        run(room.come_in())
    everything = b"".join(seen)
    assert everything
    assert token.encode() not in everything
    assert b"policy" not in everything
    assert b"HTTP/1.1" not in everything


@pytest.mark.parametrize("ahead_days", [-20_000, pytest.param(-60, marks=pytest.mark.exhaustive), 60])
def test_a_room_whose_clock_is_far_off_comes_in_and_its_messages_too(
    served: Served, tmp_path: Path, ahead_days: int
) -> None:
    name, token = served.token()
    room = Room(tmp_path / "room", served, token)
    room.clock = lambda: max(1.0, time.time() + ahead_days * 86_400)
    room.is_clock_trusted = ahead_days > 0

    async def story() -> None:
        await room.come_in()
        async with room.following() as sync:
            await until("central", lambda: sync.is_reachable)
            assert room.identity.earliest_time() > time.time() - 60, "central's time is the least that it can be"

    run(story())
    assert row_of(served, name).key_confirmed_at is not None


def test_what_central_said_of_the_time_ends_an_old_certificate_of_centrals_whatever_the_clock_shows(
    served: Served, tmp_path: Path
) -> None:
    with served.central.store.read_session() as session:
        row = find_authority(session)
    assert row is not None
    authority = unseal_authority(served.central.keys, row)
    stolen = tmp_path / "stolen.pem"
    stolen.write_bytes(sign_server(authority, datetime.now(UTC) - timedelta(days=500)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stolen)
    for known, words in ((0.0, ""), (time.time(), "ended on")):
        way = PinnedCentral(row.certificate, row.id, None, partial(float, known))
        assert words in shake_hands(context, way)
        assert bool(words) == bool(shake_hands(context, way))


def test_a_certificate_that_ended_sixty_days_ago_is_renewed_by_itself(served: Served, tmp_path: Path) -> None:
    _, token = served.token()
    room = Room(tmp_path / "room", served, token)

    async def story() -> None:
        await room.come_in()
        put_certificate(served, room, ended_days_ago=60)
        async with room.following() as sync:
            ended = room.identity.certificate
            await until("another one", lambda: room.identity.certificate != ended and sync.is_reachable)

    run(story())


def test_a_room_comes_back_to_a_database_of_before_it_had_its_key(served: Served, tmp_path: Path) -> None:
    name, token = served.token()
    room = Room(tmp_path / "room", served, token)

    async def story() -> None:
        await room.come_in()
        with served.central.store.write_session() as session:
            forget_key(session.merge(served.read(name)))
        async with room.following() as sync:
            await until("the key", lambda: served.read(name).key_confirmed_at and sync.is_reachable)

    run(story())


def test_a_certificate_is_renewed_at_two_thirds_of_its_life(served: Served, tmp_path: Path) -> None:
    _, token = served.token()
    room = Room(tmp_path / "room", served, token)

    async def story() -> None:
        await room.come_in()
        put_certificate(served, room, ended_days_ago=-11)
        assert not RoomIdentity(room.paths.identity, token).is_renewal_due("", 0.0)
        put_certificate(served, room, ended_days_ago=-9)
        async with room.following() as sync:
            old = room.identity.certificate
            await until("another one", lambda: room.identity.certificate != old and sync.is_reachable)

    run(story())


@pytest.mark.exhaustive
def test_the_copied_card_of_a_room_that_has_a_new_one_is_told_and_the_new_one_works(
    served: Served, tmp_path: Path
) -> None:
    name, token = served.token()
    old = Room(tmp_path / "old", served, token)

    async def story() -> None:
        await old.come_in()
        shutil.copytree(tmp_path / "old", tmp_path / "copy")
        new = Room(tmp_path / "new", served, served.enrol(name))
        await new.come_in()
        copy = Room(tmp_path / "copy", served, token)
        async with copy.following() as sync:
            await until("the end of the copy", lambda: sync.state.is_token_rejected)
            assert list(sync_conditions(sync, time.time())) == [Condition.NO_LONGER_ENROLLED]

    run(story())


@pytest.mark.exhaustive
def test_a_new_enrolment_file_on_a_card_begins_a_new_key(served: Served, tmp_path: Path) -> None:
    name, token = served.token()
    room = Room(tmp_path / "room", served, token)

    async def story() -> None:
        await room.come_in()
        before = (room.paths.identity / "key.pem").read_bytes()
        again = Room(tmp_path / "room", served, served.enrol(name), has_key=False)
        await again.come_in()
        assert (room.paths.identity / "key.pem").read_bytes() != before

    run(story())


def test_a_room_that_is_revoked_while_it_follows_says_so_within_seconds(served: Served, tmp_path: Path) -> None:
    name, token = served.token()
    room = Room(tmp_path / "room", served, token)

    async def story() -> None:
        async with room.following() as sync:
            await until("the certificate", lambda: room.identity.is_proven and sync.is_reachable)
            with served.central.store.write_session() as session:
                revoke_room(session, served.central.now(), room_id=row_of(served, name).id, by="test")
            await until("the end", lambda: sync.state.is_token_rejected)
            assert "revoked at central" in sync.state.rejection

    run(story())


def test_where_connections_are_opened_on_the_way_a_room_of_before_goes_on_and_says_so(
    served: Served, tmp_path: Path
) -> None:
    name, token = served.token()
    with opening_proxy(tmp_path, served.port) as port:
        room = Room(tmp_path / "room", served, token, port=port)

        async def story() -> None:
            async with room.following() as sync:
                await until("the finding", lambda: sync.is_intercepted() and sync.is_reachable)
                assert list(sync_conditions(sync, time.time())) == [Condition.CONNECTION_OPENED]
                assert await room.client.fetch_request_states() == []

        run(story())
        assert row_of(served, name).key_confirmed_at is None


def test_a_room_that_has_shown_its_certificate_speaks_to_nobody_who_opens_its_connections(
    served: Served, tmp_path: Path
) -> None:
    _, token = served.token()
    seen: list[bytes] = []
    run(Room(tmp_path / "room", served, token).come_in())
    with opening_proxy(tmp_path, served.port, seen) as port:
        room = Room(tmp_path / "room", served, token, port=port)

        async def story() -> None:
            async with room.following() as sync:
                await until("the finding", lambda: sync.state.is_intercepted)
                assert list(sync_conditions(sync, time.time())) == [Condition.CONNECTION_OPENED]
                with pytest.raises(CentralIntercepted):
                    await room.client.fetch_request_states()
                with pytest.raises(CentralIntercepted):
                    await room.client.withdraw_request("a" * 32)

        run(story())
    assert seen == []


def test_what_central_sends_in_place_of_a_certificate_is_not_kept(served: Served, tmp_path: Path) -> None:
    _, token = served.token()
    room = Room(tmp_path / "room", served, token)
    run(room.come_in())
    identity = RoomIdentity(room.paths.identity, token)
    kept = identity.certificate
    for certificate in ("", "nonsense", "\0", "\u202e", identity.authority):
        with pytest.raises(Exception, match="none for this room's key"):
            identity.keep(IssuedCertificate(certificate, identity.authority))
    assert RoomIdentity(room.paths.identity, token).certificate == kept


def test_rooms_come_back_after_a_roll_over_also_those_that_were_off(served: Served, tmp_path: Path) -> None:
    rooms = [Room(tmp_path / f"room {number}", served, served.token()[1]) for number in range(3)]
    here, away, late = rooms
    before = authority_of(served)

    async def story() -> None:
        for room in rooms:
            await room.come_in()
        async with here.following() as sync:
            await until("central", lambda: sync.is_reachable)
            assert authority_command(served, "roll-over").exit_code == 0
            assert authority_of(served) != before
            await until("the new one", lambda: here.identity.authority_id == authority_of(served))
            await until("central by it", lambda: sync.is_reachable)
        refused = authority_command(served, "end", before)
        assert refused.exit_code != 0
        assert "would be cut off" in str(refused.exception)
        async with away.following() as sync:
            await until("the new one", lambda: away.identity.authority_id == authority_of(served))
            await until("central by it", lambda: sync.is_reachable)
        assert authority_command(served, "end", before, "--force").exit_code == 0
        states = {
            one["id"]: one for one in msgspec.json.decode(authority_command(served, "show", "--json").output)
        }
        assert states[before]["state"] == "ended"
        assert len(states[authority_of(served)]["rooms"]) == 2
        async with late.following() as sync:
            await until("the end of the old one", lambda: "does not know the authority" in sync.state._said)
        await here.come_in()

    run(story())


def authority_of(served: Served) -> str:
    with served.central.store.read_session() as session:
        row = find_authority(session)
    assert row is not None
    return row.id


def authority_command(served: Served, *arguments: str) -> Result:
    return CliRunner().invoke(central_authority.command, [*arguments, "--config", str(served.config)])
