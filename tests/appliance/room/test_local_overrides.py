"""What a room decides by itself is laid over central's policy, and ends by itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.room import local_overrides
from appliance.room.local_overrides import EndedUnblock, LocalOverrides
from dns.policy.document import Lesson, Pause, PolicyDocument, Suspension, Unblock

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def until(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


minutes = st.integers(-5, 5).map(until)
decisions = st.one_of(
    st.builds(lambda one, end: Lesson(id=one, sites=("example.org",), until=end), st.text("ab"), minutes),
    st.builds(lambda one, end: Pause(id=one, until=end), st.text("cd"), minutes),
    st.builds(lambda one, end: Suspension(id=one, device=one, until=end), st.text("ef"), minutes),
    st.builds(lambda one, end: Unblock(id=one, site="example.org", until=end), st.text("gh"), minutes),
)


@given(st.lists(decisions))
def test_nothing_is_in_force_beyond_its_time(given: list[local_overrides.LocalOverride]) -> None:
    everything = LocalOverrides()
    for one in given:
        everything = everything.with_override(one)
    left = everything.active_at(NOW.timestamp())
    kept: tuple[local_overrides.LocalOverride, ...] = (
        *left.lessons,
        *left.pauses,
        *left.suspensions,
        *left.unblocks,
    )
    assert all(one.until > NOW for one in kept)


@given(st.lists(decisions), decisions)
def test_what_was_ended_is_not_found_again(
    given: list[local_overrides.LocalOverride], one: local_overrides.LocalOverride
) -> None:
    everything = LocalOverrides()
    for other in given:
        everything = everything.with_override(other)
    assert everything.with_override(one).find_override(one.id) is not None
    assert everything.with_override(one).without_override(one.id).find_override(one.id) is None


def test_a_new_lesson_replaces_the_one_before() -> None:
    first, second = (Lesson(id=name, sites=(f"{name}.example",), until=until(10)) for name in ("one", "two"))
    assert LocalOverrides().with_override(first).with_override(second).lessons == (second,)


def test_what_was_written_is_read_and_what_nobody_can_read_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    assert local_overrides.read_active_overrides(path, NOW.timestamp()) == LocalOverrides()
    pause = Pause(id="p", until=until(10))
    local_overrides.write_overrides(path, LocalOverrides(pauses=(pause,)))
    assert local_overrides.read_active_overrides(path, NOW.timestamp()).pauses == (pause,)
    assert local_overrides.read_active_overrides(path, until(11).timestamp()) == LocalOverrides()
    path.write_text("{")
    assert local_overrides.read_active_overrides(path, NOW.timestamp()).pauses == (pause,)
    never_read = tmp_path / "never-read.json"
    never_read.write_text("{")
    assert local_overrides.read_active_overrides(never_read, NOW.timestamp()) == LocalOverrides(damaged=True)


def test_the_schools_own_decisions_stay_beside_the_rooms() -> None:
    document = PolicyDocument(version=3, pauses=(Pause(id="school", until=until(5)),))
    laid = local_overrides.apply_overrides(document, LocalOverrides(pauses=(Pause(id="room", until=until(5)),)))
    assert [pause.id for pause in laid.pauses] == ["school", "room"]
    assert laid.version == 3


def opening(request: str = "", site: str = "games.example", minutes: int = 10) -> Unblock:
    return Unblock(id="7", site=site, request=request, until=until(minutes))


def opened(decisions: LocalOverrides, *unblocks: Unblock) -> list[str]:
    document = local_overrides.apply_overrides(PolicyDocument(version=1, unblocks=unblocks), decisions)
    return [one.request or one.site for one in document.unblocks]


def test_what_was_ended_in_the_room_is_left_out_of_any_policy_and_other_openings_are_not() -> None:
    ended = LocalOverrides(closings=(EndedUnblock(request="a", site="games.example", until=until(10)),))
    assert opened(ended, opening("a"), opening("a", minutes=600), opening("b")) == ["b"]


def test_an_older_centrals_opening_is_known_by_its_site_and_its_hour() -> None:
    known = LocalOverrides(closings=(EndedUnblock(request="a", site="games.example", until=until(10)),))
    assert opened(known, opening(), opening(site="maps.example")) == ["maps.example"]
    assert opened(known, opening(minutes=11)) == ["games.example"], "another opening of the same site"
    unknown = LocalOverrides(closings=(EndedUnblock(request="a", site="games.example"),))
    assert opened(unknown, opening(minutes=11)) == [], "rather one too many is closed"


def test_no_clock_ends_a_closing(tmp_path: Path) -> None:
    closing = EndedUnblock(request="a", site="games.example", until=until(1))
    local_overrides.write_overrides(tmp_path / "own.json", LocalOverrides(closings=(closing,)))
    assert local_overrides.read_active_overrides(tmp_path / "own.json", until(600).timestamp()).closings == (
        closing,
    )


def test_while_nobody_knows_what_was_ended_nothing_of_centrals_is_open(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    for damage in (b"", b"{", b"\xff" * 100, b'{"closings": 7}'):
        path.write_bytes(damage)
        assert opened(local_overrides.read_active_overrides(path, NOW.timestamp()), opening("a")) == []
    path.unlink()
    assert opened(local_overrides.read_active_overrides(path, NOW.timestamp()), opening("a")) == ["a"]


def test_a_clock_that_jumps_ahead_and_comes_back_ends_nothing_that_closes(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    suspended = Suspension(id="s", device="192.0.2.7", until=until(10))
    local_overrides.write_overrides(
        path, LocalOverrides(suspensions=(suspended,), lessons=(Lesson(id="l", sites=(), until=until(10)),))
    )
    ahead = (NOW + timedelta(days=120)).timestamp()
    local_overrides.write_overrides(
        path,
        local_overrides.read_kept_overrides(path, ahead).with_override(
            Pause(id="p", until=NOW + timedelta(days=121))
        ),
    )
    assert local_overrides.read_active_overrides(path, ahead).suspensions == ()
    back = local_overrides.read_active_overrides(path, NOW.timestamp())
    assert back.suspensions == (suspended,)
    assert [lesson.id for lesson in back.lessons] == ["l"]


def test_an_opening_that_is_over_is_not_found_by_a_clock_that_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    local_overrides.write_overrides(
        path, LocalOverrides(unblocks=(Unblock(id="u", site="example.org", until=until(10)),))
    )
    local_overrides.write_overrides(
        path,
        local_overrides.read_kept_overrides(path, until(11).timestamp()).with_override(
            Pause(id="p", until=until(20))
        ),
    )
    assert local_overrides.read_active_overrides(path, NOW.timestamp()).unblocks == ()
