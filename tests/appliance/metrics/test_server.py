"""Figures are read by named networks alone, and nobody who reads them badly keeps another from reading."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from appliance.metrics import server as metrics_server
from appliance.metrics.server import MetricsServer
from appliance.settings.metrics import MetricsSection
from appliance.settings.values import Endpoint, Network
from tests.e2e.school import until
from tests.fakes.ports import free_port


class OneReader(MetricsSection, frozen=True, kw_only=True):
    """This machine is not among those who may read, but for one of its addresses."""

    @property
    def readers(self) -> tuple[Network, ...]:
        return (Network("127.0.0.2/32"),)


@contextlib.contextmanager
def served(settings: MetricsSection, render: Callable[[], bytes] = lambda: b"x 1\n") -> Iterator[str]:
    server = MetricsServer(settings, render, retry_seconds=0.05)
    server.start()
    url = f"http://{settings.listen}/metrics"
    try:
        until("the server", lambda: can_connect(settings.listen.port))
        yield url
    finally:
        server.stop()


def can_connect(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def here(kind: type[MetricsSection] = MetricsSection) -> MetricsSection:
    return kind(listen=Endpoint("127.0.0.1", free_port()))


def test_figures_are_served_and_nothing_else_is() -> None:
    with served(here()) as url, httpx.Client(trust_env=False) as client:
        answer = client.get(url)
        assert (answer.status_code, answer.text) == (200, "x 1\n")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert client.get(url + "?name[]=x").status_code == 200
        assert client.get(url.removesuffix("metrics")).status_code == 404
        assert client.post(url, content=b"x" * 100).status_code == 501


def test_whoever_is_of_no_named_network_is_cut_off() -> None:
    with served(here(OneReader)) as url:
        named = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=named) as client:
            assert client.get(url).status_code == 200
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.TransportError):
            client.get(url)


def test_a_reader_that_hangs_or_talks_nonsense_keeps_no_other_waiting_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_server, "DEADLINE_SECONDS", 0.2)
    settings = here()
    with served(settings) as url, httpx.Client(trust_env=False, timeout=10) as client:
        for said in (b"", b"GET /met", b"\x00\xff\r\n\r\n", b"GET " + b"x" * 100_000, b"GET / HTTP/9.9\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", settings.listen.port), timeout=10) as hanging:
                with contextlib.suppress(OSError):
                    hanging.sendall(said)
                assert client.get(url).status_code == 200, said[:20]


def test_a_fault_is_one_line_and_the_next_reader_is_answered() -> None:
    faults = iter([ValueError("a secret")])

    def render() -> bytes:
        for one in faults:
            raise one
        return b"x 1\n"

    with served(here(), render) as url, httpx.Client(trust_env=False) as client:
        answer = client.get(url)
        assert (answer.status_code, answer.text) == (500, "the figures cannot be had; the log says why\n")
        assert client.get(url).status_code == 200


def test_an_address_that_is_taken_is_tried_again_until_it_is_free() -> None:
    settings = here()
    with socket.create_server(("127.0.0.1", settings.listen.port)) as taken:
        server = MetricsServer(settings, lambda: b"x 1\n", retry_seconds=0.05)
        server.start()
        taken.settimeout(0.2)
        with pytest.raises(TimeoutError):
            taken.accept()
    with httpx.Client(trust_env=False) as client:
        until("the server", lambda: can_connect(settings.listen.port))
        assert client.get(f"http://{settings.listen}/metrics").status_code == 200
    server.stop()
    assert not [one for one in threading.enumerate() if one.name == "metrics"]
