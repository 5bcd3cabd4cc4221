"""The file that enrols a card."""

import pytest

from appliance.card.enrolment_file import EnrolmentFile, EnrolmentFileInvalid, decode_enrolment, encode_enrolment
from tests.fakes.card import TOKEN

GOOD = EnrolmentFile(room="Room 4", url="https://central.example.org", token=TOKEN)


def test_what_central_writes_a_card_reads() -> None:
    assert decode_enrolment(encode_enrolment(GOOD)) == GOOD
    assert decode_enrolment(b"\xef\xbb\xbf" + encode_enrolment(GOOD).replace(b"\n", b"\r\n")) == GOOD


def test_an_older_card_passes_over_what_a_newer_central_adds() -> None:
    assert decode_enrolment(encode_enrolment(GOOD).replace(b"{", b'{"more": [1, 2],', 1)) == GOOD


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (bytes(400), "is empty"),
        (encode_enrolment(GOOD)[:-20], "is damaged"),
        (b"\xff\xfe{}", "is damaged"),
        (b"[]", "no enrolment bundle of central's"),
        (b"{}", "no enrolment bundle of central's"),
        (encode_enrolment(GOOD).replace(b"https", b"http"), "must be https"),
        (encode_enrolment(GOOD).replace(b"https://", b"https://user@"), "no plain address"),
        (encode_enrolment(GOOD).replace(b"https://", b"https://["), "central's url: Invalid IPv6 URL"),
        (encode_enrolment(GOOD).replace(TOKEN.encode(), b"short"), "no enrolment bundle of central's"),
        (encode_enrolment(GOOD).replace(b'bundle": 1', b'bundle": 2'), "needs a newer image"),
        (
            encode_enrolment(GOOD).replace(b'"certificate": ""', b'"certificate": "x"'),
            "certificate that cannot be read",
        ),
        (b"{" + bytes(300_000), "is too large"),
    ],
)
def test_what_is_no_bundle_is_said_in_one_line(content: bytes, words: str) -> None:
    with pytest.raises(EnrolmentFileInvalid, match=words) as caught:
        decode_enrolment(content)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "central.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "127.1",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_a_central_that_is_the_card_itself_is_said_to_whoever_makes_or_takes_the_bundle(host: str) -> None:
    with pytest.raises(EnrolmentFileInvalid, match="on a card is the card itself") as caught:
        decode_enrolment(encode_enrolment(GOOD).replace(b"central.example.org", f"{host}:8082".encode()))
    assert "rooms_url" in str(caught.value)
