"""What rooms are told, and how much is read and built for it."""

import msgspec
import pytest
from sqlalchemy import event, update

from appliance.central import requests, rules, unblocks
from appliance.central.clock_guard import FILE_NAME, ClockJumps
from appliance.central.models import RoomRow, RuleRow
from appliance.central.room_targets import MAX_INLINE_BYTES, RoomEntry, RoomTargets
from appliance.protocol import Target
from tests.appliance.central.factories import approve
from tests.fakes.school import FakeSchool

ROOMS = 30


@pytest.fixture
def targets(school: FakeSchool) -> RoomTargets:
    """The table of a process that serves rooms, of a school with many."""
    for number in range(ROOMS):
        school.enrol(f"Room {number}")
    made = RoomTargets(school.store, school.central.epoch_file, school.clock, steady(school), has_every_room=True)
    made.refresh_targets()
    made.take_changed()
    return made


def steady(school: FakeSchool) -> ClockJumps:
    return ClockJumps(school.central.settings.central.data / FILE_NAME, school.clock, school.clock.running_seconds)


def entry(school: FakeSchool, targets: RoomTargets, room: str = "Room 4") -> RoomEntry:
    found = targets.find_entry(school.room(room).id)
    assert found is not None
    return found


def block(school: FakeSchool, name: str) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="cora")


def built(targets: RoomTargets) -> tuple[int, int]:
    """Return how many policies of schools and of rooms were built since this was asked last."""
    counts = (targets.counts.school_policies, targets.counts.room_policies)
    targets.counts.school_policies = targets.counts.room_policies = 0
    return counts


def test_the_schools_part_is_built_once_for_all_rooms(school: FakeSchool, targets: RoomTargets) -> None:
    assert built(targets) == (1, ROOMS)
    block(school, "bad.example.org")
    targets.refresh_targets()
    assert built(targets) == (1, ROOMS)
    assert len(targets.take_changed()) == ROOMS
    assert entry(school, targets).policy.school is entry(school, targets, "Room 5").policy.school


def test_a_change_of_one_room_builds_and_wakes_that_room_alone(school: FakeSchool, targets: RoomTargets) -> None:
    built(targets)
    approve(school, school.request("Room 4"))
    targets.refresh_targets()
    assert built(targets) == (0, 1)
    assert targets.take_changed() == {school.room("Room 4").id}


def test_where_nothing_has_changed_nothing_is_built_and_one_row_is_read(
    school: FakeSchool, targets: RoomTargets
) -> None:
    built(targets)
    statements: list[str] = []
    with school.store.read_session() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda _c, _cu, statement, *_: statements.append(statement))
    targets.refresh_targets()
    assert built(targets) == (0, 0)
    assert targets.take_changed() == frozenset()
    assert len(statements) == 1


def test_an_opening_that_ends_builds_and_wakes_its_rooms(school: FakeSchool, targets: RoomTargets) -> None:
    approve(school, school.request("Room 4", minutes=10))
    targets.refresh_targets()
    assert targets.seconds_until_expiry() == 600
    targets.take_changed()
    built(targets)
    school.clock.pass_minutes(10)
    targets.refresh_targets()
    assert built(targets) == (0, 1)
    assert targets.take_changed() == {school.room("Room 4").id}
    assert entry(school, targets).policy.unblocks == ()
    assert targets.seconds_until_expiry() is None


def test_an_opening_without_a_request_ends_as_well(school: FakeSchool, targets: RoomTargets) -> None:
    opened = approve(school, school.request("Room 4", minutes=10))
    with school.store.write_session() as session:
        session.merge(opened).request_id = None
    targets.refresh_targets()
    assert len(entry(school, targets).policy.unblocks) == 1
    school.clock.pass_minutes(10)
    targets.refresh_targets()
    assert entry(school, targets).policy.unblocks == ()


def test_an_opening_for_the_school_is_in_every_rooms_policy(school: FakeSchool, targets: RoomTargets) -> None:
    approve(school, school.request("Room 4", minutes=20), scope="school")
    approve(school, school.request("Room 5", site="maps.example.org", minutes=10))
    targets.refresh_targets()
    assert [one.site for one in entry(school, targets).policy.unblocks] == ["games.example.org"]
    assert [one.site for one in entry(school, targets, "Room 5").policy.unblocks] == [
        "maps.example.org", "games.example.org",
    ]  # fmt: skip


def test_equal_content_has_an_equal_digest_whatever_its_version(school: FakeSchool, targets: RoomTargets) -> None:
    before = entry(school, targets).target
    block(school, "bad.example.org")
    targets.refresh_targets()
    blocked = entry(school, targets).target
    with school.store.write_session() as session:
        (rule,) = rules.list_rules(session)
        rules.remove_rule(session, school.clock(), rule_id=rule.id, by="cora")
    targets.refresh_targets()
    after = entry(school, targets).target
    assert before.policy_digest == after.policy_digest != blocked.policy_digest
    assert (before.policy, blocked.policy, after.policy) == (1, 2, 3)
    assert len({entry(school, targets, f"Room {number}").target.policy_digest for number in range(ROOMS)}) == ROOMS


def test_the_version_is_kept_before_anybody_is_told(school: FakeSchool, targets: RoomTargets) -> None:
    told = entry(school, targets).target
    kept = school.room("Room 4")
    assert (kept.policy_version, kept.policy_digest) == (told.policy, told.policy_digest)


