import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance.central import policies
from appliance.central.errors import Busy, NotFound, NotPossible
from appliance.central.lists import handed_in, publisher, sources
from appliance.central.lists.builder import KEPT, BuildJob, build_in_process
from appliance.central.lists.publisher import PublisherState
from appliance.central.models import PublicationRow, SchoolRow, SourceRow
from appliance.central.service import Central
from blocklists.compiler import no_progress
from blocklists.container import INDEX_NAME, delta_name
from blocklists.delta import apply_overlay
from blocklists.errors import ListError
from blocklists.index import open_index, verify_index
from tests.fakes.school import FakeSchool

LIST = b"bad.example.org\nworse.example.org\nthis is no entry\n"


def hand_in(school: FakeSchool, name: str = "our-list", content: bytes = LIST) -> SourceRow:
    kept = handed_in.store_file(school.central.settings.central.data / "lists", content)
    return subscribe(school, name, str(kept))


def subscribe(school: FakeSchool, name: str, location: str) -> SourceRow:
    with school.store.write_session() as session:
        return sources.subscribe_source(
            session, school.clock(), name=name, category="gambling", location=location, by="coordinator",
        )  # fmt: skip


def without_the_starter_list(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        session.scalars(select(SchoolRow)).one().starter_list = False


def published(school: FakeSchool) -> PublicationRow | None:
    with school.store.read_session() as session:
        return policies.latest_publication(session)


def source(school: FakeSchool, name: str = "our-list") -> SourceRow:
    with school.store.read_session() as session:
        return session.scalars(select(SourceRow).where(SourceRow.name == name)).one()


def state_when(school: FakeSchool, holds: Callable[[PublisherState], bool]) -> PublisherState:
    """Return the compiler's state once it is so."""
    look = threading.Event()
    while not holds(school.central.publisher.state):
        look.wait(0.02)
    return school.central.publisher.state


def test_a_list_that_was_handed_in_is_compiled_and_published(school: FakeSchool) -> None:
    without_the_starter_list(school)
    hand_in(school)
    school.central.publisher.build_and_publish()
    newest = published(school)
    assert newest is not None
    assert newest.names == 2
    file = school.central.publisher.find_index_file(newest.hash)
    assert file is not None
    assert open_index(file.parent).find_block_entries("bad.example.org")[0].category == "gambling"
    told = source(school).report
    assert told is not None
    assert (told["names"], told["lines"], told["note"], told["held"]) == (2, 3, "", False)
    assert [problem["line"] for problem in told["problems"]] == [3]


def test_the_same_lists_again_publish_nothing_new(school: FakeSchool) -> None:
    without_the_starter_list(school)
    hand_in(school)
    school.central.publisher.build_and_publish()
    first = published(school)
    school.central.publisher.build_and_publish()
    second = published(school)
    assert first is not None
    assert second is not None
    assert first.id == second.id


def test_what_went_wrong_is_said_and_the_last_good_index_stays(school: FakeSchool) -> None:
    without_the_starter_list(school)
    hand_in(school)
    compiler = school.central.publisher
    compiler.build_and_publish()
    good = published(school)
    assert good is not None
    Path(source(school).location).write_bytes(b"<!doctype html><html>not a list</html>\n")
    compiler.build_and_publish()
    told = source(school).report
    assert told is not None
    assert (told["note"], told["held"]) == ("is a web page, not a list", True)
    still = published(school)
    assert still is not None
    assert still.hash == good.hash
    assert compiler.find_index_file(good.hash)
    # Mended, it is compiled again, and nothing waits any more.
    Path(source(school).location).write_bytes(LIST + b"mended.example.org\n")
    compiler.build_and_publish()
    told = source(school).report
    assert told is not None
    assert (told["note"], told["held"], told["names"]) == ("", False, 3)


def test_a_list_whose_every_copy_is_lost_does_not_open_what_it_closed(school: FakeSchool) -> None:
    hand_in(school)
    subscribe(school, "away", "http://127.0.0.1:1/list.txt")
    compiler = school.central.publisher
    compiler.build_and_publish()
    good = published(school)
    assert good is not None
    Path(source(school).location).unlink()
    compiler.build_and_publish()  # the copy is there still
    told = source(school).report
    assert told is not None
    assert "is not there" in told["note"]
    (school.central.settings.central.data / "downloads" / "our-list.list").write_bytes(b"flipped bits\n")
    with pytest.raises(ListError, match=r"our-list: .*is not there.* the index of now stays"):
        compiler.build_and_publish()
    still = published(school)
    assert still is not None
    assert still.hash == good.hash


def test_a_list_that_cannot_be_fetched_is_left_out_and_the_rest_compiled(
    school: FakeSchool, tmp_path: Path
) -> None:
    hand_in(school)
    subscribe(school, "away", "http://127.0.0.1:1/list.txt")
    without_the_starter_list(school)
    school.central.publisher.build_and_publish()
    newest = published(school)
    assert newest is not None
    assert newest.names == 2
    told = source(school, "away").report
    assert told is not None
    assert told["error"]


def test_a_compilation_that_is_stopped_leaves_nothing_behind(school: FakeSchool) -> None:
    compiler = school.central.publisher
    compiler.start()
    compiler.request_build()
    state_when(school, lambda state: state.is_running)
    compiler.stop()
    assert list(school.central.settings.central.data.glob("building-*")) == []


def test_lists_are_put_together_where_another_process_of_centrals_was_asked(
    school: FakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "WHOLE_POLL_SECONDS", 0.02)
    without_the_starter_list(school)
    hand_in(school)
    of_rooms = Central(school.central.settings, school.clock, serves_rooms=True)
    school.central.publisher.start()
    of_rooms.publisher.request_build()
    state_when(school, lambda _state: published(school) is not None)
    school.central.publisher.stop()
    of_rooms.store.close()


def test_the_starter_list_is_part_of_a_new_school(tmp_path: Path) -> None:
    work = BuildJob(sources=(), folder=tmp_path, downloads=tmp_path / "downloads", with_builtin_list=True)
    built = build_in_process(work, no_progress)
    assert built.report.names > 300
    assert open_index(tmp_path / "index").find_block_entries("www.coolmathgames.com")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"# only words\n", "nothing stands in it"), (b"<!doctype html><p></p>\n", "a web page"),
     (b"\x00\xff\x00 binary\n", "no list"), (b"!!! ???\n$$$ %%%\n", "no list|nothing stands")],
)  # fmt: skip
def test_a_file_that_is_no_list_is_not_kept(school: FakeSchool, content: bytes, says: str) -> None:
    folder = school.central.settings.central.data / "lists"
    with pytest.raises(NotPossible, match=says):
        handed_in.store_file(folder, content)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_source_needs_a_name_of_its_own_and_a_place(school: FakeSchool) -> None:
    hand_in(school)
    with pytest.raises(NotPossible, match="already"):
        hand_in(school)
    with pytest.raises(NotPossible, match="no name for a source"):
        subscribe(school, "Our List!", "https://lists.example.org/a.txt")
    with pytest.raises(NotPossible, match="https"):
        subscribe(school, "plain", "http://lists.example.org/a.txt")
    with pytest.raises(NotFound), school.store.write_session() as session:
        sources.unsubscribe_source(session, school.clock(), source_id=99, by="coordinator")


