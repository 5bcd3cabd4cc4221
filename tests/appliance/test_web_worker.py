"""The web server as it is really run, and clients that are slow, many, rude or gone."""

import contextlib
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.cpu_scheduling import can_leave_idle
from appliance.web_server import ROOMS_TLS_VARIABLE, StepsAside, WebLimits
from appliance.web_worker import WebWorker
from tests.e2e.school import Process, until
from tests.fakes.list_server import make_certificate
from tests.fakes.web_client import WebClient, read_all, read_until, request, split, web_site
from tests.fakes.web_site import LARGE_BYTES

pytestmark = pytest.mark.xdist_group("web worker")

HALF_A_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"
HALF_A_BODY = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf"
SHORT = WebLimits(
    handshake_seconds=1.0, header_seconds=1.5, body_seconds=2.0, idle_seconds=1.0, max_body_bytes=1000
)
AT_ONCE = StepsAside(after_seconds=0.1, most_load=10_000)  # however busy the machine is
SOON_SECONDS = 15.0  # what is allowed on a busy machine


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebClient, Process]]:
    limits = WebLimits(max_connections_per_address=8, max_streams_per_address=4)
    with web_site(tmp_path_factory.mktemp("site"), limits=limits) as (client, process):
        yield client, process
        assert "Traceback" not in process.said


@pytest.fixture
def site(served: tuple[WebClient, Process]) -> WebClient:
    return served[0]


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebClient, Process]]:
    """The site with short deadlines, as a room's pages wait for DNS."""
    with web_site(tmp_path_factory.mktemp("hasty"), limits=SHORT, steps_aside=AT_ONCE) as (client, process):
        yield client, process
        assert "Traceback" not in process.said


@pytest.fixture
def hasty(waiting: tuple[WebClient, Process]) -> WebClient:
    return waiting[0]


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebClient]:
    folder = tmp_path_factory.mktemp("encrypted")
    with web_site(folder, limits=SHORT, tls=make_certificate(folder)) as (client, process):
        yield client
        assert "Traceback" not in process.said


def drip(connection: socket.socket, data: bytes) -> float:
    """Send a byte now and then until the server has had enough, and return after how many seconds it had."""
    began = time.monotonic()
    connection.settimeout(0.1)
    for byte in data:
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1, socket.MSG_PEEK):
                break
            break
        try:
            connection.sendall(bytes((byte,)))
        except OSError:
            break
    connection.settimeout(SOON_SECONDS)
    return time.monotonic() - began


def drips(slow: list[socket.socket]) -> bool:
    """Take a little on each connection, so that none of them stands still."""
    for one in slow:
        with contextlib.suppress(OSError):
            one.recv(2048, socket.MSG_DONTWAIT)
    return True


