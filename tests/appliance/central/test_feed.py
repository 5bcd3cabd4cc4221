import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from appliance.central import requests, rooms, rules
from appliance.central.feed import Feed, end_of_silence
from appliance.protocol import RoomHealth, Target
from tests.fakes.school import FakeSchool

SILENCE = 0.5  # seconds


@pytest.fixture
def feed(school: FakeSchool) -> Iterator[Feed]:
    school.enrol()
    started = school.central.feed
    started.start()
    yield started
    started.stop()


def placed(target: Target | None) -> tuple[int, str, int]:
    """Return what rooms of before follow of a line."""
    assert target is not None
    return target.policy, target.index, target.requests


def block(school: FakeSchool, name: str) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="coordinator")


def test_a_room_hears_at_once_where_it_should_be(school: FakeSchool, feed: Feed) -> None:
    assert placed(next(feed.watch_targets(school.room().id))) == (1, "", 0)


def test_a_change_wakes_everyone_who_listens(school: FakeSchool, feed: Feed) -> None:
    school.enrol("Room 5")
    both = [feed.watch_targets(school.room(name).id) for name in ("Room 4", "Room 5")]
    assert [placed(next(one)) for one in both] == [(1, "", 0)] * 2
    block(school, "bad.example.org")
    assert [placed(next(one)) for one in both] == [(2, "", 0)] * 2


def test_a_change_made_by_another_process_is_heard(school: FakeSchool, feed: Feed) -> None:
    other = FakeSchool(school.central.settings.central.data, prepared=True)
    targets = feed.watch_targets(school.room().id)
    next(targets)
    block(other, "bad.example.org")
    other.close()
    assert placed(next(targets)) == (2, "", 0)


def test_only_the_room_concerned_is_told(school: FakeSchool, feed: Feed) -> None:
    school.enrol("Room 5")
    other = feed.watch_targets(school.room("Room 5").id)
    next(other)
    request_id = school.request("Room 4")
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=request_id, by="coordinator")
    block(school, "bad.example.org")
    # Its first news is the rule: it was told nothing of the opening in Room 4.
    assert placed(next(other)) == (2, "", 0)
    assert school.room("Room 4").requests_changed == 2


def test_a_change_wakes_those_streams_alone_that_it_concerns(school: FakeSchool, feed: Feed) -> None:
    """Counted: what happens in one of ten rooms wakes its stream, what happens in the school wakes each once."""
    names = [f"Room {number}" for number in range(10)]
    for name in names:
        school.enrol(name)
    streams = {name: feed.watch_targets(school.room(name).id) for name in names}
    for stream in streams.values():
        next(stream)
    before = feed.woken_rooms
    asked = school.request("Room 4")
    assert placed(next(streams["Room 4"])) == (1, "", 1)
    report_health(school, "Room 5")
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=asked, by="coordinator")
    assert placed(next(streams["Room 4"])) == (2, "", 2)
    assert feed.woken_rooms == before + 2
    block(school, "bad.example.org")
    for stream in streams.values():
        line = next(stream)
        assert line is not None
        assert line.document is not None
        assert [rule.name for rule in line.document.rules] == ["bad.example.org"]
    assert feed.woken_rooms == before + 2 + len(names)


def test_a_stream_whose_token_has_ended_ends_with_its_next_line(school: FakeSchool, feed: Feed) -> None:
    stream, other = feed.watch_targets(school.room().id), feed.watch_targets(school.room().id)
    next(stream)
    school.enrol()
    assert [line for line in stream if line is not None] == []
    assert list(other) == [], "also one that had not begun"
    assert placed(next(feed.watch_targets(school.room().id))) == (1, "", 0)


def test_a_stream_that_is_given_up_before_it_begins_is_nobody(school: FakeSchool, feed: Feed) -> None:
    stream = feed.watch_targets(school.room().id)
    assert feed.connected_rooms() == {school.room().id}
    del stream
    assert feed.connected_rooms() == frozenset()


def test_a_stream_asks_no_database(school: FakeSchool) -> None:
    """It is driven by the server's event loop, which nothing may block."""
    school.enrol()
    feed = Feed(school.store, school.central.targets, school.clock, keepalive_seconds=0.1)
    stream = feed.watch_targets(school.room().id)
    with school.store.read_session() as session:
        engine = session.get_bind()
    asked: list[object] = []
    event.listen(engine, "before_cursor_execute", lambda *what: asked.append(what))
    assert placed(next(stream)) == (1, "", 0)
    assert next(stream) is None
    assert asked == []


