"""No publisher leads a download to services inside the school, by whatever name or address."""

import io
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocklists.download import Download
from blocklists.download_targets import TargetGuard, TargetPolicy
from blocklists.errors import FetchFailed
from tests.fakes.list_server import ListServer, list_server, make_certificate

# In these tests 127.0.0.1 is the internet, and the rest of 127.0.0.0/8 is this machine.
INTERNET = ("127.0.0.1/32",)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


@pytest.fixture
def publisher(certificate: tuple[Path, Path]) -> Iterator[ListServer]:
    with list_server(certificate) as running:
        yield running


def fetch(location: str, certificate: tuple[Path, Path], **hosts: str) -> bytes:
    policy = TargetPolicy(internet=INTERNET, hosts={name.replace("_", "."): at for name, at in hosts.items()})
    download = Download(location, ca_file=str(certificate[0]), targets=policy, progress=lambda _done, _total: None)
    with io.BytesIO() as file:
        file.name = "/nowhere/list"
        download.write_to(file, {})
        return file.getvalue()


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/inside",  # https never to http, whatever it leads to
        "https://127.0.0.2:{port}/inside",
        "https://localhost:{port}/inside",
        "https://[::1]:{port}/inside",
        "https://[::ffff:127.0.0.2]:{port}/inside",
        "https://0.0.0.0:{port}/inside",
        "https://2130706434:{port}/inside",  # 127.0.0.2 as one number
        "https://0x7f000002:{port}/inside",
        "https://printer/",
        "https://nas.local/",
        "https://rebound.example:{port}/inside",  # a name of the internet that leads to this machine
    ],
)
def test_a_redirect_reaches_nothing_inside(
    target: str, publisher: ListServer, certificate: tuple[Path, Path]
) -> None:
    port = publisher.url.rpartition(":")[2]
    publisher.says("/list", 302, Location=target.format(port=port))
    publisher.gives("/inside", b"secret.example\n")
    with pytest.raises(FetchFailed, match=r"leads to|is not https"):
        fetch(f"{publisher.url}/list", certificate, rebound_example="127.0.0.2")
    assert [path for path, _ in publisher.requests] == ["/list"]


def test_a_redirect_elsewhere_in_the_internet_is_followed(
    publisher: ListServer, certificate: tuple[Path, Path]
) -> None:
    publisher.says("/list", 302, Location=f"{publisher.url}/moved")
    publisher.gives("/moved", b"bad.example\n")
    assert fetch(f"{publisher.url}/list", certificate) == b"bad.example\n"


def test_what_a_source_itself_names_is_reached() -> None:
    with list_server() as here:
        here.gives("/list", b"bad.example\n")
        here.says("/moved", 302, Location="/list")
        for path in ("/list", "/moved"):
            file = io.BytesIO()
            file.name = "/nowhere/list"
            Download(here.url + path, progress=lambda _done, _total: None).write_to(file, {})
            assert file.getvalue() == b"bad.example\n"


def test_an_address_beyond_ascii_is_asked_for_as_browsers_do(certificate: tuple[Path, Path]) -> None:
    with list_server() as here:
        here.gives("/g%C3%A9n%C3%A9ral?%C3%A0=%2F", b"bad.example\n")
        file = io.BytesIO()
        file.name = "/nowhere/list"
        Download(f"{here.url}/g\u00e9n\u00e9ral?\u00e0=%2F", progress=lambda _done, _total: None).write_to(
            file, {}
        )
        assert file.getvalue() == b"bad.example\n"
    with pytest.raises(FetchFailed, match=r"^xn--bcher-kva\.example leads to"):
        fetch("https://b\u00fccher.example/list", certificate, **{"xn--bcher-kva_example": "10.0.0.1"})


@pytest.mark.parametrize(
    "location", ["https://b\u00fc cher.example/", "https://\u202e.example/", "https://\u00fc..example/"]
)
def test_a_host_that_is_no_name_is_refused_in_words(location: str, certificate: tuple[Path, Path]) -> None:
    with pytest.raises(FetchFailed, match="is no address of a list"):
        fetch(location, certificate)


@pytest.mark.parametrize(
    ("source", "host", "address", "may"),
    [
        ("lists.example", "lists.example", "8.8.8.8", True),
        ("lists.example", "lists.example", "10.0.0.1", False),
        ("lists.example", "lists.example", "::ffff:127.0.0.1", False),
        ("lists.example", "lists.example", "::ffff:10.0.0.1", False),
        ("lists.example", "lists.example", "64:ff9b::a00:1", False),
        ("lists.example", "lists.example", "2002:a00:1::", False),
        ("lists.example", "lists.example", "192.168.1.1", False),
        ("lists.example", "lists.example", "fe80::1", False),
        ("lists.example", "lists.example", "fd00::1", False),
        ("lists.example", "lists.example", "224.0.0.1", False),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2", True),
        ("10.0.0.1", "127.0.0.1", "127.0.0.1", False),
        ("nas.local", "nas.local", "127.0.1.1", True),
        ("nas.local", "localhost", "127.0.0.1", False),
        ("nas.local", "lists.example", "8.8.8.8", True),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
    ],
)
def test_the_address_that_a_connection_has_decides(source: str, host: str, address: str, may: bool) -> None:
    guard = TargetGuard(TargetPolicy(), source)
    if may:
        guard.check_peer(host, address)
    else:
        with pytest.raises(FetchFailed, match="which only a source that names it may reach"):
            guard.check_peer(host, address)


def test_of_several_addresses_only_those_outside_are_tried() -> None:
    class TwoAddresses(TargetPolicy, frozen=True):
        def resolve(self, host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
            return [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("8.8.8.8")]

    assert TargetGuard(TwoAddresses(), "lists.example").reachable_addresses("lists.example", 443) == ["8.8.8.8"]
