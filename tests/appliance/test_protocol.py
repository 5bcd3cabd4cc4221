"""What a message may hold: no control characters, words where words are wanted, times with their zone."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_characters import escape_control_characters
from appliance.message_check import BadMessage, check_message
from appliance.protocol import Credentials, Incident, RoomAction, RoomHealth, SiteReport, UnblockRequest

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ID = "a" * 32
MESSAGES: tuple[msgspec.Struct, ...] = (
    UnblockRequest(
        id=ID, site="example.org", reason="maths", minutes=10, teacher="tess", asked_at=NOW, lesson="Year 5",
        also=("cdn.example",),
    ),
    SiteReport(id=ID, site="example.org", teacher="tess", reported_at=NOW, note="why"),
    Incident(id=ID, kind="tunnel", happened_at=NOW, device="d1", evidence=("x.example",)),
    RoomAction(id=ID, who="tess", what="lesson started", detail="example.org", happened_at=NOW),
    RoomHealth(version="1", policy=1, index="f" * 64, index_age_seconds=1, conditions=("disk-trouble",)),
    Credentials("tess", "a password"),
)  # fmt: skip
FIELDS = [
    pytest.param(message, field, id=f"{type(message).__name__}.{field}")
    for message in MESSAGES
    for field in message.__struct_fields__
]
FREE = {"id", "kind", "password"}  # an id and a kind have their own forms; a password is never kept


def sent(message: msgspec.Struct, **changed: Any) -> None:
    """Take a message in as central does."""
    body = msgspec.json.encode(msgspec.to_builtins(message) | changed)
    check_message(msgspec.json.decode(body, type=type(message)))


def test_what_an_honest_room_sends_may_enter() -> None:
    for message in MESSAGES:
        sent(message)
    sent(MESSAGES[0], reason="Größe: ½ π — “Römer”, 日本語 🏛️", asked_at="1970-01-01T00:01:00Z")


@pytest.mark.parametrize(("message", "field"), FIELDS)
@pytest.mark.parametrize("character", ["\x00", "\x07", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028",
                                       "\u202a", "\u202e", "\u2066", "\u2069"])  # fmt: skip
def test_a_control_character_may_not_enter_anywhere(message: msgspec.Struct, field: str, character: str) -> None:
    value = getattr(message, field)
    for text in (f"a{character}b", f"ab{character}", f"{character}ab"):
        if field in FREE or not isinstance(value, str | tuple):
            continue
        with pytest.raises((BadMessage, msgspec.ValidationError), match=field):
            sent(message, **{field: text if isinstance(value, str) else [text]})


@pytest.mark.parametrize("identity", ["", "a", "A" * 32, "a" * 33, "a" * 31 + "\n", "a" * 32 + "\n", "\x00" * 32])
def test_an_id_has_thirty_two_hexadecimal_digits_and_nothing_else(identity: str) -> None:
    for message in MESSAGES[:4]:
        with pytest.raises(msgspec.ValidationError, match="id"):
            sent(message, id=identity)


@pytest.mark.parametrize(
    ("message", "field"), [(MESSAGES[0], "reason"), (MESSAGES[0], "teacher"), (MESSAGES[3], "who")]
)
def test_words_that_are_wanted_may_not_be_blank(message: msgspec.Struct, field: str) -> None:
    for blank in (" ", "   ", "\u00a0", "\u3000"):
        with pytest.raises(BadMessage, match=f"{field} is blank"):
            sent(message, **{field: blank})


@pytest.mark.parametrize(
    ("message", "field"), [(MESSAGES[0], "asked_at"), (MESSAGES[1], "reported_at"), (MESSAGES[2], "happened_at")]
)
@pytest.mark.parametrize(
    "time",
    ["2026-11-24T09:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2200-01-01T00:00:00Z"],
)
def test_a_time_has_its_zone_and_is_of_our_days(message: msgspec.Struct, field: str, time: str) -> None:
    with pytest.raises((BadMessage, msgspec.ValidationError), match=field):
        sent(message, **{field: time})


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (MESSAGES[0], "reason", "x" * 501), (MESSAGES[0], "teacher", "x" * 65),
        (MESSAGES[0], "lesson", "x" * 201), (MESSAGES[0], "minutes", 10**30),
        (MESSAGES[0], "minutes", 0), (MESSAGES[0], "also", ["x"] * 101),
        (MESSAGES[1], "note", "x" * 501), (MESSAGES[2], "device", "x" * 65),
        (MESSAGES[2], "evidence", ["x" * 2001]),
        (MESSAGES[2], "evidence", ["x"] * 101), (MESSAGES[3], "what", "x" * 65),
        (MESSAGES[3], "detail", "x" * 2001),
        (MESSAGES[4], "version", "x" * 65), (MESSAGES[4], "policy", 10**30), (MESSAGES[4], "policy", -1),
        (MESSAGES[4], "index_age_seconds", 1e300), (MESSAGES[4], "conditions", ["x" * 65]),
        (MESSAGES[5], "username", "x" * 201), (MESSAGES[5], "password", "x" * 1001),
    ],
)  # fmt: skip
def test_what_is_longer_or_larger_than_can_be_kept_may_not_enter(
    message: msgspec.Struct, field: str, value: object
) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        sent(message, **{field: value})


@given(st.text())
def test_evidence_is_written_out_and_then_may_enter(text: str) -> None:
    incident = msgspec.structs.replace(MESSAGES[2], evidence=(escape_control_characters(text),))
    check_message(incident)


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=14))) | st.just(timezone(timedelta(hours=-12)))))
def test_any_time_that_is_taken_can_be_told_in_every_zone(time: datetime) -> None:
    action = msgspec.structs.replace(MESSAGES[3], happened_at=time)
    with contextlib.suppress(BadMessage):
        check_message(action)
        assert time.astimezone(UTC).astimezone(timezone(timedelta(hours=-12))).year >= 1969
