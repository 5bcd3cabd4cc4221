"""Addresses, networks and upstream servers as they are written in settings."""

import pytest

from appliance.settings.values import Endpoint, MirrorUrl, Network, UpstreamSetting


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1:53", "192.0.2.1", 53),
        ("[2001:db8::1]:5300", "2001:db8::1", 5300),
        ("127.0.0.1:0", "127.0.0.1", 0),
    ],
)
def test_an_endpoint_reads_back_as_it_was_written(text: str, host: str, port: int) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "text", ["", "192.0.2.1", "2001:db8::1:53", "[192.0.2.1]:53", "host.example:53", "192.0.2.1:x"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoint.parse(text)


@pytest.mark.parametrize("text", ["https://mirror.example.org/hallpass", "http://[2001:db8::1]:8080/a/b/"])
def test_a_mirror_is_the_address_of_a_folder(text: str) -> None:
    assert str(MirrorUrl.parse(text)) == text.rstrip("/") + "/"


@pytest.mark.parametrize(
    "text",
    [
        "", "mirror.example.org", "ftp://mirror.example.org/", "https:///lists", "https://mirror.example.org:x/",
        "https://user:word@mirror.example.org/", "https://mirror.example.org/?a=b", "https://mirror.example.org/#a",
        "https://mirror.example.org/a b", "https://mirror.example.org/\u202e", "https://mirror.example.org/\0",
        "https://[::1/", f"https://{'a' * 64}.example.org/", "https://mirror..example.org/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_mirror_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        MirrorUrl.parse(text)


def test_an_address_is_a_network_of_one() -> None:
    assert str(Network.parse("192.0.2.7")) == "192.0.2.7/32"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.53", UpstreamSetting("plain", "192.0.2.53", 53)),
        ("192.0.2.53:5302", UpstreamSetting("plain", "192.0.2.53", 5302)),
        ("2001:db8::53", UpstreamSetting("plain", "2001:db8::53", 53)),
        ("tls://192.0.2.53#dns.example", UpstreamSetting("tls", "192.0.2.53", 853, "dns.example")),
        (
            "https://dns.example/dns-query",
            UpstreamSetting("https", "dns.example", 443, "dns.example", "/dns-query"),
        ),
    ],
)
def test_an_upstream_names_its_transport(text: str, expected: UpstreamSetting) -> None:
    assert UpstreamSetting.parse(text) == expected