def test_an_opening_that_is_over_is_news(school: FakeSchool, feed: Feed) -> None:
    targets = feed.watch_targets(school.room().id)
    next(targets)
    request_id = school.request(minutes=10)
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=request_id, by="coordinator")
    opened = next(one for one in targets if one and one.policy == 2)
    school.clock.pass_minutes(10)
    closed = next(one for one in targets if one and one.requests > opened.requests)
    assert closed.policy == 3
    with school.store.read_session() as session:
        (state,) = requests.list_request_states(session, school.clock(), school.room())
    assert state.state == "ended"


def test_a_page_hears_what_changed_since_it_was_made_even_before_it_listens(
    school: FakeSchool, feed: Feed
) -> None:
    since = school.store.revisions().pages
    block(school, "bad.example.org")
    beats = feed.watch_changes(since)
    assert next(beats)
    block(school, "worse.example.org")
    assert next(beats)


def report_health(school: FakeSchool, room: str) -> None:
    with school.store.write_session(affects_rooms=False) as session:
        health = RoomHealth(version="1", policy=1, index="", index_age_seconds=0.0, conditions=())
        rooms.record_health(session, school.clock(), school.room(room), health)


def in_a_restless_school(school: FakeSchool, happens: Callable[[], None], line: Callable[[], object]) -> object:
    """Return a line that came while something went on happening ten times in each silence; it ends by itself."""
    enough = threading.Event()

    def go_on() -> None:
        for _ in range(200):
            happens()
            if enough.wait(SILENCE / 10):
                return

    others = threading.Thread(target=go_on)
    others.start()
    try:
        found = line()
        assert others.is_alive(), "the line came only when nothing happened any more"
        return found
    finally:
        enough.set()
        others.join()


def test_what_is_no_news_for_a_room_does_not_silence_its_feed(school: FakeSchool) -> None:
    for name in ("Room 4", "Room 5"):
        school.enrol(name)
    feed = Feed(school.store, school.central.targets, school.clock, keepalive_seconds=SILENCE)
    feed.start()
    targets = feed.watch_targets(school.room("Room 4").id)
    next(targets)

    def beat() -> None:
        report_health(school, "Room 5")
        with school.store.write_session():
            pass

    assert in_a_restless_school(school, beat, lambda: next(targets)) is None
    assert in_a_restless_school(school, beat, lambda: next(targets)) is None
    feed.stop()


def test_health_is_no_news_for_rooms(school: FakeSchool, feed: Feed) -> None:
    before = school.store.revisions()
    report_health(school, "Room 4")
    assert school.store.revisions().rooms == before.rooms
    assert school.store.revisions().pages == before.pages + 1


def test_a_page_hears_of_health(school: FakeSchool, feed: Feed) -> None:
    beats = feed.watch_changes(school.store.revisions().pages)
    report_health(school, "Room 4")
    assert next(beats)
    block(school, "bad.example.org")
    assert next(beats)


def test_a_page_gets_a_sign_of_life_while_nothing_changes(school: FakeSchool) -> None:
    feed = Feed(school.store, school.central.targets, school.clock, keepalive_seconds=SILENCE)
    feed.start()
    beats = feed.watch_changes(school.store.revisions().pages)
    assert not next(beats)
    assert not next(beats)
    feed.stop()


def test_stopping_sends_everyone_away(school: FakeSchool) -> None:
    school.enrol()
    feed = school.central.feed
    feed.start()
    room_id = school.room().id
    began = threading.Barrier(4)

    def listen() -> None:
        targets = feed.watch_targets(room_id)
        next(targets)
        began.wait()
        list(targets)

    listeners = [threading.Thread(target=listen) for _ in range(3)]
    for one in listeners:
        one.start()
    began.wait()
    feed.stop()
    for one in listeners:
        one.join(timeout=5)
        assert not one.is_alive()


@given(st.floats(0, 1e9), st.floats(0.1, 60))
def test_a_silence_ends_in_time_and_not_much_before(since: float, longest: float) -> None:
    assert since + longest * 0.87 <= end_of_silence(since, longest) + 1e-5
    assert end_of_silence(since, longest) <= since + longest + 1e-5


@given(st.floats(0, 1e6))
def test_the_silences_of_many_streams_end_in_eight_turns_however_they_began(first: float) -> None:
    ends = {end_of_silence(first + number / 100, 8.0) for number in range(800)}
    assert len(ends) <= 9
