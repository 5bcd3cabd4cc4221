"""A room's index, by what central and a mirror say: which of them is asked, and whose word counts."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.protocol import Target
from appliance.room.agent import mirror_sync
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.installer import installed_index_version
from appliance.room.agent.signed_lists import SignedLists
from appliance.room.agent.store import AgentStore
from appliance.room.index_age import read_index_age
from appliance.room.paths import RoomPaths
from appliance.settings.dns import DnsSection
from appliance.settings.room import CentralLink, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.appliance.room.agent.conftest import until
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.enrolled import compiled
from tests.fakes.list_mirror import FakeMirror, export, fake_mirror
from tests.fakes.signing_central import SigningCentral


@pytest.fixture
def mirror() -> Iterator[FakeMirror]:
    with fake_mirror() as one:
        yield one


class School:
    """Three indexes, one after the other; central, a mirror, and the part of a room's agent that follows them."""

    def __init__(self, folder: Path, central: FakeCentral, mirror: FakeMirror) -> None:
        self.folder, self.central, self.mirror = folder, central, mirror
        self.signing = SigningCentral(folder / "signing")
        self.signing.pass_days((time.time() - self.signing.now.timestamp()) / 86_400 - 3)
        self.indexes = dict(compiled(folder, name, f"{name}.example") for name in ("one", "two", "three"))
        self.one, self.two, self.three = self.indexes
        self.paths = RoomPaths(data=folder / "data", sockets=folder / "run")
        self.paths.data.mkdir()
        (folder / "token").write_text(TOKEN)
        self.link = CentralLink(url=central.url, token_file=folder / "token")
        self.settings = RoomSettings(
            room=RoomSection(name="Room 4", data=self.paths.data),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            central=self.link,
        )

    def publish(self, version: str) -> None:
        """Let central have and sign an index, and name it."""
        self.signing.pass_days(1)
        self.signing.sign(version, self.indexes[version])
        self.central.indexes[version] = self.indexes[version]
        self.central.signatures = {path.name: path.read_bytes() for path in self.signing.metadata.iterdir()}
        self.central.target = Target(policy=0, index=version, requests=0)

    def mirror_it(self) -> None:
        self.mirror.hold(export(self.signing, self.folder / "export"))

    def has(self, version: str) -> bool:
        return installed_index_version(self.paths) == version

    def index_age(self) -> float:
        return read_index_age(self.settings, self.paths, time.time()) or 0.0

    @asynccontextmanager
    async def following(self, *, trusts: bool = True) -> AsyncIterator[CentralSync]:
        store = AgentStore(self.paths.agent_store)
        client = CentralClient(CentralConnection(self.link, identity_folder=self.paths.identity))
        identity = client.connection.identity
        assert identity is not None
        if trusts:  # what the room saw when it could still tell that central is central

            async def fetch(name: str, max_bytes: int) -> bytes | None:
                return self.signing.fetch(name, max_bytes)

            seen = SignedLists(identity.lists_folder, fetch, identity.earliest_time, is_pinned=lambda: True)
            await seen.find_terms(self.central.target.index)
        sync = CentralSync(
            client, store, self.paths, "0.0.0", index_spread_seconds=0.0, mirrors=(self.mirror.url,)
        )
        sync.mirrors.away_seconds = 0.5
        works = (sync.feed.follow(), sync.index.follow(), sync.mirrors.follow())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield sync
            assert not [task for task in tasks if task.done()]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.connection.close()
            store.close()


@pytest.fixture
def school(folder: Path, central: FakeCentral, mirror: FakeMirror, monkeypatch: pytest.MonkeyPatch) -> School:
    monkeypatch.setattr(mirror_sync, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(mirror_sync, "CHECK_SECONDS", 0.1)
    return School(folder, central, mirror)


def test_a_mirror_spares_central_the_files_and_is_not_asked_what_is_signed(school: School) -> None:
    school.publish(school.one)
    school.mirror_it()

    async def story() -> None:
        async with school.following():
            await until("the index", lambda: school.has(school.one))
        assert school.mirror.asked == [f"indexes/{school.one}/index.hpx"]
        assert school.central.index_fetches == []

    asyncio.run(story())


def test_without_central_a_mirror_leads_to_the_newest_lists_and_central_has_the_last_word(school: School) -> None:
    school.publish(school.one)
    school.mirror_it()

    async def story() -> None:
        async with school.following() as sync:
            await until("the first index", lambda: school.has(school.one))
            school.central.stop()
            await until("the silence", lambda: not sync.is_reachable)
            school.publish(school.two)
            school.mirror_it()
            await until("the second, from the mirror", lambda: school.has(school.two))
            await until("its age, since it was signed", lambda: school.index_age() > 3600)
            school.publish(school.three)  # the mirror lags behind
            school.mirror.forget()
            school.central.start()
            await until("the third, from central", lambda: school.has(school.three))
            assert school.central.index_fetches == [""]
            assert school.index_age() < 3600

    asyncio.run(story())


def test_a_room_that_trusts_nobody_yet_takes_everything_from_central(school: School) -> None:
    school.publish(school.one)
    school.mirror_it()

    async def story() -> None:
        async with school.following(trusts=False) as sync:
            await until("the index", lambda: school.has(school.one))
            school.central.stop()
            await until("the silence", lambda: not sync.is_reachable)
            school.publish(school.two)
            school.mirror_it()
            await sync.mirrors.look()
        assert school.mirror.asked == []

    asyncio.run(story())
