"""`hallpass doctor --network`: whatever it reaches here lies in network namespaces that the test makes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.doctor.network import NetworkDoctor
from appliance.doctor.offered_resolvers import (
    OfferedResolvers,
    read_dhcp6_response,
    read_dhcp_offer,
    read_router_advertisement,
)
from tests.fakes.authority import Authority
from tests.fakes.open_network import PUBLIC, PUBLIC6, ROOM, ROUTER, ROUTER6

ROOT = Path(__file__).parents[3]
TOOLS = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "PYTHONPATH": str(ROOT)}
APART = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--net")
Findings = list[dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """Return what is found in an open network, and after its rules were written."""
    folder = tmp_path_factory.mktemp("network")
    Authority(folder).sign("dns.google")
    done = subprocess.run(
        [*APART, sys.executable, "-m", "tests.fakes.open_network", str(folder)],
        capture_output=True, text=True, check=False, env=TOOLS, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen: dict[str, Findings] = json.loads(done.stdout)
    return seen


def problems(findings: Findings) -> dict[str, str]:
    return {one["what"]: one["words"] for one in findings if one["state"] == "problem"}


def test_every_way_past_the_filter_is_found_with_its_rule(found: dict[str, Findings]) -> None:
    wrong = problems(found["before"])
    assert set(wrong) == {
        "plain DNS", "DNS over TLS", "DNS over HTTPS", "DHCP", "DHCPv6", "router advertisement",
    }  # fmt: skip
    for way in ("UDP", "TCP"):
        assert f"{PUBLIC} (Google, {way})" in wrong["plain DNS"]
        assert f"{PUBLIC6} (Google, {way})" in wrong["plain DNS"]
    assert f"{PUBLIC} (Google)" in wrong["DNS over TLS"]
    assert f"{PUBLIC} (Google)" in wrong["DNS over HTTPS"]
    assert f"{ROUTER} offers {ROUTER} on eth0" in wrong["DHCP"]  # the room, offered beside it, is none
    assert ROUTER6 in wrong["router advertisement"]
    assert ROUTER6 in wrong["DHCPv6"]
    rules = {one["what"]: one["todo"] for one in found["before"]}
    assert f"ip saddr != {ROOM}" in rules["plain DNS"]
    assert "dport { 53, 853 }" in rules["DNS over TLS"]
    assert PUBLIC6 in rules["DNS over HTTPS"]
    assert f"option 6 (domain-name-servers) = {ROOM}" in rules["DHCP"]
    assert found["before"][-1]["words"] == "1"  # its exit status


def test_after_the_rules_were_written_no_way_is_left(found: dict[str, Findings]) -> None:
    assert problems(found["after"]) == {}
    said = {one["what"]: one["state"] for one in found["after"]}
    assert {what for what, state in said.items() if state == "ok"} >= {
        "plain DNS", "DNS over TLS", "DNS over HTTPS", "DHCP", "DHCPv6", "router advertisement",
    }  # fmt: skip
    assert found["after"][-1]["words"] == "0"


def test_a_machine_without_a_network_is_told_so() -> None:
    done = subprocess.run(
        [*APART, sys.executable, "-m", "appliance", "doctor", "--network", ROOM],
        capture_output=True, text=True, check=False, env=TOOLS, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no cable and no Wi-Fi is up here" in done.stdout


def test_two_dhcp_servers_are_one_too_many() -> None:
    offers = [OfferedResolvers("DHCP", by, "eth0", ()) for by in (ROUTER, "192.0.2.99")]
    said = list(NetworkDoctor(ROOM)._judge_offers("eth0", offers))
    assert [one.words for one in said if one.state == "problem"] == [
        f"2 servers answer on eth0: {ROUTER}, 192.0.2.99"
    ]


@pytest.mark.parametrize("read", [read_dhcp_offer, read_router_advertisement, read_dhcp6_response])
def test_whatever_comes_is_read_without_harm(read: Any) -> None:
    whole = {
        read_dhcp_offer: b"\2" + bytes(235) + bytes((99, 130, 83, 99, 53, 1, 2, 6, 200, 1)),
        read_router_advertisement: bytes((134,)) + bytes(15) + bytes((25, 9, 0, 0, 0, 0, 0, 9, 1)),
        read_dhcp6_response: bytes((7, 0, 0, 0, 0, 23, 0, 200, 1)),
    }[read]
    for size in range(len(whole) + 1):
        assert read(whole[:size]) in (None, ())
    assert read(b"\xff" * 600) is None
