"""The file of closed tunnels: written whole, read whatever is in it, and over after a day."""

from pathlib import Path

import pytest

from appliance.room import blocked_tunnels
from dns.policy.document import Rule
from dns.policy.tunnel_values import TunnelFinding
from tests.fakes.policies import NOW


def finding(parent: str, *others: str, device: str = "192.0.2.7") -> TunnelFinding:
    return TunnelFinding(
        device=device,
        parent=parent,
        others=others,
        first=NOW,
        questions=9,
        distinct=9,
        payload_bytes=900,
        mean_length=100,
        entropy=4,
        roomy_share=1,
    )


def test_what_is_closed_stays_closed_for_a_day_from_its_last_finding(tmp_path: Path) -> None:
    file = tmp_path / "tunnels.json"
    blocked_tunnels.block_tunnel(file, finding("a.example"), NOW)
    blocked_tunnels.block_tunnel(file, finding("b.example"), NOW + 100)
    blocked_tunnels.block_tunnel(file, finding("a.example"), NOW + 200)

    assert {one.parent for one in blocked_tunnels.read_blocked_tunnels(file, NOW + 300)} == {
        "a.example",
        "b.example",
    }
    assert {one.parent for one in blocked_tunnels.read_blocked_tunnels(file, NOW + 86400 + 150)} == {"a.example"}
    assert not blocked_tunnels.read_blocked_tunnels(file, NOW + 86400 + 200)


def test_a_closing_is_for_its_device_and_for_every_domain_over_which_the_tunnel_was_spread(tmp_path: Path) -> None:
    file = tmp_path / "tunnels.json"
    blocked_tunnels.block_tunnel(file, finding("a.example", "b.example", "bbc.co.uk"), NOW)
    blocked_tunnels.block_tunnel(file, finding("a.example", device="192.0.2.8"), NOW)

    rules = blocked_tunnels.block_rules(blocked_tunnels.read_blocked_tunnels(file, NOW), [])
    assert [(rule.name, rule.device) for rule in rules] == [
        ("a.example", "192.0.2.7"),
        ("b.example", "192.0.2.7"),
        ("a.example", "192.0.2.8"),
    ]


@pytest.mark.parametrize(
    "parent",
    [
        "bbc.co.uk",
        "co.uk",
        "github.io",
        "cloudfront.net",
        "googlevideo.com",
        "akamaihd.net",
        "reddit.com",
        "sch.uk",
    ],
)
def test_nothing_is_closed_that_many_depend_on_or_register_under(tmp_path: Path, parent: str) -> None:
    file = tmp_path / "tunnels.json"
    blocked_tunnels.block_tunnel(file, finding(parent), NOW)

    assert blocked_tunnels.read_blocked_tunnels(file, NOW) == ()


def test_what_was_closed_to_everybody_before_devices_were_told_apart_stays_so_for_its_day(tmp_path: Path) -> None:
    file = tmp_path / "tunnels.json"
    file.write_text(f'[{{"parent": "a.example", "until": {NOW + 9}}}]')

    (rule,) = blocked_tunnels.block_rules(blocked_tunnels.read_blocked_tunnels(file, NOW), [])
    assert (rule.name, rule.device) == ("a.example", "")


def test_a_clock_that_jumps_ahead_and_comes_back_opens_no_tunnel(tmp_path: Path) -> None:
    file = tmp_path / "tunnels.json"
    blocked_tunnels.block_tunnel(file, finding("a.example"), NOW)
    blocked_tunnels.block_tunnel(file, finding("b.example"), NOW + 120 * 86400)

    assert {one.parent for one in blocked_tunnels.read_blocked_tunnels(file, NOW + 60)} == {
        "a.example",
        "b.example",
    }


def test_the_file_remembers_the_last_thousand_domains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked_tunnels, "MAX_KEPT", 3)
    file = tmp_path / "tunnels.json"
    for number in range(5):
        blocked_tunnels.block_tunnel(file, finding(f"n{number}.example"), NOW)

    assert [one.parent for one in blocked_tunnels.read_blocked_tunnels(file, NOW)] == [
        "n2.example",
        "n3.example",
        "n4.example",
    ]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'[{"parent": 1}]'])
def test_a_file_that_is_missing_or_broken_closes_nothing(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tunnels.json"
    if content is not None:
        file.write_bytes(content)

    assert blocked_tunnels.read_blocked_tunnels(file, NOW) == ()


def test_what_the_school_allows_is_not_closed() -> None:
    closed = (
        blocked_tunnels.BlockedTunnel("tunnel.av.example", NOW + 1),
        blocked_tunnels.BlockedTunnel("other.example", NOW + 1),
    )

    made = blocked_tunnels.block_rules(closed, [Rule(name="av.example", action="allow")])

    assert [rule.name for rule in made] == ["other.example"]
