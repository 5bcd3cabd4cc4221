import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance.central import policies
from appliance.central.errors import NotFound, NotPossible
from appliance.central.lists import sources
from appliance.central.lists.builder import BuildJob, build_in_process
from appliance.central.lists.publisher import PublisherState
from appliance.central.models import PublicationRow, SchoolRow, SourceRow
from blocklists.compiler import no_progress
from blocklists.errors import ListError
from blocklists.index import open_index
from tests.fakes.school import FakeSchool

LIST = b"bad.example.org\nworse.example.org\nthis is no entry\n"


def hand_in(school: FakeSchool, name: str = "our-list", content: bytes = LIST) -> SourceRow:
    kept = sources.store_uploaded_list(school.central.settings.central.data / "lists", content)
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


def test_the_starter_list_is_part_of_a_new_school(tmp_path: Path) -> None:
    work = BuildJob(sources=(), folder=tmp_path, downloads=tmp_path / "downloads", with_builtin_list=True)
    built = build_in_process(work, no_progress)
    assert built.report.names > 300
    assert open_index(tmp_path / "index").find_block_entries("www.coolmathgames.com")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"# only words\n", "nothing stands in it"), (b"<!doctype html><html></html>\n", "no list"),
     (b"\x00\xff\x00 binary\n", "no list"), (b"!!! ???\n$$$ %%%\n", "no list|nothing stands")],
)  # fmt: skip
def test_a_file_that_is_no_list_is_not_kept(school: FakeSchool, content: bytes, says: str) -> None:
    folder = school.central.settings.central.data / "lists"
    with pytest.raises(NotPossible, match=says):
        sources.store_uploaded_list(folder, content)
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
