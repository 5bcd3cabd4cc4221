"""Compiling: the same input gives the same bytes, nothing is lost in silence, and failures keep what was there."""

import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from blocklists.compiler import REPORT_NAME, build_index, survey_source
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError, SourceUnusable
from blocklists.index import open_index
from blocklists.sources import Source
from dns.message.names import key_to_name
from tests.blocklists.factories import closed, index_of, index_of_text, report_of, source


def names(path: Path) -> list[str]:
    return sorted(key_to_name(reversed_key) for reversed_key, _ in open_index(path / "index").iter_entries())


def test_the_same_input_gives_the_same_bytes_whatever_the_order_of_its_lines(tmp_path: Path) -> None:
    lines = [f"name{at}.example" for at in range(500)]
    for folder, text in (("one", lines), ("two", lines), ("three", lines[::-1])):
        report_of(tmp_path / folder, source(tmp_path / folder, "\n".join(text)))
    one, two, three = (
        (tmp_path / folder / "index" / INDEX_NAME).read_bytes() for folder in ("one", "two", "three")
    )
    assert one == two == three


def test_names_under_a_listed_parent_are_dropped_within_a_source(tmp_path: Path) -> None:
    text = "||a.example^\n||www.a.example^\n|b.a.example^\n||a-b.example^\n||aa.example^\n"
    report = report_of(tmp_path, source(tmp_path, text))
    assert names(tmp_path) == ["a-b.example", "a.example", "aa.example"]
    assert (report.sources[0].entries, report.sources[0].names) == (5, 3)


def test_names_under_another_sources_parent_are_kept_because_it_may_be_dropped(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||a.example^\n", name="one"),
        source(tmp_path, "||www.a.example^\n", name="two"),
    )
    assert [closing.source for closing in index.find_block_entries("www.a.example")] == ["two", "one"]


def test_an_entry_below_an_opened_name_is_kept(tmp_path: Path) -> None:
    index = index_of_text(
        tmp_path, "address=/a.example/#\nserver=/open.a.example/#\naddress=/shut.open.a.example/#\n"
    )
    assert closed(index, "a.example", "open.a.example", "x.open.a.example", "shut.open.a.example") == {
        "a.example": True,
        "open.a.example": False,
        "x.open.a.example": False,
        "shut.open.a.example": True,
    }


def test_a_name_and_what_is_under_it_are_joined(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "a.example CNAME .\n*.a.example CNAME .\n*.b.example CNAME .\n")
    assert closed(index, "a.example", "www.a.example", "b.example", "www.b.example") == {
        "a.example": True,
        "www.a.example": True,
        "b.example": False,
        "www.b.example": True,
    }


def test_many_equal_lines_are_one_name(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "0.0.0.0 again.example\n" * 50_000))
    assert (report.names, report.sources[0].entries) == (1, 50_000)


def test_lines_that_say_nothing_are_counted_with_file_line_and_reason(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "0.0.0.0 ok.example\n0.0.0.0 not..ok\n192.0.2.7 here.example\n"))
    assert [(problem.file, problem.line) for problem in report.sources[0].problems] == [("a.txt", 2), ("a.txt", 3)]
    assert sum(report.sources[0].passed_over.values()) == 2
    assert report.sources[0].lines == 3


def test_a_line_of_ten_megabytes_is_passed_over(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "a.example\n" + "x" * 10_000_000 + "\nb.example\n"))
    assert names(tmp_path) == ["a.example", "b.example"]
    assert report.sources[0].passed_over == {"a line longer than 64 KB": 1}
    assert [problem.line for problem in report.sources[0].problems] == [2]


def test_many_problems_are_all_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "a.example\n" + "192.0.2.1\n" * 3000))
    assert sum(report.sources[0].passed_over.values()) == 3000
    assert len(report.sources[0].problems) == 1000


def test_a_list_cannot_close_the_names_that_the_appliance_needs(tmp_path: Path) -> None:
    text = "||google.com^\n||forcesafesearch.google.com^\n||ntp.org^\n||moodle.school.example^\n"
    report = build_index([source(tmp_path, text)], tmp_path / "index", never_block=["moodle.school.example"])
    index = open_index(tmp_path / "index")
    assert closed(
        index, "forcesafesearch.google.com", "0.pool.ntp.org", "moodle.school.example", "google.com"
    ) == {
        "forcesafesearch.google.com": False,
        "0.pool.ntp.org": False,
        "moodle.school.example": False,
        "google.com": True,
    }
    assert report.sources[0].passed_over == {"would close a name that no list can close": 2}


