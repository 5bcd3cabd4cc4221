"""What a school sets for all its rooms: every field reaches them, is checked once, and is undone by itself."""

from typing import Any

import msgspec
import pytest

from appliance.central import delegations, school_settings, settings_preview, undo
from appliance.central.delegations import NeedsConfirmation
from appliance.central.errors import NotPossible
from appliance.central.profiles import ChangedMeanwhile
from appliance.central.school_settings_values import FIELDS, SchoolSettings, parse_settings, to_builtins
from appliance.central.settings_preview import SettingsChange
from dns.policy.document import BlockedRange, PolicyDocument
from tests.fakes.school import FakeSchool

SET: dict[str, Any] = {
    "school": "Example Junior",
    "timezone": "Europe/Dublin",
    "locked_categories": ["extremism", "malware", "pornography"],
    "tunnels": "close",
    "incidents": {"many_refusals": 20, "many_minutes": 5, "bypass_names": 2, "again_minutes": 30},
    "button_pause_minutes": 15,
    "private_names": ["intranet", "mis.example.org"],
    "closed_addresses": [{"network": "203.0.113.0/24", "category": "circumvention", "note": "a proxy"}],
    "pupil_pages": {
        "help_line": "Childline: 0800 1111",
        "rules": ["Safe: I keep it to myself."],
        "shared": ["Trolley 1", "staff"],
    },
    "bundles": [{"site": "video.example.org", "names": ["cdn.example.net"]}],
    "school_plans": [{"id": "a" * 32, "title": "The Romans", "links": ["example.org/romans"], "minutes": 45}],
}
CANNOT_BE = [
    ({"school": " "}, "needs a name"),
    ({"school": "\u200b."}, "needs a name"),
    ({"school": "Example\u202e Primary"}, r"no name has \(U\+202E\)"),
    ({"school": "Example\nPrimary"}, r"no name has \(U\+000A\)"),
    ({"school": "x" * 101}, "at most 100 characters"),
    ({"school": ["Example"]}, "cannot be set"),
    ({"timezone": "Europe/Londno"}, "no time zone 'Europe/Londno': did you mean Europe/London"),
    ({"timezone": "europe/LONDON"}, "did you mean Europe/London"),
    ({"timezone": "new york"}, "did you mean America/New_York"),
    ({"timezone": "../../etc/passwd"}, "no time zone"),
    ({"timezone": "/etc/localtime"}, "no time zone"),
    ({"timezone": "Europe"}, "no time zone"),
    ({"timezone": "a\x00b"}, "no time zone: one is called Europe/London, for example"),
    ({"timezone": "x" * 10_000_000}, "no time zone"),
    ({"pupil_pages": {"help_line": "x" * 201}}, "at most 200 characters"),
    ({"pupil_pages": {"help_line": "call\u202e us"}}, "no text may hold"),
    ({"pupil_pages": {"rules": ["a rule"] * 3 + [str(one) for one in range(10)]}}, "at most 10 rules"),
    ({"pupil_pages": {"rules": "one"}}, "cannot be set"),
    ({"pupil_pages": {"shared": [str(one) for one in range(201)]}}, "name the group instead"),
    ({"school_plans": [{"id": "a" * 32, "title": " ", "links": ["example.org"]}]}, "has a title"),
    ({"school_plans": [{"id": "1", "title": "a", "links": ["example.org"]}]}, "thirty-two hexadecimal digits"),
    ({"locked_categories": ["gamblign"]}, "no category 'gamblign'"),
    ({"locked_categories": ["*"]}, "no category"),
    ({"locked_categories": "games"}, "cannot be set"),
    ({"tunnels": "explode"}, "cannot be set"),
    ({"incidents": {"many_refusals": 0}}, "cannot be set"),
    ({"incidents": {"many_minutes": 10**9}}, "within how many minutes they are counted: at most 1440"),
    ({"button_pause_minutes": -1}, "cannot be set"),
    ({"button_pause_minutes": 10**400}, "at most 480 minutes"),
    ({"button_pause_minutes": "15"}, "cannot be set"),
    ({"private_names": ["co.uk"]}, "not one site"),
    ({"private_names": ["github.io"]}, "anybody can put up pages"),
    ({"private_names": ["192.0.2.1"]}, "the address of a machine"),
    ({"private_names": ["a..b\u202e"]}, "is not the name of a site"),
    ({"private_names": [f"s{number}.example.org" for number in range(201)]}, "at most 200 own servers"),
    ({"bundles": [{"site": "co.uk", "names": []}]}, "not one site"),
    (
        {"bundles": [{"site": "a.example.org", "names": []}, {"site": "www.a.example.org", "names": []}]},
        "2 bundles",
    ),
    ({"closed_addresses": [{"network": "203.0.113.0/99"}]}, "is no address and no network"),
    ({"closed_addresses": [{"network": "0.0.0.0-255.255.255.255"}]}, "every address there is"),
    ({"closed_addresses": [{"network": "::/0"}]}, "every address there is"),
    ({"closed_addresses": [{"network": "192.0.2.1", "category": "nosuch"}]}, "no category 'nosuch'"),
    ({"closed_addresses": [{"network": "192.0.2.1", "note": "a\x00b"}]}, "control character"),
    ({"closed_addresses": [{"network": "192.0.2.1", "note": "x" * 201}]}, "at most 200 characters"),
]


