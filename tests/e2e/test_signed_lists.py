"""Signed lists from end to end: a real central signs, a real agent checks over mutual TLS, and people step in.

One central and one agent for all of it: the story of a school's lists, good and bad.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance.central import policies
from appliance.central.lists import handed_in, sources
from appliance.central.models import SchoolRow
from appliance.central.room_life import enrol_room
from appliance.central.service import open_central
from appliance.room import health
from appliance.room.agent.installer import installed_index_version
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.e2e.school import Process, answers, hallpass, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

PASSPHRASE = "correct horse battery staple"
SOON = 30.0


class Story:
    """A central and a room's agent, in processes of their own, and short ways to say what happens."""

    def __init__(self, folder: Path) -> None:
        self.folder, port, pages = folder, free_port(), free_port()
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{pages}"\n'
            f'rooms_listen = "127.0.0.1:{port}"\n'
        )
        self.central = open_central(load_settings(self.config, CentralSettings))
        with self.central.store.write_session() as session:
            session.scalars(select(SchoolRow)).one().starter_list = False
            (folder / "token").write_text(enrol_room(session, self.central.now(), name="Room 4", by="test"))
        self._lists = 0
        self.subscribe()
        self.process = Process(folder, "central", *HALLPASS, "central", "--config", str(self.config))
        until("central", lambda: answers(f"http://127.0.0.1:{port}"), 60)
        self.room_config = folder / "room.toml"
        self.room_config.write_text(
            '[room]\nname = "Room 4"\ndata = "room"\n[dns]\nlisten = ["127.0.0.1:0"]\n'
            'upstreams = ["127.0.0.1:9"]\n[web]\nlisten = "127.0.0.1:8080"\n[central]\n'
            f'url = "http://127.0.0.1:{port}"\ntoken_file = "token"\nindex_spread_seconds = 0\n'
        )
        self.paths = RoomPaths.from_settings(load_settings(self.room_config, RoomSettings))
        self._agent = Process(folder, "agent", *HALLPASS, "agent", "--config", str(self.room_config))

    def subscribe(self) -> None:
        """Add a list to the school's."""
        self._lists += 1
        number = self._lists
        content = "".join(f"site{one}-{number}.example\n" for one in range(200)).encode()
        kept = handed_in.store_file(self.central.settings.central.data / "lists", content)
        with self.central.store.write_session() as session:
            sources.subscribe_source(
                session, self.central.now(), name=f"list-{number}", category="games", location=str(kept), by="test"
            )

    def publish(self) -> str:
        """Have another index published; return its hash."""
        self.subscribe()
        self.central.publisher.build_and_publish()
        return self.published()

    def published(self) -> str:
        with self.central.store.read_session() as session:
            row = policies.latest_publication(session)
        return row.hash if row is not None else ""

    @contextmanager
    def signing(self, sign: Callable[[Path], object]) -> Iterator[None]:
        """Have another one sign meanwhile."""
        signer = self.central.publisher.signer
        self.sign = signer.sign_index
        signer.sign_index = sign  # type: ignore[method-assign,assignment]  # a broken central
        try:
            yield
        finally:
            signer.sign_index = self.sign  # type: ignore[method-assign]  # the one of before

    def sign_and_put_back(self, index: Path, kept: dict[str, bytes]) -> None:
        """Sign, and serve what was signed before."""
        self.sign(index)
        for name, content in kept.items():
            (self.metadata / name).write_bytes(content)

    def sign_and_alter(self, index: Path) -> None:
        """Sign, and change an octet of what is sent."""
        self.sign(index)
        path = index / "index.hpx"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def has(self, version: str) -> bool:
        return bool(version) and installed_index_version(self.paths) == version

    def refusal(self) -> str:
        """Return why the room takes no new lists, as its agent says it."""
        said = [one for one in health.read_health(self.paths.health_folder, time.time()) if one.process == "agent"]
        name = Condition.LISTS_NOT_TRUSTED
        return said[0].details.get(name.value, "") if said and name in said[0].conditions else ""

    @property
    def metadata(self) -> Path:
        return self.central.publisher.signer.folder / "metadata"

    def close(self) -> None:
        self._agent.stop()
        self.process.stop()
        self.central.store.close()


@contextmanager
def story() -> Iterator[Story]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    one = Story(folder)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.exhaustive  # twelve seconds of processor time
@pytest.mark.timeout(300)
def test_a_room_takes_what_its_central_has_signed_and_keeps_it_whatever_comes_afterwards() -> None:
    with story() as school:
        first = until("the first index", school.published)
        until("the room to take it", lambda: school.has(first), SOON)
        trusted = next(school.paths.identity.glob("lists-*/trusted-root.json"), None)
        if trusted is None:  # the first came before the certificate: the next one is checked
            first = school.publish()
            until("the room to take it", lambda: school.has(first), SOON)
            trusted = next(school.paths.identity.glob("lists-*/trusted-root.json"))
        assert json.loads(trusted.read_bytes())["signed"]["version"] == 1

        kept = {path.name: path.read_bytes() for path in school.metadata.iterdir()}
        second = school.publish()
        until("an overlay to be taken", lambda: school.has(second), SOON)

        # A central that publishes what nobody has signed.
        with school.signing(lambda _index: None):
            school.publish()
        until("the room to say so", lambda: "not the ones it has signed" in school.refusal(), SOON)
        # What is signed, and not what is sent.
        with school.signing(school.sign_and_alter):
            school.publish()
        until("the room to say so", lambda: "not the ones that central has signed" in school.refusal(), SOON)
        # Whoever answers in central's place has what was signed before, and nothing newer.
        with school.signing(lambda index: school.sign_and_put_back(index, kept)):
            school.publish()
        until("the room to say so", lambda: "a second time" in school.refusal(), SOON)
        assert school.has(second)
        third = school.publish()
        until("the room to take what is right", lambda: school.has(third), SOON)

        school.process.stop()
        school.process.start()
        until(
            "central to say it at its start", lambda: "stands on this machine alone" in school.process.said, SOON
        )
        stick = school.folder / "root.pem"
        (school.folder / "words").write_text(PASSPHRASE)
        words = ("--passphrase-file", str(school.folder / "words"), "--config", str(school.config))
        signatures = ("central", "signatures")
        assert "stands on this machine alone" in hallpass(*signatures, "show", "--config", str(school.config))
        hallpass(*signatures, "export-root", str(stick), *words)
        hallpass(*signatures, "confirm-root", str(stick), *words)
        assert "alone" not in hallpass(*signatures, "show", "--config", str(school.config))
        hallpass(*signatures, "rotate", "--root-key", "--root-file", str(stick), *words)
        fourth = school.publish()
        until("the room to follow other keys", lambda: school.has(fourth), SOON)
        assert json.loads(trusted.read_bytes())["signed"]["version"] == 2

        hallpass(*signatures, "begin-anew", "--force", "--config", str(school.config))
        fifth = school.publish()
        until("the room to say so", lambda: "keys that this room does not trust" in school.refusal(), SOON)
        assert school.has(fourth)
        hallpass("agent", "trust-new-lists", "--config", str(school.room_config))
        until("the room to take it when told to", lambda: school.has(fifth), 60)
        until("the condition to end", lambda: not school.refusal(), SOON)