@pytest.mark.parametrize(
    "text", ["||com^$denyallow=x\n||ok.example^\n", "*.co.uk\n*.ok.example\n", "com\nok.example\n"]
)
def test_a_list_cannot_close_a_whole_top_level_domain(text: str, tmp_path: Path) -> None:
    index = index_of_text(tmp_path, text)
    assert not index.find_block_entries("example.com")
    assert not index.find_block_entries("school.co.uk")


def test_a_source_of_which_nothing_is_understood_stops_the_build_and_the_old_index_stays(tmp_path: Path) -> None:
    before = report_of(tmp_path, source(tmp_path, "good.example\n"))
    with pytest.raises(ListError, match=r"source 'b'.*not one of its 1 lines"):
        report_of(tmp_path, source(tmp_path, "192.0.2.1\n", name="b", format="domains"))
    with pytest.raises(ListError, match=r"source 'gone'.*No such file.*source 'page'.*web page"):
        report_of(
            tmp_path,
            Source(name="gone", category="x", location=str(tmp_path / "nowhere")),
            source(tmp_path, "<!DOCTYPE html>\n<html><body>not found</body></html>\n", name="page"),
        )
    assert open_index(tmp_path / "index").version == before.version


def test_an_empty_list_closes_nothing_and_is_no_mistake(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "# nothing yet\n"))
    assert report.names == 0
    assert open_index(tmp_path / "index").find_block_entries("a.example") == ()


def test_a_list_that_must_be_fetched_first_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="has not been fetched"):
        build_index([Source(name="far", category="x", location="https://lists.example/x")], tmp_path / "index")


def test_a_white_list_opens(tmp_path: Path) -> None:
    folder = tmp_path / "child"
    folder.mkdir()
    (folder / "domains").write_text("good.example\n")
    (folder / "usage").write_text("white\nchild\n")
    shut = source(tmp_path, "||good.example^\n||bad.example^\n", category="child")
    index = index_of(tmp_path, shut, Source(name="child", category="child", location=str(folder)))
    assert closed(index, "good.example", "bad.example") == {"good.example": False, "bad.example": True}


def test_a_surveyed_list_is_not_built(tmp_path: Path) -> None:
    one = source(tmp_path, "a.example\nb.example\n")
    assert survey_source(one, one.path).entries == 2
    assert not (tmp_path / "index").exists()
    with pytest.raises(SourceUnusable):
        survey_source(one, tmp_path / "nowhere")


def test_a_build_leaves_its_report_beside_the_index(tmp_path: Path) -> None:
    report_of(tmp_path, source(tmp_path, "a.example\n"))
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == [INDEX_NAME, REPORT_NAME]


def test_a_disk_that_fills_keeps_the_old_index_and_leaves_no_rubbish(tmp_path: Path) -> None:
    before = report_of(tmp_path, source(tmp_path, "good.example\n"))
    big = source(tmp_path, "\n".join(f"name{at}.example" for at in range(20_000)), name="big")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from blocklists.compiler import build_index\n"
        "from blocklists.errors import ListError\n"
        "from blocklists.sources import Source\n"
        "try:\n"
        "    build_index([Source(name='big', category='x', location=sys.argv[1])], Path(sys.argv[2]))\n"
        "except ListError as failure:\n"
        "    print(failure)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, big.location, str(tmp_path / "index")],
        # A limit on the size of a file stands in for a full disk: writing fails in the middle in the same way.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "could not be written" in done.stdout
    assert open_index(tmp_path / "index").version == before.version
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == [INDEX_NAME, REPORT_NAME]


def test_everybody_may_read_an_index_and_its_owner_alone_which_lists_are_in_it(tmp_path: Path) -> None:
    report_of(tmp_path, source(tmp_path, "0.0.0.0 one.example\n"))
    assert stat.S_IMODE((tmp_path / "index" / INDEX_NAME).stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "index" / REPORT_NAME).stat().st_mode) == 0o600
