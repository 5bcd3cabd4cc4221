"""The quick look at an address's bytes never lets pass what the table of special addresses holds."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.policy.special_addresses import is_plainly_global, is_special

PREFIXES = [
    network.network_address.packed
    for network in map(
        ipaddress.ip_network,
        (
            "::/96",
            "::ffff:0:0/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2001:100::/24",
            "2002::/16",
            "2600:0:0:0::/64",
        ),
    )
]


@pytest.mark.parametrize(
    "text",
    [
        "192.0.0.11",  # the rest of what RFC 6890 keeps for protocols
        "192.0.0.200",
        "192.0.0.255",
        "::2",  # RFC 4291, section 2.4: reserved, outside of 2000::/3
        "::1:0:0:0",
        "1::1",
        "4000::1",
        "8000::1",
        "e000::1",
        "2001:5::1",  # RFC 2928: for protocols, and none of those that have become global
        "2001:100::1",
        "2001:1ff:ffff::1",
        "::ffff:0:c0a8:101",  # RFC 7915 once wrote translated addresses so (RFC 2765)
        "64:ff9b::a00:1",
    ],
)
def test_what_is_reserved_for_protocols_or_wraps_a_private_address_is_no_place(text: str) -> None:
    assert is_special(ipaddress.ip_address(text))
    assert not is_plainly_global(ipaddress.ip_address(text).packed)


@pytest.mark.parametrize(
    "text",
    [
        "192.0.0.9",  # RFC 7723
        "192.0.0.10",  # RFC 8155
        "192.0.1.1",
        "2001:1::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:20::1",
        "2001:30::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_what_is_global_by_the_registries_stays_so(text: str) -> None:
    assert not is_special(ipaddress.ip_address(text))


@given(st.binary(min_size=4, max_size=4))
def test_of_four_bytes(raw: bytes) -> None:
    assert not (is_plainly_global(raw) and is_special(ipaddress.ip_address(raw)))


@given(
    st.one_of(
        st.binary(min_size=16, max_size=16),
        st.builds(
            lambda prefix, size, rest: prefix[:size] + rest[size:],
            st.sampled_from(PREFIXES),
            st.integers(2, 12),
            st.binary(min_size=16, max_size=16),
        ),
        st.builds(
            lambda head, identifier, inner: b"\x26" + head + identifier + inner,
            st.binary(min_size=7, max_size=7),
            st.sampled_from([b"\0\0\x5e\xfe", b"\2\0\x5e\xfe"]),
            st.sampled_from([socket.inet_aton("10.0.0.1"), socket.inet_aton("192.168.7.7")]),
        ),
    )
)
def test_of_sixteen_bytes(raw: bytes) -> None:
    assert not (is_plainly_global(raw) and is_special(ipaddress.ip_address(raw)))
