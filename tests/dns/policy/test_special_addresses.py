"""The quick look at an address's bytes never lets pass what the table of special addresses holds."""

import ipaddress
import socket

from hypothesis import given
from hypothesis import strategies as st

from dns.policy.special_addresses import is_plainly_global, is_special

PREFIXES = [
    network.network_address.packed
    for network in map(
        ipaddress.ip_network,
        ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "2600:0:0:0::/64"),
    )
]


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
