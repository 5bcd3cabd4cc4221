"""`hallpass lists`, as a technician and a script use it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.cli import main
from blocklists.index import open_index
from tests.fakes.list_server import list_server

NAMES = "".join(f"name{at}.example\n" for at in range(30))


class Ran:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


Lists = Callable[..., Ran]  # takes the words after `hallpass lists`


@pytest.fixture
def lists(capsys: pytest.CaptureFixture[str]) -> Lists:
    """Run `hallpass lists …` and give its status and words."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as stopped:
            main(["lists", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        code = stopped.value.code
        return Ran(code if isinstance(code, int) else 0, said.out, said.err)

    return run


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "gambling").mkdir()
    (tmp_path / "gambling" / "domains").write_text("bets.example\nwww.bets.example\n192.0.2.1\n")
    (tmp_path / "gambling" / "usage").write_text("black\n")
    (tmp_path / "adverts.txt").write_text("||ads.example^\n@@||good.ads.example^\n||odd.example^$frobnicate\n")
    (tmp_path / "sources.toml").write_text(
        '[[source]]\nname = "ut1-gambling"\ncategory = "gambling"\nlocation = "gambling"\n'
        'licence = "CC-BY-SA-4.0"\n'
        '[[source]]\nname = "adverts"\ncategory = "advertising"\nlocation = "adverts.txt"\n'
    )
    return tmp_path / "sources.toml"


@pytest.fixture
def index(sources: Path, tmp_path: Path, lists: Lists) -> Path:
    assert lists("build", sources, "--output", tmp_path / "index").status == 0
    return tmp_path / "index"


def test_a_sources_file_is_compiled(sources: Path, tmp_path: Path, lists: Lists) -> None:
    ran = lists("build", sources, "--output", tmp_path / "index")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(
        f"3 names in {tmp_path / 'index'} (version {open_index(tmp_path / 'index').version})\n"
    )
    assert "ut1-gambling: 1 names, gambling, squidguard" in ran.out
    assert "1 line passed over: an address" in ran.out


def test_the_report_shows_every_line_passed_over(sources: Path, tmp_path: Path, lists: Lists) -> None:
    ran = lists("build", sources, "--output", tmp_path / "index", "--report")
    assert "gambling/domains:3: an address, not a name: nobody asks DNS for it: 192.0.2.1" in ran.out
    assert "adverts.txt:3: the modifier 'frobnicate' is unknown" in ran.out


def test_exported_names_are_sorted_one_a_line(index: Path, lists: Lists) -> None:
    assert lists("export", index).out == "ads.example\nbets.example\n"
    assert lists("export", index, "--category", "gambling").out == "bets.example\n"
    assert lists("export", index, "--category", "chat").out == ""


def test_a_search_says_what_touches_a_name(index: Path, lists: Lists) -> None:
    ran = lists("search", "WWW.Bets.example.", "good.ads.example", "fine.example", "--index", index)
    assert ran.status == 0
    assert ran.out.splitlines() == [
        "www.bets.example: closed as gambling",
        "  closes: bets.example  (gambling; ut1-gambling)",
        "good.ads.example: not closed by any list",
        "  opens: @@||good.ads.example^  (advertising; adverts)",
        "  closes, but something weighs more: ||ads.example^  (advertising; adverts)",
        "fine.example: not closed by any list",
    ]
    (found,) = json.loads(lists("search", "bets.example", "--index", index, "--json").out)
    assert found["closings"] == [{"category": "gambling", "source": "ut1-gambling", "entry": "bets.example"}]


def test_a_difference_is_shown_by_category(index: Path, sources: Path, tmp_path: Path, lists: Lists) -> None:
    (tmp_path / "adverts.txt").write_text("||ads.example^\n||more.example^\n")
    lists("build", sources, "--output", tmp_path / "newer")
    ran = lists("diff", index, tmp_path / "newer")
    assert ran.out.splitlines() == ["Advertising (advertising): +1 -0", "  +more.example"]
    (change,) = json.loads(lists("diff", index, tmp_path / "newer", "--json").out)
    assert change == {"category": "advertising", "added": ["more.example"], "removed": []}
    assert lists("diff", index, index).out == "Nothing changed.\n"


def test_a_report_says_what_an_index_is_made_of(index: Path, lists: Lists) -> None:
    ran = lists("report", index, "--lines")
    assert ran.status == 0
    assert "ut1-gambling: 1 names, gambling, squidguard" in ran.out
    assert "CC-BY-SA-4.0" in ran.out
    assert "adverts.txt:3:" in ran.out
    report = json.loads(lists("report", index, "--json").out)
    assert [one["name"] for one in report["sources"]] == ["ut1-gambling", "adverts"]


def test_the_catalogue_is_shown_and_gives_a_sources_file(lists: Lists, tmp_path: Path) -> None:
    assert "ut1-gambling: UT1 gambling" in lists("catalogue").out
    assert "set primary-school: Primary school" in lists("catalogue").out
    assert "ut1-games" not in lists("catalogue", "--category", "gambling").out
    assert lists("catalogue", "--sources", "light").out.startswith('[[source]]\nname = "ut1-adult"\n')
    assert {
        one["category"] for one in json.loads(lists("catalogue", "--category", "chat", "--json").out)["lists"]
    } == {"chat"}


def test_lists_are_fetched_held_back_and_accepted(tmp_path: Path, lists: Lists) -> None:
    with list_server() as server:
        server.gives("/list", NAMES.encode())
        (tmp_path / "sources.toml").write_text(
            f'[[source]]\nname = "far"\ncategory = "ads"\nlocation = "{server.url}/list"\n'
        )
        update = ("update", tmp_path / "sources.toml", "--output", tmp_path / "index")
        first = lists(*update)
        assert (first.status, first.err) == (0, "far: fetched\n")
        assert first.out.startswith("30 names")
        assert lists(*update).err == "far: has not changed\n"

        server.gives("/list", b"name1.example\nother.example\n")
        held = lists(*update, "--show-held")
        assert held.status == 1
        assert "far: held back: holds 2 entries where there were 30 (the copy in use is 0 minutes old)" in held.err
        assert "  +other.example\n" in held.err
        assert held.err.endswith("hallpass: not updated: far; the index uses the copies from last time\n")
        assert held.out.startswith("30 names")
        assert "a newer one is held back" in lists("report", tmp_path / "index").out

        accepted = lists(*update, "--accept", "far")
        assert (accepted.status, accepted.err) == (0, "far: accepted, 2 entries\n")
        assert accepted.out.startswith("2 names")

        server.says("/list", 503)
        failed = lists(*update)
        assert (failed.status, "the server answered 503" in failed.err) == (1, True)
        assert failed.out.startswith("2 names")


def test_a_build_fetches_what_was_never_fetched_and_no_more(tmp_path: Path, lists: Lists) -> None:
    with list_server() as server:
        server.gives("/list", NAMES.encode())
        (tmp_path / "sources.toml").write_text(
            f'[[source]]\nname = "far"\ncategory = "ads"\nlocation = "{server.url}/list"\n'
        )
        for _ in range(2):
            assert lists("build", tmp_path / "sources.toml", "--output", tmp_path / "index").status == 0
        assert len(server.requests) == 1


def write_sources(folder: Path, **locations: str) -> Path:
    text = "".join(
        f'[[source]]\nname = "{name}"\ncategory = "ads"\nlocation = "{location}"\n'
        for name, location in locations.items()
    )
    (folder / "sources.toml").write_text(text)
    return folder / "sources.toml"


def test_a_list_that_was_never_had_is_left_out_and_the_rest_is_built(tmp_path: Path, lists: Lists) -> None:
    with list_server() as server:
        server.gives("/good", NAMES.encode())
        sources = write_sources(tmp_path, good=f"{server.url}/good", gone=f"{server.url}/gone")
        for command in ("build", "update"):
            ran = lists(command, sources, "--output", tmp_path / "index")
            assert ran.status == 1
            assert ran.out.startswith("30 names")
            assert (
                "gone: could not be fetched: the server answered 404 (there is no copy from before)\n" in ran.err
            )
            assert ran.err.endswith("hallpass: left out: gone\n")
    assert open_index(tmp_path / "index").find_block_entries("name7.example")


@pytest.mark.parametrize("content", ["", "# only\n! comments\n"])
def test_an_emptied_local_list_opens_nothing(content: str, tmp_path: Path, lists: Lists) -> None:
    (tmp_path / "ours.txt").write_text(NAMES)
    sources = write_sources(tmp_path, ours="ours.txt")
    assert lists("build", sources, "--output", tmp_path / "index").status == 0
    (tmp_path / "ours.txt").write_text(content)
    for command in ("build", "update"):
        ran = lists(command, sources, "--output", tmp_path / "index")
        assert (ran.status, "ours: held back: holds no entry" in ran.err) == (1, True)
        assert ran.out.startswith("30 names")
    (tmp_path / "ours.txt").unlink()
    assert lists("build", sources, "--output", tmp_path / "index").out.startswith("30 names")


def test_an_emptied_folder_opens_nothing(sources: Path, index: Path, tmp_path: Path, lists: Lists) -> None:
    (tmp_path / "gambling" / "domains").write_text("")
    assert lists("build", sources, "--output", index).status == 1
    assert open_index(index).find_block_entries("www.bets.example")


def test_held_copies_are_shown_with_their_difference_and_decided(tmp_path: Path, lists: Lists) -> None:
    many = "".join(f"name{at}.example\n" for at in range(60))
    swapped = "".join(f"other{at}.example\n" for at in range(58)) + "bbc.co.uk\nname1.example\n"
    (tmp_path / "ours.txt").write_text(many)
    sources = write_sources(tmp_path, ours="ours.txt")
    where = ("--index", tmp_path / "index")
    lists("build", sources, "--output", tmp_path / "index")
    assert lists("held", *where).out == "Nothing is held back.\n"
    (tmp_path / "ours.txt").write_text(swapped)
    lists("build", sources, "--output", tmp_path / "index")
    held = lists("held", *where)
    assert held.status == 0
    assert held.out.startswith(
        "ours: held back: closes bbc.co.uk, which no honest list does\n  +59 -59\n  +bbc.co.uk\n"
    )
    assert held.out.endswith("Ads (ads): +59 -59\n")
    (told,) = json.loads(lists("held", "--json", *where).out)
    assert (told["source"], told["category"], told["difference"]["added"]) == ("ours", "ads", 59)
    assert told["difference"]["first_added"][0] == "bbc.co.uk"

    assert lists("refuse", "ours", *where).out == "ours: refused; the copy in use stays\n"
    again = lists("build", sources, "--output", tmp_path / "index")
    assert (again.status, "the copy that was refused" in again.err) == (0, True)
    assert lists("held", *where).out == "Nothing is held back.\n"
    assert lists("accept", "ours", *where).status == 1

    (tmp_path / "ours.txt").write_text(swapped + "more.example\n")
    lists("build", sources, "--output", tmp_path / "index")
    assert lists("accept", "ours", *where).out.startswith("ours: accepted, 61 entries")
    built = lists("build", sources, "--output", tmp_path / "index")
    assert (built.status, built.out.split()[0]) == (0, "60")  # bbc.co.uk no list can close


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("accept", "nothing"), "source 'nothing': nothing is held back"),
        (("build", "nowhere.toml", "--output", "out"), "nowhere.toml: cannot be read: No such file"),
        (("export", "nowhere"), "nowhere: holds no index"),
        (("search", "a.example", "--index", "nowhere"), "nowhere: holds no index"),
        (("search", "two words"), "holds no index"),
        (("diff", "nowhere", "nowhere"), "nowhere: holds no index"),
        (("report", "nowhere"), "nowhere: holds no index"),
        (("catalogue", "--sources", "nothing"), "no list and no set 'nothing'"),
    ],
)
def test_a_failure_is_one_clear_line_and_status_1(arguments: tuple[str, ...], words: str, lists: Lists) -> None:
    ran = lists(*arguments)
    assert ran.status == 1
    assert words in ran.err
    assert ran.err.startswith("hallpass: ")
    assert ran.out == ""


