"""Reports of health: many, one transaction; and being heard of needs none."""

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from appliance.central import rooms
from appliance.protocol import RoomHealth
from tests.fakes.school import FakeSchool


def report(version: str = "1") -> RoomHealth:
    return RoomHealth(version=version, policy=1, index="", index_age_seconds=0.0, conditions=())


def commits(school: FakeSchool) -> list[object]:
    """Return a list that grows with every commit."""
    with school.store.read_session() as session:
        engine = session.get_bind()
    made: list[object] = []
    event.listen(engine, "commit", made.append)
    return made


def test_the_reports_of_many_rooms_are_written_together_and_the_newest_counts(school: FakeSchool) -> None:
    names = [f"Room {number}" for number in range(10)]
    for name in names:
        school.enrol(name)
    before, made = school.store.revisions(), commits(school)
    for version in ("1", "2"):
        for name in names:
            school.central.health.add_report(school.room(name).id, report(version))
    assert made == []
    school.central.health.write_batch()
    assert len(made) == 1
    assert {(school.room(name).health or {})["version"] for name in names} == {"2"}
    assert school.room("Room 4").last_seen == school.clock()
    after = school.store.revisions()
    assert (after.rooms, after.school) == (before.rooms, before.school)
    assert after.pages > before.pages
    school.central.health.write_batch()
    assert len(made) == 1, "nothing is written where nothing was said"


def test_a_report_that_cannot_be_written_waits_for_the_next_batch(school: FakeSchool) -> None:
    school.enrol()
    with school.store.read_session() as session:
        engine = session.get_bind()

    def fail(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    event.listen(engine, "before_cursor_execute", fail)
    school.central.health.add_report(1, report("old"))
    with pytest.raises(OperationalError):
        school.central.health.write_batch()
    school.central.health.add_report(1, report("new"))
    event.remove(engine, "before_cursor_execute", fail)
    school.central.health.write_batch()
    assert (school.room().health or {})["version"] == "new"


def test_who_holds_its_feed_open_is_heard_of(school: FakeSchool) -> None:
    school.enrol()
    stream = school.central.feed.watch_targets(school.room().id)
    next(stream)
    before = school.store.revisions()
    school.central.health.write_batch()
    assert school.room().last_seen == school.clock()
    assert school.store.revisions().pages > before.pages, "pages showed it as away"
    stream.close()
    assert school.central.feed.connected_rooms() == frozenset()


@pytest.mark.parametrize(
    ("index", "policy", "digest", "expected"),
    [("f" * 64, 1, "same", True), ("f" * 64, 1, "other", False), ("a" * 64, 1, "same", False),
     ("f" * 64, 7, "same", True), ("f" * 64, 1, "", True), ("f" * 64, 2, "", False)],
)  # fmt: skip
def test_in_step_means_equal_content(
    school: FakeSchool, index: str, policy: int, digest: str, expected: bool
) -> None:
    school.enrol()
    current = school.central.targets.current_entry(school.room().id)
    assert current is not None
    known = {"same": current.target.policy_digest, "other": "0" * 64}.get(digest, "")
    health = RoomHealth(
        version="1", policy=policy, index=index, index_age_seconds=0.0, conditions=(), policy_digest=known
    )
    school.central.health.add_report(school.room().id, health)
    school.central.health.write_batch()
    assert rooms.is_in_step(school.room(), "f" * 64) == expected
    assert not rooms.is_in_step(school.room(), ""), "there is no index yet"


def test_a_room_that_has_said_nothing_is_not_in_step(school: FakeSchool) -> None:
    school.enrol()
    assert not rooms.is_in_step(school.room(), "f" * 64)
