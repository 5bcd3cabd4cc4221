"""What central deletes by age, and that no clock that jumped makes it delete."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from appliance import protocol
from appliance.central import audit
from appliance.central.clock_guard import FILE_NAME, CentralClockGuard
from appliance.central.incidents import intake, retention
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.upkeep import Upkeep
from tests.fakes.school import MORNING, FakeSchool

HOUR = 3600.0
FOUR_YEARS = timedelta(days=1461)


class Machine:
    """Central's chores on a machine whose clock and running time the test moves."""

    def __init__(self, school: FakeSchool) -> None:
        self.school = school
        self.runs = 5.0
        self.folder = school.central.settings.central.data
        self.start()

    def start(self) -> None:
        guard = CentralClockGuard(self.folder / FILE_NAME, lambda: self.runs)
        self.upkeep = Upkeep(
            self.school.store, self.school.clock, guard, (partial(retention.prune_incidents, days=30),)
        )

    def run(self, hours: int = 1, *, every: int = 1) -> None:
        for _ in range(0, hours, every):
            self.runs += every * HOUR
            self.school.clock.pass_minutes(every * 60)
            self.upkeep.do_chores()

    def incidents(self) -> int:
        with self.school.store.read_session() as session:
            return session.query(IncidentGroupRow).count()

    def close_an_incident(self, number: int) -> None:
        now, room = self.school.clock(), self.school.room()
        made = protocol.Incident(
            id=f"{number:032x}", kind="tunnel", happened_at=now, device="", evidence=("x.example",)
        )
        with self.school.store.write_session() as session:
            intake.receive_incident(session, now, room, made)
            group = session.get_one(IncidentGroupRow, made.id)
            group.state, group.closed_at = "closed", now

    def jumps(self) -> int:
        with self.school.store.read_session() as session:
            return sum(one.what == "clock jumped" for one in audit.list_audit_entries(session))


@pytest.fixture
def machine(school: FakeSchool) -> Iterator[Machine]:
    school.enrol()
    made = Machine(school)
    made.close_an_incident(1)
    made.run()
    yield made
    assert (made.folder / FILE_NAME).is_file()


def test_what_was_closed_long_enough_ago_goes_by_itself(machine: Machine) -> None:
    machine.run(24 * 31, every=24)
    assert (machine.incidents(), machine.jumps()) == (0, 0)


def test_a_clock_that_jumps_forward_and_back_deletes_nothing(machine: Machine) -> None:
    machine.school.clock.time += FOUR_YEARS
    machine.run()
    assert (machine.incidents(), machine.jumps()) == (1, 1)
    machine.school.clock.time -= FOUR_YEARS
    machine.run(24 * 20, every=24)
    assert (machine.incidents(), machine.jumps()) == (1, 2)
    machine.run(24 * 12, every=24)
    assert machine.incidents() == 0, "by its age, once the clock was right for a day"


def test_a_clock_that_is_wrong_at_the_start_deletes_nothing_and_a_second_start_changes_nothing(
    machine: Machine,
) -> None:
    machine.school.clock.time += FOUR_YEARS
    for _ in range(5):
        machine.runs = 5.0
        machine.start()
        machine.run(2)
    assert (machine.incidents(), machine.jumps()) == (1, 1)


def test_after_the_holidays_things_go_a_day_later(machine: Machine) -> None:
    machine.school.clock.time += timedelta(days=42)
    machine.start()
    machine.run(22, every=2)
    assert machine.incidents() == 1
    machine.run(4, every=2)
    assert machine.incidents() == 0


@pytest.mark.parametrize("damage", ["gone", "garbage", "folder"])
def test_without_the_file_the_audit_says_when_something_was_last_done(machine: Machine, damage: str) -> None:
    path = machine.folder / FILE_NAME
    path.unlink()
    if damage == "garbage":
        path.write_bytes(b"\x00{")
    elif damage == "folder":
        (path / "x").mkdir(parents=True)
    machine.school.clock.time = MORNING + FOUR_YEARS
    machine.start()
    machine.run()
    assert (machine.incidents(), machine.jumps()) == (1, 1)