def save(school: FakeSchool, /, *, confirmed: bool = False, revision: str = "", **values: Any) -> str:
    with school.store.write_session() as session:
        wanted = parse_settings(to_builtins(school_settings.read_settings(session)) | values)
        return school_settings.save_settings(
            session, school.clock(), changed=wanted, by="cora", confirmed=confirmed, fields=values.keys(),
            revision=revision,
        )  # fmt: skip


def read(school: FakeSchool) -> SchoolSettings:
    with school.store.read_session() as session:
        return school_settings.read_settings(session)


def look(school: FakeSchool, /, **values: Any) -> SettingsChange:
    with school.store.read_session() as session:
        wanted = parse_settings(to_builtins(school_settings.read_settings(session)) | values)
        return settings_preview.preview_settings(session, school.central.preview, school.clock(), changed=wanted)


def undo_change(school: FakeSchool, change: str) -> str:
    with school.store.write_session() as session:
        return undo.undo_change(session, school.clock(), change=change, by="cora")


def test_every_field_reaches_the_rooms_is_kept_once_and_can_be_undone(school: FakeSchool) -> None:
    assert SET.keys() == {*FIELDS}, "a new field has its value above"
    school.enrol()
    for field, value in SET.items():
        before = getattr(school.document(), field)
        change = save(school, **{field: value})
        told = msgspec.to_builtins(getattr(school.document(), field))
        assert msgspec.json.encode(told) == msgspec.json.encode(value), field
        assert save(school, **{field: value}) == "", "it was so already"
        assert school_settings.FIELD_WORDS[field] in undo_change(school, change)
        assert getattr(school.document(), field) == before


def test_two_fields_that_two_people_set_are_undone_each_by_itself(school: FakeSchool) -> None:
    first = save(school, tunnels="close")
    save(school, button_pause_minutes=10)
    undo_change(school, first)
    assert (read(school).tunnels, read(school).button_pause_minutes) == ("report", 10)
    second = save(school, tunnels="off")
    save(school, tunnels="close")
    with pytest.raises(NotPossible, match="changed again since"):
        undo_change(school, second)


@pytest.mark.parametrize(("values", "why"), CANNOT_BE)
def test_what_no_room_could_follow_is_refused_in_words(school: FakeSchool, values: Any, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        save(school, **values)
    assert read(school) == SchoolSettings(
        school="Example Primary", timezone="Europe/London", locked_categories=("malware", "pornography")
    )


def test_what_central_keeps_is_a_document_that_every_room_takes(school: FakeSchool) -> None:
    save(school, **SET)
    with school.store.read_session() as session:
        values = to_builtins(school_settings.read_settings(session))
    assert msgspec.convert({"version": 1, **values}, PolicyDocument).closed_addresses == (
        BlockedRange(network="203.0.113.0/24", category="circumvention", note="a proxy"),
    )


def test_names_are_kept_in_one_spelling_and_addresses_once(school: FakeSchool) -> None:
    save(school, private_names=["https://MIS.example.org/start", "mis.example.org", "*.intranet"])
    assert read(school).private_names == ("intranet", "mis.example.org")
    save(school, closed_addresses=[{"network": " 192.0.2.1 "}, {"network": "192.0.2.1", "note": "the same"}])
    assert [one.note for one in read(school).closed_addresses] == ["the same"]


def test_whoever_unlocks_what_harms_is_warned_and_has_to_say_so(school: FakeSchool) -> None:
    assert "safeguarding lead agrees" in look(school, locked_categories=[]).warning
    with pytest.raises(NeedsConfirmation, match="Pornography: every school is expected"):
        save(school, locked_categories=["malware"])
    save(school, locked_categories=["games", "malware", "pornography"])
    save(school, locked_categories=["malware", "pornography"])
    save(school, locked_categories=["malware"], confirmed=True)
    assert read(school).locked_categories == ("malware",)


def test_what_teachers_may_open_is_not_locked_behind_their_backs(school: FakeSchool) -> None:
    change = save(school, locked_categories=["games", "malware", "pornography"])
    undo_change(school, change)
    with school.store.write_session() as session:
        delegations.delegate_category(session, school.clock(), category="games", minutes=10, per_day=1, by="cora")
    with pytest.raises(NotPossible, match="teachers may open Games by themselves: end that first"):
        save(school, locked_categories=["games", "malware", "pornography"])


def test_whoever_looked_at_other_settings_is_told_who_changed_them(school: FakeSchool) -> None:
    seen = read(school).revision_of({"tunnels"})
    save(school, tunnels="close")
    with pytest.raises(ChangedMeanwhile, match="cora has changed"):
        save(school, tunnels="off", revision=seen)
    save(school, button_pause_minutes=5, revision=read(school).revision_of({"button_pause_minutes"}))


def test_a_look_tells_what_differs_and_saves_nothing(school: FakeSchool) -> None:
    told = look(school, tunnels="off", button_pause_minutes=10, incidents={"many_refusals": 5})
    assert told.words == (
        "hidden traffic: not looked for, before: reported",
        "how many refusals are many: 5, before: 60",
        "the room's button: pauses for 10 minutes, before: pauses nothing",
    )
    assert read(school).tunnels == "report"