def test_only_what_was_published_is_given_out(school: FakeSchool) -> None:
    assert school.central.publisher.find_index_file("f" * 64) is None
    assert school.central.publisher.find_index_file("../../etc") is None


def test_nothing_held_back_is_nothing_to_accept(school: FakeSchool) -> None:
    subscribed = hand_in(school)
    with pytest.raises(NotPossible, match="nothing is held"):
        school.central.publisher.accept_download(subscribed)


def test_no_lists_at_all_are_an_empty_index(tmp_path: Path) -> None:
    work = BuildJob(sources=(), folder=tmp_path, downloads=tmp_path / "downloads", with_builtin_list=False)
    assert build_in_process(work, no_progress).report.names == 0


def test_what_a_build_cannot_do_reaches_the_coordinator_as_one_error(school: FakeSchool) -> None:
    without_the_starter_list(school)
    hand_in(school)
    Path(source(school).location).unlink()
    compiler = school.central.publisher
    compiler.start()
    compiler.request_build()
    assert "our-list" in state_when(school, lambda state: bool(state.error)).error
    compiler.stop()


MANY = "".join(f"bad{at}.example.org\n" for at in range(200)).encode()


def publish(school: FakeSchool, content: bytes) -> PublicationRow:
    """Let the list that was handed in say something else, and return what is in force then."""
    Path(source(school).location).write_bytes(content)
    school.central.publisher.build_and_publish()
    newest = published(school)
    assert newest is not None
    return newest


