"""A central service for tests: a real database and real services in a folder, with a clock that stands still."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from appliance import protocol
from appliance.central import accounts, requests, room_life
from appliance.central.models import RoomRow
from appliance.central.service import Central
from appliance.rights import Role
from appliance.settings.central import CentralSection, CentralSettings
from appliance.settings.values import Endpoint
from dns.policy.document import PolicyDocument

MORNING = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PASSWORD = "a long pass phrase"


class SchoolClock:
    """Shows what it was set to; that time has run as well, but for what it has jumped."""

    def __init__(self) -> None:
        self.time = MORNING
        self._jumped = timedelta()

    def __call__(self) -> datetime:
        return self.time

    def pass_minutes(self, minutes: float) -> None:
        self.time += timedelta(minutes=minutes)

    def jump(self, by: timedelta) -> None:
        self.time += by
        self._jumped += by

    def running_seconds(self) -> float:
        return (self.time - self._jumped).timestamp()


def settings(folder: Path, *, database: str = "") -> CentralSettings:
    service = CentralSection(
        school="Example Primary", data=folder, listen=Endpoint("127.0.0.1", 0), database=database
    )
    return CentralSettings(central=service)


class FakeSchool:
    """A prepared central service, and short ways to say what happens in it."""

    def __init__(
        self, folder: Path, *, database: str = "", prepared: bool = False, clock: SchoolClock | None = None
    ) -> None:
        self.clock = clock or SchoolClock()
        self.central = Central(settings(folder, database=database), self.clock, uptime=self.clock.running_seconds)
        if not prepared:
            self.central.prepare_database()
        self.store = self.central.store

    def enrol(self, name: str = "Room 4") -> str:
        with self.store.write_session() as session:
            return room_life.enrol_room(session, self.clock(), name=name, by="test", replace=True)

    def room(self, name: str = "Room 4") -> RoomRow:
        with self.store.read_session() as session:
            return session.scalars(select(RoomRow).where(RoomRow.name == name)).one()

    def account(self, username: str, role: Role | tuple[Role, ...], password: str = PASSWORD) -> None:
        with self.store.write_session(affects_rooms=False) as session:
            accounts.add_account(
                session, self.clock(), username=username, name=username.title(),
                roles=(role,) if isinstance(role, str) else role, password=password, by="test",
            )  # fmt: skip

    def unblock_request(self, site: str = "games.example.org", minutes: int = 30) -> protocol.UnblockRequest:
        return protocol.UnblockRequest(
            id=uuid4().hex, site=site, reason="For the lesson", minutes=minutes, teacher="teacher",
            asked_at=self.clock(),
        )  # fmt: skip

    def request(self, room: str = "Room 4", site: str = "games.example.org", minutes: int = 30) -> str:
        asked = self.unblock_request(site, minutes)
        with self.store.write_session() as session:
            assert requests.submit_request(session, self.clock(), self.room(room), asked)
        return asked.id

    def document(self, room: str = "Room 4") -> PolicyDocument:
        """Return the policy that a room is given now."""
        entry = self.central.targets.current_entry(self.room(room).id)
        assert entry is not None
        return entry.to_document(self.clock())

    def close(self) -> None:
        self.store.close()