def test_two_processes_give_one_content_one_version(school: FakeSchool, targets: RoomTargets) -> None:
    other = RoomTargets(school.store, school.central.epoch_file, school.clock, steady(school), has_every_room=True)
    block(school, "bad.example.org")
    targets.refresh_targets()
    other.refresh_targets()
    assert entry(school, other).target == entry(school, targets).target
    assert entry(school, targets).target.policy == 2


def test_a_process_for_pages_builds_for_those_rooms_only_that_ask_it(school: FakeSchool) -> None:
    for name in ("Room 4", "Room 5"):
        school.enrol(name)
    targets = RoomTargets(school.store, school.central.epoch_file, school.clock, steady(school))
    targets.refresh_targets()
    assert targets.counts.room_policies == 0
    assert targets.current_entry(school.room("Room 4").id) is not None
    block(school, "bad.example.org")
    targets.refresh_targets()
    assert targets.counts.room_policies == 2
    assert targets.find_entry(school.room("Room 5").id) is None
    assert targets.current_entry(99) is None


def test_a_policy_is_no_older_than_the_moment_it_is_asked_for(school: FakeSchool, targets: RoomTargets) -> None:
    unblock = approve(school, school.request("Room 4"))
    room_id = school.room("Room 4").id
    found = targets.current_entry(room_id)
    assert found is not None
    assert len(found.policy.unblocks) == 1
    with school.store.write_session() as session:
        unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by="tess")
    found = targets.current_entry(room_id)
    assert found is not None
    assert found.policy.unblocks == ()


def test_who_is_to_be_woken_is_known_whoever_brought_the_table_up_to_date(
    school: FakeSchool, targets: RoomTargets
) -> None:
    block(school, "bad.example.org")
    targets.current_entry(school.room("Room 4").id)  # as a room does that asks for its policy
    targets.refresh_targets()
    assert len(targets.take_changed()) == ROOMS


def test_a_small_policy_travels_in_the_line_where_the_line_before_had_another(
    school: FakeSchool, targets: RoomTargets
) -> None:
    one = entry(school, targets)
    first = one.to_line(school.clock(), None)
    assert first.document == one.to_document(school.clock())
    assert first.time == school.clock().timestamp()
    assert one.to_line(school.clock(), one.target).document is None
    asked = school.request("Room 4")
    targets.refresh_targets()
    assert entry(school, targets).to_line(school.clock(), one.target).document is None
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=asked, by="cora")
    targets.refresh_targets()
    opened = entry(school, targets).to_line(school.clock(), one.target)
    assert opened.document is not None
    assert len(opened.document.unblocks) == 1
    assert len(msgspec.json.encode(opened.document)) < MAX_INLINE_BYTES


def test_a_large_policy_is_fetched(school: FakeSchool, targets: RoomTargets) -> None:
    with school.store.write_session() as session:
        for number in range(400):
            session.add(
                RuleRow(
                    name=f"{number}.example.org", action="block", locked=False, note="n" * 60, by="cora",
                    made_at=school.clock(),
                )
            )  # fmt: skip
    targets.refresh_targets()
    one = entry(school, targets)
    assert len(msgspec.json.encode(one.to_document(school.clock()))) > MAX_INLINE_BYTES
    assert one.to_line(school.clock(), None).document is None


def test_no_line_with_a_policy_in_it_is_too_long_for_a_room(school: FakeSchool, targets: RoomTargets) -> None:
    """A line is found just below the limit by lengthening one note: whatever travels inline fits."""
    with school.store.write_session() as session:
        for number in range(200):
            session.add(
                RuleRow(
                    name=f"{number}.example.org", action="block", note="n" * 60, by="c", made_at=school.clock()
                )
            )
    lengths = []
    for length in range(60, 200, 10):
        with school.store.write_session() as session:
            session.execute(update(RuleRow).values(note="n" * length))
            session.add(RuleRow(name=f"l{length}.example.org", action="block", by="c", made_at=school.clock()))
        targets.refresh_targets()
        line = entry(school, targets).to_line(school.clock(), None)
        if line.document is not None:
            lengths.append(len(msgspec.json.encode(line.document)))
    assert MAX_INLINE_BYTES * 3 / 4 < max(lengths) <= MAX_INLINE_BYTES


class OldTarget(msgspec.Struct, frozen=True):
    """A line as rooms of before read it."""

    policy: int
    index: str
    requests: int


def test_a_room_of_before_reads_todays_lines(school: FakeSchool, targets: RoomTargets) -> None:
    line = msgspec.json.encode(entry(school, targets).to_line(school.clock(), None))
    assert msgspec.json.decode(line, type=OldTarget) == OldTarget(1, "", 0)


def test_todays_rooms_read_the_lines_of_a_central_of_before() -> None:
    line = msgspec.json.encode(OldTarget(7, "f" * 64, 2))
    assert msgspec.json.decode(line, type=Target) == Target(policy=7, index="f" * 64, requests=2)


def test_a_room_that_is_gone_is_taken_out(school: FakeSchool, targets: RoomTargets) -> None:
    room = school.room("Room 4")
    with school.store.write_session() as session:
        session.delete(session.get_one(RoomRow, room.id))
    targets.refresh_targets()
    assert targets.find_entry(room.id) is None
    assert room.id in targets.take_changed()
