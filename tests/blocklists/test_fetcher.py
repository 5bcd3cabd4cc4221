"""Fetching keeps the best copy there is, and says what is wrong with the rest."""

import gzip
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocklists.compiler import build_index
from blocklists.errors import ListError, SourceUnusable
from blocklists.fetcher import Fetcher, fetch_all
from blocklists.index import open_index
from blocklists.isolation import ProcessLimits
from blocklists.sources import Source
from tests.fakes.list_server import ListServer, list_server, make_certificate

NAMES = b"".join(b"name%d.example\n" % at for at in range(90))
FEWER = b"".join(b"name%d.example\n" % at for at in range(50))
KEPT = ["a.baseline", "a.json", "a.list", "a.names"]
SLIGHTLY_FEWER = b"".join(b"name%d.example\n" % at for at in range(60))


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as running:
        yield running


@pytest.fixture
def fetcher(tmp_path: Path, clock: Clock) -> Fetcher:
    return Fetcher(tmp_path / "fetched", clock)


def named(server: ListServer, path: str = "/list", name: str = "a") -> Source:
    return Source(name=name, category="ads", location=server.url + path)


def test_a_list_is_fetched_and_compiled(server: ListServer, fetcher: Fetcher, tmp_path: Path) -> None:
    server.gives("/list", NAMES)
    outcome = fetcher.fetch_source(named(server))
    assert (outcome.state, outcome.age) == ("new", 0.0)
    build_index([named(server)], tmp_path / "index", locate=fetcher.locate_copy)
    assert open_index(tmp_path / "index").find_block_entries("name7.example")


def test_a_list_that_did_not_change_is_not_sent_again(server: ListServer, fetcher: Fetcher, clock: Clock) -> None:
    server.gives("/list", NAMES, etag='"one"', last_modified="Mon, 02 Nov 2026 08:00:00 GMT")
    fetcher.fetch_source(named(server))
    clock.time += 3600
    assert fetcher.fetch_source(named(server)).state == "unchanged"
    assert server.requests[1][1]["If-None-Match"] == '"one"'
    assert server.requests[1][1]["If-Modified-Since"] == "Mon, 02 Nov 2026 08:00:00 GMT"
    copy = fetcher.read_copy(named(server))
    assert (copy.confirmed_at, copy.fetched_at) == (clock.time, clock.time - 3600)


def test_the_same_bytes_without_an_etag_are_unchanged_too(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", NAMES)
    assert [fetcher.fetch_source(named(server)).state for _ in range(2)] == ["new", "unchanged"]


def test_a_compressed_answer_is_unpacked(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", gzip.compress(NAMES), Content_Encoding="gzip")
    assert fetcher.fetch_source(named(server)).state == "new"
    assert fetcher.locate_copy(named(server)).read_bytes() == NAMES


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_failure_keeps_the_copy_and_its_age_grows(
    status: int, server: ListServer, fetcher: Fetcher, clock: Clock
) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.says("/list", status)
    clock.time += 86400
    outcome = fetcher.fetch_source(named(server))
    assert (outcome.state, outcome.age) == ("failed", 86400)
    assert str(status) in outcome.message
    assert fetcher.read_copy(named(server)).failures == 1
    assert fetcher.locate_copy(named(server)).read_bytes() == NAMES


def test_a_server_that_is_not_there_is_a_failure(fetcher: Fetcher) -> None:
    with list_server() as gone:
        source = named(gone)
    outcome = fetcher.fetch_source(source)
    assert (outcome.state, outcome.age) == ("failed", None)
    with pytest.raises(SourceUnusable, match="has not been fetched"):
        fetcher.locate_copy(source)


def test_an_answer_that_breaks_off_is_a_failure(server: ListServer, fetcher: Fetcher) -> None:
    server.breaks_off("/list", NAMES)
    assert fetcher.fetch_source(named(server)).state == "failed"


def test_a_source_that_redirects_for_ever_is_given_up(server: ListServer, fetcher: Fetcher) -> None:
    server.says("/list", 302, Location="/list")
    outcome = fetcher.fetch_source(named(server))
    assert (outcome.state, "redirects more than 5 times" in outcome.message) == ("failed", True)
    assert len(server.requests) == 6


def test_a_redirection_is_followed(server: ListServer, fetcher: Fetcher) -> None:
    server.says("/list", 301, Location="/moved")
    server.gives("/moved", NAMES)
    assert fetcher.fetch_source(named(server)).state == "new"


def test_a_redirection_to_plain_http_elsewhere_is_refused(server: ListServer, fetcher: Fetcher) -> None:
    server.says("/list", 302, Location="http://lists.example/list")
    outcome = fetcher.fetch_source(named(server))
    assert (outcome.state, outcome.message) == ("failed", "http://lists.example/list: is not https://")


def test_a_redirection_to_what_is_no_address_is_refused(server: ListServer, fetcher: Fetcher) -> None:
    server.says("/list", 302, Location="https://[/list")
    assert fetcher.fetch_source(named(server)).state == "failed"


def test_a_download_that_is_too_large_is_stopped(server: ListServer, tmp_path: Path, clock: Clock) -> None:
    server.gives("/list", b"x" * 300_000)
    small = Fetcher(tmp_path, clock, max_bytes=100_000)
    assert "is larger than" in small.fetch_source(named(server)).message


def test_a_download_that_takes_too_long_is_ended_whatever_it_waits_for(
    server: ListServer, tmp_path: Path, clock: Clock
) -> None:
    server.trickles("/list", NAMES)
    outcome = Fetcher(tmp_path, clock, limits=ProcessLimits(seconds=1.5)).fetch_source(named(server))
    assert (outcome.state, outcome.message) == ("failed", "took longer than 1.5 seconds")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", "web page"),
        (b"", "holds no entry"),
        (b"# moved\n", "holds no entry"),
        (FEWER, "holds 50 entries where there were 90"),
        (b"\x00\x01\x02" * 50, "bytes that are no text"),
    ],
)
def test_a_download_that_looks_wrong_is_held_back(
    content: bytes, reason: str, server: ListServer, fetcher: Fetcher, clock: Clock
) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.gives("/list", content)
    clock.time += 3600
    outcome = fetcher.fetch_source(named(server))
    assert (outcome.state, outcome.age) == ("held", 3600)
    assert reason in outcome.message
    assert fetcher.locate_copy(named(server)).read_bytes() == NAMES