def test_a_small_change_is_published_as_what_lies_over_the_index_that_rooms_have(
    school: FakeSchool, tmp_path: Path
) -> None:
    without_the_starter_list(school)
    hand_in(school, content=MANY)
    publisher = school.central.publisher
    first = publish(school, MANY)
    base = publisher.find_index_file(first.hash)
    assert base is not None
    bases = tmp_path / "room"
    bases.mkdir()
    shutil.copyfile(base, bases / INDEX_NAME)
    for day in ("one", "two"):
        newest = publish(school, MANY.replace(b"bad7.", f"day-{day}.".encode()))
        overlay = publisher.find_index_file(newest.hash, first.hash)
        assert overlay is not None
        assert overlay.stat().st_size < base.stat().st_size
        assert apply_overlay(bases, overlay, tmp_path / day) == newest.hash
        index = open_index(tmp_path / day)
        assert index.find_block_entries(f"day-{day}.example.org")
        assert not index.find_block_entries("bad7.example.org")
        assert newest.names == 200
        told = source(school).report
        assert told is not None
        assert (told["names"], told["lines"]) == (200, 200)
    assert open_index(publisher.folders.path / newest.hash).version == newest.hash


def test_a_room_that_lacks_the_index_below_has_the_whole_compiled(school: FakeSchool) -> None:
    without_the_starter_list(school)
    hand_in(school, content=MANY)
    publisher = school.central.publisher
    first = publish(school, MANY)
    layered = publish(school, MANY + b"new.example.org\n")
    with pytest.raises(Busy, match="whole index is being compiled"):
        publisher.find_index_file(layered.hash)
    with pytest.raises(Busy, match="whole index is being compiled"):
        publisher.find_index_file(layered.hash, "f" * 64)  # a base that nobody knows
    whole = publish(school, MANY + b"new.example.org\n")
    assert whole.hash not in (first.hash, layered.hash)
    file = publisher.find_index_file(whole.hash)
    assert file is not None
    assert verify_index(file.parent) == whole.hash
    # A room that has the one below still downloads what has changed since, and nobody's wish compiles it again.
    assert publisher.find_index_file(whole.hash, first.hash) == file.with_name(delta_name(first.hash))
    assert publisher.find_index_file(layered.hash) is None
    assert publish(school, MANY + b"new.example.org\n").id == whole.id


def test_the_index_below_is_kept_for_as_long_as_anything_lies_over_it(
    school: FakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.central.lists.publisher.KEPT_INDEXES", 2)
    without_the_starter_list(school)
    hand_in(school, content=MANY)
    first = publish(school, MANY)
    newest = [publish(school, MANY + f"day{day}.example.org\n".encode()) for day in range(4)]
    kept = {path.name for path in school.central.publisher.folders.path.iterdir()}
    assert kept == {first.hash, *(one.hash for one in newest[-2:])}


def test_what_was_kept_may_be_lost_or_of_another_index(
    school: FakeSchool, caplog: pytest.LogCaptureFixture
) -> None:
    without_the_starter_list(school)
    hand_in(school, content=MANY)
    publish(school, MANY)
    kept = school.central.settings.central.data / KEPT
    aside = kept.with_name("aside")
    shutil.copytree(kept, aside)
    shutil.rmtree(kept)
    lost = publish(school, MANY + b"one.example.org\n")
    assert school.central.publisher.find_index_file(lost.hash) is not None  # whole
    shutil.rmtree(kept)
    aside.rename(kept)  # as if central had been ended between publishing and keeping
    caplog.set_level(logging.INFO, "hallpass.central")
    other = publish(school, MANY + b"two.example.org\n")
    assert school.central.publisher.find_index_file(other.hash) is not None
    assert "compiled whole: what is kept is of another build than the index in force" in caplog.text
