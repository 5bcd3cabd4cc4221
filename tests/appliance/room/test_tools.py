"""The tools that technicians use, against `hallpass resolver` and a certificate: dig, kdig, dnsperf."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.authority import Authority
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream

NAME = "room4.school.example"
ROOM = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:{port}"]
upstreams = ["127.0.0.1:{upstream}"]
workers = 1
rate_limit = 0
[dns.tls]
certificate = "room.pem"
key = "room.key"
listen = ["127.0.0.1:{tls}"]
https = ["127.0.0.1:{https}"]
[web]
listen = "127.0.0.1:8080"
"""


class Ports:
    def __init__(self) -> None:
        self.plain, self.tls, self.https = (free_port() for _ in range(3))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Ports]:
    """Run a room's resolver; give its ports."""
    folder = tmp_path_factory.mktemp("room")
    for file, source in zip(("room.pem", "room.key"), authority.sign(NAME, "127.0.0.1"), strict=True):
        (folder / file).write_bytes(source.read_bytes())
    places = Ports()
    with FakeUpstream() as upstream:
        upstream.records["big.example.org", "TXT"] = [f'"{number} {"x" * 200}"' for number in range(50)]
        text = ROOM.format(port=places.plain, tls=places.tls, https=places.https, upstream=upstream.port)
        (folder / "room.toml").write_text(text)
        command = [sys.executable, "-m", "appliance", "resolver", "--config", str(folder / "room.toml")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert "answering on" in process.stderr.readline()
            yield places
            process.terminate()


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_dig_is_answered_over_udp_and_tcp_and_goes_over_by_itself(ports: Ports) -> None:
    for how in ("+notcp", "+tcp"):
        said = output("dig", "@127.0.0.1", "-p", str(ports.plain), how, "www.example.org", "A")
        assert "status: NOERROR" in said
        assert "192.0.2.1" in said
        assert ("(TCP)" in said) == (how == "+tcp")
    said = output("dig", "@127.0.0.1", "-p", str(ports.plain), "big.example.org", "TXT")
    assert "Truncated, retrying in TCP mode" in said
    assert "ANSWER: 50" in said


def test_dig_hears_of_badvers_and_of_cookies(ports: Ports) -> None:
    asked = ("dig", "@127.0.0.1", "-p", str(ports.plain), "www.example.org")
    assert "status: BADVERS" in output(*asked, "+edns=1", "+noednsnegotiation")
    assert re.search(r"COOKIE: [0-9a-f]{48} \(good\)", output(*asked, "+cookie"))


@pytest.mark.parametrize("how", ["+tcp", "+tls", "+https", "+https-get"])
def test_kdig_is_answered_over_tcp_tls_and_https_and_trusts_the_certificate(
    ports: Ports, authority: Authority, how: str
) -> None:
    port = {"+tcp": ports.plain, "+tls": ports.tls}.get(how, ports.https)
    trust = [] if how == "+tcp" else [f"+tls-ca={authority.file}", f"+tls-hostname={NAME}"]
    said = output("kdig", "@127.0.0.1", "-p", str(port), how, *trust, "www.example.org", "A")
    assert "status: NOERROR" in said
    assert "192.0.2.1" in said


def test_kdig_does_not_trust_another_name(ports: Ports, authority: Authority) -> None:
    said = subprocess.run(
        [
            *("kdig", "@127.0.0.1", "-p", str(ports.tls), "+tls", f"+tls-ca={authority.file}"),
            *("+tls-hostname=other.example", "+retry=0", "www.example.org"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "192.0.2.1" not in said.stdout


def services(said: str) -> dict[int, dict[str, str]]:
    """Return the parameters of each service by its priority, whether a kdig quotes them and knows key7 or not.

    Both are the same presentation (RFC 9460 section 2.1); `dohpath` is the name of key7 (RFC 9461 section 5).
    """
    found = {}
    for priority, parameters in re.findall(rf"SVCB\s+(\d+) {re.escape(NAME)}\. (.+)", said):
        pairs = dict(word.split("=", 1) for word in shlex.split(parameters))
        found[int(priority)] = {"dohpath" if key == "key7" else key: value for key, value in pairs.items()}
    return found


def test_rfc9462_4_kdig_finds_the_way_to_encryption(ports: Ports) -> None:
    said = output("kdig", "@127.0.0.1", "-p", str(ports.plain), "_dns.resolver.arpa", "TYPE64")
    assert services(said) == {
        1: {"alpn": "h2", "port": str(ports.https), "dohpath": "/dns-query{?dns}"},
        2: {"alpn": "dot", "port": str(ports.tls)},
    }
    assert re.search(rf"{NAME}\.\s+60\s+IN\s+A\s+127\.0\.0\.1", said)


@pytest.mark.parametrize("how", ["udp", "tcp", "dot", "doh"])
def test_dnsperf_loses_nothing(ports: Ports, tmp_path: Path, how: str) -> None:
    questions = tmp_path / "questions"
    questions.write_text("".join(f"n{number}.example.org A\n" for number in range(200)))
    port = {"dot": ports.tls, "doh": ports.https}.get(how, ports.plain)
    said = output("dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-n", "3", "-m", how)
    assert "Queries completed:    600 (100.00%)" in said
    assert "Response codes:       NOERROR 600 (100.00%)" in said