def test_a_list_that_lost_less_than_a_third_is_taken(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.gives("/list", SLIGHTLY_FEWER)
    assert fetcher.fetch_source(named(server)).state == "new"


def test_a_held_download_is_accepted_by_a_person(server: ListServer, fetcher: Fetcher, clock: Clock) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.gives("/list", FEWER, etag='"fewer"')
    fetcher.fetch_source(named(server))
    fetcher.accept_held(named(server))
    assert fetcher.locate_copy(named(server)).read_bytes() == FEWER
    clock.time += 60
    assert fetcher.fetch_source(named(server)).state == "unchanged"
    with pytest.raises(ListError, match="nothing is held back"):
        fetcher.accept_held(named(server))


def test_a_web_page_cannot_be_accepted(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", b"<html></html>")
    assert fetcher.fetch_source(named(server)).state == "held"
    with pytest.raises(ListError, match=r"web page.*cannot be accepted"):
        fetcher.accept_held(named(server))


def test_what_was_held_is_dropped_when_the_list_is_well_again(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", NAMES, etag='"good"')
    fetcher.fetch_source(named(server))
    server.gives("/list", FEWER)
    fetcher.fetch_source(named(server))
    server.gives("/list", NAMES, etag='"good"')
    assert fetcher.fetch_source(named(server)).state == "unchanged"
    assert fetcher.read_copy(named(server)).held is None
    assert not fetcher.held_path(named(server)).exists()


def test_a_source_with_a_new_address_is_fetched_anew(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", NAMES)
    server.gives("/other", FEWER)
    fetcher.fetch_source(named(server))
    with pytest.raises(SourceUnusable):
        fetcher.locate_copy(named(server, "/other"))
    assert fetcher.fetch_source(named(server, "/other")).state == "new"


def test_only_lists_that_lie_elsewhere_are_fetched(server: ListServer, fetcher: Fetcher) -> None:
    server.gives("/list", NAMES)
    here = Source(name="here", category="ads", location="/nowhere")
    assert [outcome.source for outcome in fetch_all(fetcher, (here, named(server)))] == ["a"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, clock: Clock) -> None:
    certificate = make_certificate(tmp_path)
    with list_server(certificate) as server:
        server.gives("/list", NAMES)
        assert "certificate" in Fetcher(tmp_path / "one", clock).fetch_source(named(server)).message.lower()
        trusting = Fetcher(tmp_path / "two", clock, ca_file=str(certificate[0]))
        assert trusting.fetch_source(named(server)).state == "new"


def test_the_proxy_of_the_school_is_asked_but_never_for_this_machine(
    server: ListServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with list_server() as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        server.gives("/list", NAMES)
        assert fetcher.fetch_source(named(server)).state == "new"
        far = Source(name="far", category="ads", location="https://lists.example/list")
        outcome = fetcher.fetch_source(far)
    assert (outcome.state, proxy.connects) == ("failed", ["lists.example:443"])


def test_nothing_is_left_lying_about(server: ListServer, fetcher: Fetcher, tmp_path: Path) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.breaks_off("/list", NAMES)
    fetcher.fetch_source(named(server))
    assert sorted(path.name for path in (tmp_path / "fetched").iterdir()) == KEPT


def test_a_disk_that_fills_keeps_the_copy_and_leaves_no_rubbish(
    server: ListServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    server.gives("/list", NAMES)
    fetcher.fetch_source(named(server))
    server.gives("/list", b"".join(b"other%d.example\n" % at for at in range(20_000)))
    script = tmp_path / "fetch.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from blocklists.fetcher import Fetcher\n"
        "from blocklists.sources import Source\n"
        "if __name__ == '__main__':\n"
        "    source = Source(name='a', category='ads', location=sys.argv[1])\n"
        "    print(Fetcher(Path(sys.argv[2]), time.time).fetch_source(source))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), named(server).location, str(tmp_path / "fetched")],
        # A limit on the size of a file stands in for a full disk: writing fails in the middle in the same way.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "state='failed'" in done.stdout
    assert "could not be written" in done.stdout
    assert fetcher.locate_copy(named(server)).read_bytes() == NAMES
    assert sorted(path.name for path in (tmp_path / "fetched").iterdir()) == KEPT
