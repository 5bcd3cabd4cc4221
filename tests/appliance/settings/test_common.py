"""A setting that a room and a card both have is one field: one type, one set of bounds, one default."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import FieldInfo

from appliance.card import system_files
from appliance.card.enrolment_file import EnrolmentFile
from appliance.card.paths import CardPaths
from appliance.card.settings import CardSettings
from appliance.settings import common, dns
from appliance.settings.load import convert_settings
from appliance.settings.room import RoomSettings

# What differs on purpose, and why.
DIFFERENT = {
    "room": "a card knows where things are, and may take its name from its enrolment",
    "room.name": "left out on a card, the enrolment says it; and it is shown to people who did not write it",
    "dns": "a card knows at which addresses it is asked",
    "dns.upstreams": "left out on a card, the network says them",
    "log": "a card knows where its key is, and an enrolled one has central's",
    "lists": "a card has no place for an index of its own",
    "web": "a card knows where its pages are served",
    "policy": "a card has no place for a document of its own",
}


def fields_of(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting with its key, sections before what is in them."""
    for field in msgspec.structs.fields(kind):
        yield prefix + field.encode_name, field
        section = section_of(field)
        if section is not None:
            yield from fields_of(section, f"{prefix}{field.encode_name}.")


def section_of(field: FieldInfo) -> type[msgspec.Struct] | None:
    kinds = (field.type, *getattr(field.type, "__args__", ()))
    return next(
        (
            one
            for one in kinds
            if isinstance(one, type) and issubclass(one, msgspec.Struct) and not hasattr(one, "parse")
        ),
        None,
    )


ROOM, CARD = dict(fields_of(RoomSettings)), dict(fields_of(CardSettings))
IN_BOTH = sorted(ROOM.keys() & CARD.keys())


@pytest.mark.parametrize("key", [key for key in IN_BOTH if key not in DIFFERENT])
def test_a_setting_of_both_files_has_one_type_and_one_default(key: str) -> None:
    for_room, for_card = ROOM[key], CARD[key]
    assert for_card.type == for_room.type
    assert for_card.default == for_room.default
    assert for_card.default_factory == for_room.default_factory


def test_whatever_differs_on_purpose_is_there_and_really_differs() -> None:
    for key in DIFFERENT:
        assert (CARD[key].type, CARD[key].default) != (ROOM[key].type, ROOM[key].default), key


def own_annotations(kind: type[msgspec.Struct]) -> set[str]:
    """Return the fields that a class writes down itself, not those that it inherits."""
    return set(vars(kind).get("__annotations__", {}))


@pytest.mark.parametrize("key", sorted(key for key in CARD.keys() & ROOM.keys() if section_of(CARD[key])))
def test_no_section_of_a_card_or_a_room_writes_down_again_what_both_have(key: str) -> None:
    for_room, for_card = section_of(ROOM[key]), section_of(CARD[key])
    assert for_room is not None
    assert for_card is not None
    if for_room is for_card:
        return
    written_twice = own_annotations(for_room) & own_annotations(for_card)
    assert {f"{key}.{name}" for name in written_twice} <= DIFFERENT.keys()


def test_every_common_section_is_the_base_of_both() -> None:
    named = {**vars(common), **vars(dns)}
    bases = [one for name, one in named.items() if name.startswith("Common")]
    assert len(bases) == 5
    for files in (ROOM, CARD):
        used = [section for field in files.values() if (section := section_of(field)) is not None]
        for base in bases:
            assert any(issubclass(section, base) for section in used), base


@pytest.mark.parametrize("enrolled", [True, False])
def test_a_card_on_which_nothing_is_written_has_a_rooms_defaults(tmp_path: Path, enrolled: bool) -> None:
    enrolment = (
        EnrolmentFile(room="Room 4", url="https://central.example.org", token="t" * 43) if enrolled else None
    )
    table = system_files.room_table({}, CardSettings(), enrolment, (), CardPaths(tmp_path))
    room, card = convert_settings(table, tmp_path / "room.toml", RoomSettings), CardSettings()
    for section in ("dns", "led", "button", "log"):
        for name in getattr(card, section).__struct_fields__:
            if f"{section}.{name}" not in DIFFERENT:
                assert getattr(getattr(room, section), name) == getattr(getattr(card, section), name)