def policies(process: Process) -> set[int]:
    """Return the scheduling policies of its threads."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return {os.sched_getscheduler(int(thread.name)) for thread in threads}


def is_served(client: WebClient) -> bool:
    try:
        return client.get() == (200, b"hello")
    except (OSError, IndexError):
        return False


@pytest.mark.skipif(not can_leave_idle(), reason="nobody here may come back from SCHED_IDLE")
def test_a_site_that_waits_for_dns_has_its_processor_last_in_all_its_threads(
    served: tuple[WebClient, Process], waiting: tuple[WebClient, Process]
) -> None:
    client, process = waiting
    assert client.get()[0] == 200
    until("all its threads to step aside", lambda: policies(process) == {os.SCHED_IDLE})
    if os.sched_getscheduler(0) == os.SCHED_OTHER:  # else these tests themselves were started to wait
        assert policies(served[1]) == {os.SCHED_OTHER}


@pytest.mark.parametrize(("folder", "tickets"), [("", 2), ("rooms-tls", 0)])
def test_rooms_are_given_no_tickets_that_none_of_them_uses(folder: str, tickets: int) -> None:
    worker = WebWorker.__new__(WebWorker)
    worker.cfg = SimpleNamespace(env={ROOMS_TLS_VARIABLE: folder}, ca_certs=None, cert_reqs=ssl.CERT_NONE)
    assert worker._create_context().num_tickets == tickets


def test_a_stream_keeps_nothing_of_what_was_asked(site: WebClient) -> None:
    status, said = site.get("/what-is-kept")
    assert status == 200
    assert b"\r\n0 of 3 kept\r\n" in said  # in a piece of its own (RFC 9112, section 7.1)


class TestDeadlines:
    def test_half_a_request_is_refused_in_time_however_steadily_it_comes(self, hasty: WebClient) -> None:
        with hasty.begin(HALF_A_REQUEST) as connection:
            assert 1.0 < drip(connection, b"a" * 300) < SOON_SECONDS
            assert split(read_all(connection))[0] == 408

    def test_who_says_nothing_is_sent_away_without_a_word(self, hasty: WebClient) -> None:
        with hasty.open() as connection:
            assert read_all(connection) == b""

    def test_half_a_body_is_refused_in_time_however_steadily_it_comes(self, hasty: WebClient) -> None:
        with hasty.begin(HALF_A_BODY) as connection:
            assert 1.5 < drip(connection, b"a" * 300) < SOON_SECONDS
            assert split(read_all(connection))[0] == 408

    def test_a_large_body_may_take_longer_as_long_as_it_comes_fast_enough(self, tmp_path: Path) -> None:
        limits = WebLimits(body_seconds=0.5, min_body_rate=10_000)
        head = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 30000\r\n\r\n"
        with web_site(tmp_path, limits=limits) as (client, _), client.begin(head) as connection:
            for _ in range(10):
                connection.sendall(b"a" * 3000)
                time.sleep(0.1)  # twice the rate that is asked for, twice the time that a small body has
            assert split(read_all(connection)) == (200, b"30000")

    def test_a_connection_that_asks_nothing_more_is_closed(self, hasty: WebClient) -> None:
        with hasty.begin(request()) as connection:
            began = time.monotonic()
            assert read_all(connection).endswith(b"hello")
            assert 0.5 < time.monotonic() - began < SOON_SECONDS

    @pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\n\r\n"])
    def test_a_handshake_that_is_none_ends_in_time(self, encrypted: WebClient, said: bytes) -> None:
        with encrypted.connect() as connection:
            connection.sendall(said)
            began = time.monotonic()
            read_all(connection)
            assert time.monotonic() - began < SOON_SECONDS
        assert encrypted.get() == (200, b"hello")

    @pytest.mark.parametrize(
        "head", [b"Content-Length: 1001\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nbb8\r\n" + b"a" * 3000]
    )
    def test_a_body_that_is_too_large_is_refused_unread(self, hasty: WebClient, head: bytes) -> None:
        with hasty.begin(b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head) as connection:
            status, body = split(read_all(connection))
            assert (status, json.loads(body)["status"]) == (413, 413)


class TestCrowds:
    def test_half_sent_requests_hold_no_thread(self, site: WebClient) -> None:
        with contextlib.ExitStack() as crowd:
            for number in range(100):
                half = HALF_A_BODY if number % 2 else HALF_A_REQUEST
                crowd.enter_context(site.begin(half, f"127.0.1.{number + 1}"))
            assert site.get() == (200, b"hello")

    def test_an_address_past_its_share_loses_who_only_stands_there_and_the_newcomer_is_served(
        self, site: WebClient
    ) -> None:
        with contextlib.ExitStack() as crowd:
            held = [crowd.enter_context(site.begin(HALF_A_REQUEST)) for _ in range(8)]
            for _ in range(20):
                assert site.get() == (200, b"hello")
            held[0].settimeout(SOON_SECONDS)
            assert read_all(held[0]) == b""
            assert site.get(source="127.0.0.2") == (200, b"hello")

    def test_a_thousand_half_sent_requests_from_one_address_shut_nobody_out(self, site: WebClient) -> None:
        with contextlib.ExitStack() as crowd:
            for _ in range(1000):
                with contextlib.suppress(OSError):
                    crowd.enter_context(site.begin(HALF_A_REQUEST, "127.0.0.9"))
            for source in ("127.0.0.9", "127.0.0.1"):
                began = time.monotonic()
                assert site.get(source=source) == (200, b"hello")
                assert time.monotonic() - began < SOON_SECONDS

    def test_the_limit_of_all_makes_room_for_newcomers_as_well(self, tmp_path: Path) -> None:
        with (
            web_site(tmp_path, limits=WebLimits(max_connections=20)) as (client, _),
            contextlib.ExitStack() as crowd,
        ):
            for number in range(60):
                with contextlib.suppress(OSError):
                    crowd.enter_context(client.begin(HALF_A_REQUEST, f"127.0.1.{number + 1}"))
            assert client.get() == (200, b"hello")

    def test_slow_pages_of_one_client_leave_threads_for_another(self, site: WebClient) -> None:
        with ThreadPoolExecutor(4) as pool:
            slow = [pool.submit(site.get, "/slow/2.0", source="127.0.0.3") for _ in range(4)]
            assert site.get() == (200, b"hello")
            assert not all(one.done() for one in slow)
            assert [one.result()[0] for one in slow] == [200] * 4

    def test_pages_that_block_stop_no_stream(self, site: WebClient) -> None:
        with (
            ThreadPoolExecutor(4) as pool,
            site.begin(request("/stream")) as stream,
            contextlib.closing(site.open("127.0.0.5")) as other,
        ):
            read_until(stream, b"it begins\n")
            slow = [pool.submit(site.get, "/slow/1.5", source=f"127.0.0.{number}") for number in (3, 4)]
            other.sendall(HALF_A_REQUEST)
            read_until(stream, b"\r\n\n")
            assert [one.result()[0] for one in slow] == [200] * 2

    def test_streams_past_the_share_of_an_address_are_refused_and_pages_are_not(self, site: WebClient) -> None:
        with contextlib.ExitStack() as crowd:
            for _ in range(4):
                read_until(crowd.enter_context(site.begin(request("/stream"))), b"it begins\n")
            assert site.get("/stream")[0] == 503
            assert site.get() == (200, b"hello")
            other = crowd.enter_context(site.begin(request("/stream"), "127.0.0.2"))
            read_until(other, b"it begins\n")

    def test_who_takes_an_answer_drop_by_drop_keeps_nobody_out(self, tmp_path: Path) -> None:
        with (
            web_site(tmp_path, limits=WebLimits(max_connections=8)) as (client, _),
            contextlib.ExitStack() as crowd,
        ):
            slow = [crowd.enter_context(client.connect(f"127.0.1.{number + 1}")) for number in range(8)]
            for one in slow:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                one.sendall(request("/large"))
            until("the page", lambda: drips(slow) and is_served(client), 30)

    def test_no_room_for_more_open_files_ends_nothing(self, tmp_path: Path) -> None:
        with (
            web_site(tmp_path, files=200) as (client, process),
            client.begin(request("/hold-files")) as connection,
        ):
            read_until(connection, b"Too many open files")
            with client.begin(request("/", "Connection: close\r\n"), "127.0.0.2") as newcomer:
                until("a word about it", lambda: "no more connections can be accepted" in process.said)
                connection.sendall(request("/release-files"))
                assert split(read_all(newcomer)) == (200, b"hello")

    def test_a_machine_with_few_open_files_holds_fewer_connections(self, tmp_path: Path) -> None:
        with web_site(tmp_path, files=200) as (client, process), contextlib.ExitStack() as crowd:
            for number in range(180):
                with contextlib.suppress(OSError):
                    crowd.enter_context(client.begin(HALF_A_REQUEST, f"127.0.1.{number + 1}"))
            assert client.get() == (200, b"hello")
            assert process.said == ""


class TestRequests:
    def test_two_requests_in_one_packet_are_answered_one_after_the_other(self, site: WebClient) -> None:
        with site.begin(request() + request("/address", "Connection: close\r\n")) as connection:
            said = read_all(connection)
        assert said.count(b"HTTP/1.1 200 OK") == 2
        assert said.endswith(b"127.0.0.1 http")

    def test_a_body_comes_whole_after_it_was_waited_for(self, site: WebClient) -> None:
        head = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
        with site.begin(head + b"Content-Length: 600000\r\n\r\n") as connection:
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue")
            connection.sendall(b"a" * 600_000)
            assert split(read_all(connection)) == (200, b"600000")

    @pytest.mark.parametrize(
        "rest",
        [
            b"Content-Length: 20\r\n\r\nname=example.org",
            b"Content-Length: 1\r\n\r\n",
            b"Content-Length: 1000\r\n\r\n" + b"a" * 999,
            b"Transfer-Encoding: chunked\r\n\r\n10\r\nname=example.org\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n12\r\nname=example.org",
            b"Transfer-Encoding: chunked\r\n\r\n10\r\nname=example.org\r\n0\r\n",
        ],
        ids=["cut", "empty", "by one", "chunks", "chunk", "last chunk"],
    )
    def test_what_was_cut_off_is_never_taken_for_the_whole(
        self, site: WebClient, encrypted: WebClient, rest: bytes
    ) -> None:
        """Nor refused where a length was announced, as rooms do: they put aside for good what is refused."""
        head = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for client in (site, encrypted):
            with client.begin(head + rest) as connection:
                socket.socket.shutdown(connection, socket.SHUT_WR)  # TLS's own would end reading as well
                said = read_all(connection)
            assert b"200 OK" not in said
            assert b"Content-Length" not in rest or said == b""

    @pytest.mark.parametrize("path", ["/large", "/pieces"])
    def test_a_large_answer_comes_whole(self, encrypted: WebClient, site: WebClient, path: str) -> None:
        for client in (site, encrypted):
            status, body = client.get(path)
            assert status == 200
            assert body.count(b"x") >= LARGE_BYTES

    def test_a_part_of_a_file_and_a_head_alone_are_answered_as_asked(self, site: WebClient) -> None:
        assert site.get("/large", headers="Range: bytes=10-19\r\n") == (206, b"x" * 10)
        head = request("/large", "Connection: close\r\n").replace(b"GET", b"HEAD")
        with site.begin(head) as connection:
            status, body = split(read_all(connection))
        assert (status, body) == (200, b"")

    def test_a_client_that_leaves_in_the_middle_of_an_answer_is_no_fault(self, site: WebClient) -> None:
        for _ in range(5):
            with site.begin(request("/pieces")) as connection:
                connection.recv(100)
        assert site.get() == (200, b"hello")

    @pytest.mark.parametrize(
        "said", [b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
    )
    def test_what_is_no_request_is_answered_400(self, site: WebClient, said: bytes) -> None:
        with site.begin(said) as connection:
            assert split(read_all(connection))[0] == 400

    def test_a_fault_of_the_application_is_500_and_a_word_in_the_log(self, tmp_path: Path) -> None:
        with web_site(tmp_path) as (client, process):
            assert client.get("/fault")[0] == 500
            assert "as it was told to" in process.said

    def test_a_fault_in_the_middle_of_an_answer_cuts_it_off(self, tmp_path: Path) -> None:
        with web_site(tmp_path) as (client, _):
            status, body = client.get("/fault-later")
            assert status == 200
            assert not body.endswith(b"0\r\n\r\n")
            assert b"500" not in body
            assert client.get() == (200, b"hello")

    def test_a_stream_hears_at_once_what_another_request_tells(self, encrypted: WebClient) -> None:
        with encrypted.begin(request("/stream")) as stream:
            read_until(stream, b"it begins\n")
            assert encrypted.get("/news")[1] == b"1"
            read_until(stream, b"news\n")

    def test_a_stream_whose_client_closes_is_over_at_once(self, encrypted: WebClient, site: WebClient) -> None:
        for client in (site, encrypted):
            before = client.get("/news")[1]
            streams = [client.begin(request("/stream"), "127.0.0.7") for _ in range(3)]
            for one in streams:
                read_until(one, b"it begins\n")
            for one in streams:
                one.close()
            until("the streams to be over", lambda: client.get("/news")[1] == before, 5)  # noqa: B023 (at once)


class TestProxies:
    HEADERS = "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 127.0.0.8\r\nX-Forwarded-Proto: https\r\n"

    def test_nobody_is_believed_about_who_they_are(self, site: WebClient) -> None:
        assert site.get("/address", headers=self.HEADERS)[1] == b"127.0.0.1 http"

    def test_a_proxy_of_the_settings_is_believed_as_far_as_its_own_kind_goes(self, tmp_path: Path) -> None:
        limits = WebLimits(trusted_proxies=("127.0.0.0/29", "127.0.0.8/32"), max_connections_per_address=2)
        with web_site(tmp_path, limits=limits) as (client, _), contextlib.ExitStack() as crowd:
            assert client.get("/address", headers=self.HEADERS)[1] == b"198.51.100.7 https"
            assert client.get("/address", headers=self.HEADERS, source="127.0.1.1")[1] == b"127.0.1.1 http"
            assert client.get("/address", headers="X-Forwarded-For: what?\r\n")[1] == b"127.0.0.1 http"
            held = [crowd.enter_context(client.begin(HALF_A_REQUEST)) for _ in range(10)]
            assert client.get() == (200, b"hello")
            held[0].settimeout(0.2)
            with pytest.raises(TimeoutError):
                held[0].recv(1)

    def test_streams_of_one_client_behind_a_proxy_leave_room_for_others(self, tmp_path: Path) -> None:
        limits = WebLimits(trusted_proxies=("127.0.0.1/32",), max_streams_per_address=2)
        mine, others = (f"X-Forwarded-For: 198.51.100.{number}\r\n" for number in (7, 8))
        with web_site(tmp_path, limits=limits) as (client, _), contextlib.ExitStack() as crowd:
            for _ in range(2):
                read_until(crowd.enter_context(client.begin(request("/stream", mine))), b"it begins\n")
            assert client.get("/stream", headers=mine)[0] == 503
            read_until(crowd.enter_context(client.begin(request("/stream", others))), b"it begins\n")


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
    def test_at_once_where_it_is_told_so(self, tmp_path: Path, number: signal.Signals) -> None:
        with web_site(tmp_path) as (client, process), client.begin(request("/stream")) as stream:
            read_until(stream, b"it begins\n")
            process.signal(number)
            read_all(stream)
            assert process.stop() == 0
            assert process.said == ""

    def test_a_page_under_way_is_finished_and_streams_are_not_waited_for(self, tmp_path: Path) -> None:
        with (
            web_site(tmp_path) as (client, process),
            client.begin(request("/stream")) as stream,
            client.begin(request("/slow/1.0")) as page,
            client.begin(HALF_A_REQUEST) as half,
        ):
            read_until(stream, b"it begins\n")
            client.get()  # by now the slow page is under way
            began = time.monotonic()
            assert process.stop() == 0
            assert time.monotonic() - began < SOON_SECONDS
            assert split(read_all(page)) == (200, b"at last")
            read_all(stream)
            assert read_all(half) == b""
            assert process.said == ""
