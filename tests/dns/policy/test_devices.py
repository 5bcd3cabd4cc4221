"""A device belongs to one group: the most specific member that fits it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import PolicyInvalid
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.devices import canonical_mac
from dns.policy.document import Device, Group, Profile, Suspension
from dns.policy.verdict import Step
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, document, minutes

MAC = "02:00:5e:00:53:01"
OTHER_MAC = "02:00:5e:00:53:02"


def school(*groups: tuple[str, tuple[str, ...]], neighbours: dict[str, str] | None = None) -> CompiledPolicy:
    made = document(
        groups=(Group(name="pupils", profile="p"), *(Group(name=n, profile="p", members=m) for n, m in groups)),
        profiles=(Profile(name="p"),),
        devices=(Device(name="Whiteboard", addresses=(MAC, "2001:db8::53")),),
    )
    return CompiledPolicy(made, FakeBlocklist(), mac_of=(neighbours or {}).get)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "one address"),
        ("192.0.2.8", "a small network"),
        ("192.0.2.130", "a large network"),
        ("203.0.113.1", "pupils"),
        ("2001:db8:1::9", "six"),
        ("::ffff:192.0.2.7", "one address"),
        ("198.51.100.10", "a range"),
        ("198.51.100.17", "a range"),
        ("198.51.100.20", "a range"),
        ("2001:db8:2::5", "a range"),
        ("198.51.100.9", "pupils"),
        ("198.51.100.25", "pupils"),
        ("198.51.100.40", "pupils"),
        ("198.51.100.50", "pupils"),
        ("not an address", "pupils"),
    ],
)
def test_the_smallest_network_that_holds_an_address_wins(address: str, group: str) -> None:
    policy = school(
        ("a large network", ("192.0.2.0/24",)),
        ("one address", ("192.0.2.7",)),
        ("a small network", ("192.0.2.0/28",)),
        ("six", ("2001:db8:1::/48",)),
        ("a range", ("198.51.100.10 - 198.51.100.20", "2001:db8:2::1-2001:db8:2::5")),
        ("nonsense", ("198.51.100.30-198.51.100.21", "198.51.100.40-2001:db8::1", "198.51.100.50-")),
    )

    assert policy.view(address).group == group


def test_a_mac_address_is_more_specific_than_any_address() -> None:
    policy = school(
        ("by address", ("192.0.2.7",)), ("by mac", ("02-00-5E-00-53-02",)), neighbours={"192.0.2.7": OTHER_MAC}
    )

    assert policy.view("192.0.2.7").group == "by mac"


def test_a_device_name_is_the_most_specific_of_all() -> None:
    policy = school(
        ("by name", ("whiteboard",)),
        ("by mac", (OTHER_MAC,)),
        neighbours={"192.0.2.7": MAC, "192.0.2.8": OTHER_MAC},
    )

    assert policy.view("192.0.2.7").group == "by name"
    assert policy.view("2001:db8::53").group == "by name"
    assert policy.view("192.0.2.8").group == "by mac"


def test_unknown_devices_fall_into_the_rooms_default_group() -> None:
    policy = school(("staff", ("192.0.2.0/24",)))

    assert policy.view("203.0.113.200").group == "pupils"


def test_the_table_of_neighbours_is_only_read_where_a_member_is_a_mac_address() -> None:
    asked: list[str] = []

    def mac_of(address: str) -> None:
        asked.append(address)

    CompiledPolicy(document(), FakeBlocklist(), mac_of=mac_of).view(PUPIL)

    assert not asked


def test_askers_that_may_share_a_view_are_given_the_same_one() -> None:
    policy = school(("staff", ("198.51.100.0/24",)))

    assert policy.view("192.0.2.1") is policy.view("192.0.2.2")
    assert policy.view("192.0.2.1") is not policy.view("198.51.100.1")


@pytest.mark.parametrize("device", [PUPIL, "192.0.2.0/28", MAC, "Whiteboard"])
def test_a_suspension_is_for_its_device_however_it_is_named(device: str) -> None:
    made = document(
        suspensions=(Suspension(id="s", device=device, until=minutes(30)),),
        devices=(Device(name="Whiteboard", addresses=(MAC,)),),
    )
    policy = CompiledPolicy(made, FakeBlocklist(), mac_of={PUPIL: MAC}.get)

    assert policy.view(PUPIL).decide("free.example", 1, NOW).step is Step.SUSPENDED
    assert policy.view("192.0.2.99").decide("free.example", 1, NOW).step is Step.DEFAULT


def test_an_address_that_went_to_another_device_makes_the_next_policy_a_new_one() -> None:
    neighbours = {"192.0.2.7": MAC, "192.0.2.8": OTHER_MAC}
    old, new = (school(("by mac", (MAC,)), neighbours=neighbours) for _ in range(2))
    old.view("192.0.2.7")
    old.view("192.0.2.8")
    assert new.names_changed_since(old) == ()

    neighbours["192.0.2.8"] = MAC  # a lease ended, and the device came back under another address
    assert new.names_changed_since(old) is None


@pytest.mark.parametrize(
    "spelling",
    ["02:00:5e:00:53:01", "02-00-5E-00-53-01", "0200.5e00.5301", "02005E005301", "2:0:5e:0:53:1",
     "02 00 5e 00 53 01", "02.00.5e.00.53.01", "0200:5e00:5301", "02005e-005301", " 02005e:005301 "],
)  # fmt: skip
def test_a_mac_address_is_known_in_every_spelling(spelling: str) -> None:
    assert canonical_mac(spelling) == MAC


@pytest.mark.parametrize(
    "text",
    ["", "02:00:5e:00:53", "02:00:5e:00:53:01:02", "02:00-5e:00:53:01", "0200.5e00:5301", "02005e00530",
     "02005e0053011", "g2005e005301", "\u0660\u0662:00:5e:00:53:01", "2001:db8::1",
     "1:2:3:4:5:6:7:8", "192.0.2.1"],
)  # fmt: skip
def test_what_is_no_mac_address_is_taken_for_none(text: str) -> None:
    assert canonical_mac(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF:-. ", max_size=20) | st.text(max_size=20))
def test_a_mac_address_has_one_spelling(text: str) -> None:
    found = canonical_mac(text)
    assert found is None or (canonical_mac(found) == found and len(found) == 17)


def test_a_device_counts_only_in_the_networks_that_its_group_is_bound_to() -> None:
    neighbours = {"192.0.2.7": MAC, "198.51.100.7": MAC}
    made = document(
        groups=(
            Group(name="pupils", profile="p"),
            Group(name="staff", profile="p", members=("Whiteboard",), only_from=("198.51.100.0/24",)),
        ),
        profiles=(Profile(name="p"),),
        devices=(Device(name="Whiteboard", addresses=(MAC,)),),
    )
    policy = CompiledPolicy(made, FakeBlocklist(), mac_of=neighbours.get)
    assert policy.view("198.51.100.7").group == "staff"
    assert policy.view("192.0.2.7").group == "pupils"


def test_a_group_that_is_bound_to_no_network_is_a_mistake() -> None:
    groups = (Group(name="pupils", profile="p", only_from=("the staff room",)),)
    with pytest.raises(PolicyInvalid, match="bound to 'the staff room'"):
        CompiledPolicy(document(groups=groups, profiles=(Profile(name="p"),)), FakeBlocklist())