@pytest.mark.parametrize("arguments", [("build",), ("search",), ("export",), ("diff", "a"), ("nonsense",)])
def test_wrong_use_is_one_clear_line_and_status_2(arguments: tuple[str, ...], lists: Lists) -> None:
    ran = lists(*arguments)
    assert ran.status == 2
    assert ran.err.count("\n") == 1


def test_a_damaged_index_is_refused_without_a_traceback(index: Path, lists: Lists) -> None:
    file = index / "index.hpx"
    file.write_bytes(file.read_bytes()[:-1])
    ran = lists("export", index)
    assert (ran.status, ran.err.count("\n")) == (1, 1)


def test_names_can_be_piped_into_a_reader_that_leaves(index: Path) -> None:
    command = f"{sys.executable} -m appliance lists export {index} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("ads.example\n", "")


def test_a_search_takes_a_web_address_and_says_what_the_last_update_brought(
    index: Path, sources: Path, tmp_path: Path, lists: Lists
) -> None:
    found = lists("search", "https://www.bets.example:8443/slots?x=1", "bets.example/page", "--index", index)
    assert found.status == 0
    assert "www.bets.example: closed as gambling" in found.out
    assert "the update of" not in found.out
    adverts = tmp_path / "adverts.txt"
    adverts.write_text(adverts.read_text() + "||bets.example^\n")
    assert lists("build", sources, "--output", index).status == 0
    found = lists("search", "bets.example", "--index", index)
    assert "brought it, in " in found.out
    assert "or earlier, in ut1-gambling" in found.out
    (told,) = json.loads(lists("search", "bets.example", "--index", index, "--json").out)
    assert sorted(touch["new_sources"] for touch in told["touches"]) == [
        [],
        [told["touches"][0]["sources"][0]],
    ] or (told["updated_at"] >= told["compared_with"])


def test_a_search_for_what_names_no_host_is_refused_with_a_reason(index: Path, lists: Lists) -> None:
    for written in ("javascript:alert(1)", "data:text/html,x", "mailto:a@bets.example", "file:///bets.example"):
        found = lists("search", written, "--index", index)
        assert (found.status, found.out) == (1, "")
        assert "is not the address of a site" in found.err


def test_an_export_of_a_category_that_is_not_there_fails_with_a_suggestion(index: Path, lists: Lists) -> None:
    ran = lists("export", index, "--category", "gamblin")
    assert ran.status == 1
    assert "did you mean gambling?" in ran.err
