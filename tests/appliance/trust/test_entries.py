"""What a trust lays down: for all schools or for some, once, and with a way back."""

from typing import Any

import pytest

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import TrustEntryRow
from appliance.trust import entries, schools, state
from appliance.trust_protocol import MAX_DOCUMENT_BYTES, MAX_ENTRIES
from tests.fakes.trust import FakeTrust


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("category", {"category": "gamblign"}, "there is no category"),
        ("name", {"name": "co.uk"}, "co.uk"),
        ("open", {"name": "not a name"}, "not a name"),
        ("rule", {"name": "example.org", "action": "perhaps"}, "allows or blocks"),
        ("name", {"name": "example.org", "note": "x" * 201}, "at most 200"),
        ("source", {"name": "ours", "category": "games", "location": "/etc/passwd"}, "no https://"),
    ],
)
def test_what_cannot_be_laid_down_is_refused_in_words(
    trust: FakeTrust, kind: Any, content: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotPossible, match=words):
        trust.lay_down(kind, **content)


def test_the_same_is_laid_down_once_for_the_same_schools(trust: FakeTrust) -> None:
    trust.register("School One")
    trust.register("School Two")
    number = trust.lay_down("name", "School One", name="bad.example.org")
    trust.lay_down("name", "School Two", name="bad.example.org")

    with pytest.raises(NotPossible, match=rf"laid down already \(number {number}\)"):
        trust.lay_down("name", name="bad.example.org")


def test_a_school_that_there_is_not_gets_nothing(trust: FakeTrust) -> None:
    with trust.store.write_session() as session, pytest.raises(NotFound, match="there is no school"):
        entries.add_entry(
            session, trust.clock(), kind="category", content={"category": "games"}, schools=["nobody"], by="test"
        )


def test_taken_back_and_in_force_again_by_whom_stands_in_the_audit(trust: FakeTrust) -> None:
    number = trust.lay_down("name", name="bad.example.org")
    with trust.store.write_session() as session:
        entries.end_entry(session, trust.clock(), entry_id=number, by="ada")
        assert [one.ended_by for one in entries.list_entries(session, entries.LOCKS, ended=True)] == ["ada"]
        entries.restore_entry(session, trust.clock(), entry_id=number, by="ben")
        assert [one.id for one in entries.list_entries(session, entries.LOCKS)] == [number]
        said = [(one.who, one.what, one.detail) for one in audit.list_audit_entries(session, 2)]
    assert said == [
        ("ben", "in force again: name", "bad.example.org, for all schools"),
        ("ada", "taken back: name", "bad.example.org, for all schools"),
    ]


def test_what_was_laid_down_anew_is_not_put_back_beside_it(trust: FakeTrust) -> None:
    before = trust.lay_down("category", category="games")
    with trust.store.write_session() as session:
        entries.end_entry(session, trust.clock(), entry_id=before, by="test")
    trust.lay_down("category", category="games")

    with trust.store.write_session() as session, pytest.raises(NotPossible, match="laid down anew meanwhile"):
        entries.restore_entry(session, trust.clock(), entry_id=before, by="test")


def test_a_ready_made_set_is_shared_as_its_lists_and_openings_and_once(trust: FakeTrust) -> None:
    from blocklists.catalogue import load_catalogue  # noqa: PLC0415 (beside its use)

    chosen = load_catalogue().sets[0].id
    with trust.store.write_session() as session:
        made = entries.add_set(session, trust.clock(), set_id=chosen, schools=(), by="test")
        again = entries.add_set(session, trust.clock(), set_id=chosen, schools=(), by="test")
    assert {one.kind for one in made} <= {"source", "rule"}
    assert made
    assert again == []


def test_each_change_makes_schools_documents_newer(trust: FakeTrust) -> None:
    one = trust.enrol("School One")
    before = trust.document(one).age
    trust.lay_down("category", category="games")

    assert trust.document(one).age > before


def test_two_schools_are_never_called_alike(trust: FakeTrust) -> None:
    trust.register("School One")
    trust.register("School Two")
    with pytest.raises(NotPossible, match="there is a school called School One already"):
        trust.register("school  one")
    with trust.store.write_session() as session:
        row = schools.require_school(session, "School Two")
        schools.rename_school(session, trust.clock(), school=row, name="School Three", by="test")
        assert schools.require_school(session, "school three") is row


@pytest.mark.parametrize("timezone", ["", "Mars/Olympus"])
def test_a_school_has_a_time_zone_that_there_is(trust: FakeTrust, timezone: str) -> None:
    with pytest.raises(NotPossible, match="time zone"):
        trust.register("School One", timezone)


def test_a_database_becomes_a_trusts_once_and_never_with_rooms(trust: FakeTrust) -> None:
    with trust.store.write_session() as session, pytest.raises(state.NoTrust, match="already"):
        state.create_trust(session, trust.clock(), trust.central.keys)


def test_no_more_is_laid_down_than_a_document_holds_or_no_school_would_follow(trust: FakeTrust) -> None:
    credential = trust.enrol("School One")
    taken_back = trust.lay_down("rule", name="before.example.org", action="allow")
    with trust.store.write_session() as session:
        entries.end_entry(session, trust.clock(), entry_id=taken_back, by="ada")
        for number in range(MAX_ENTRIES):
            is_lock = number % 2 == 0
            content = {"name": f"site{number}.example.org", "note": ""} | (
                {"category": ""} if is_lock else {"action": "allow"}
            )
            session.add(
                TrustEntryRow(
                    kind="name" if is_lock else "rule", key=content["name"], content=content, schools=[],
                    made_at=trust.clock(), made_by="ada", ended_at=None, ended_by="",
                )
            )  # fmt: skip
    assert len(trust.document(credential).rules) == MAX_ENTRIES
    for kind in ("name", "rule"):
        with pytest.raises(NotPossible, match="as many entries"):
            trust.lay_down(kind, name="more.example.org", action="allow")
    with trust.store.write_session() as session, pytest.raises(NotPossible, match="as many entries"):
        entries.restore_entry(session, trust.clock(), entry_id=taken_back, by="ada")


def test_nothing_is_laid_down_that_makes_a_document_larger_than_schools_take(trust: FakeTrust) -> None:
    credential = trust.enrol("School One")
    content: dict[str, Any] = {"category": "games", "location": "https://lists.example.org/".ljust(990, "x")}
    taken_back = trust.lay_down("source", name="before", **content)
    large = {"name": "large", "category": "games", "location": "x" * (entries.MAX_ENTRIES_BYTES - 2000)}
    with trust.store.write_session() as session:
        entries.end_entry(session, trust.clock(), entry_id=taken_back, by="ada")
        session.add(
            TrustEntryRow(
                kind="source", key="large", content=large, schools=[], made_at=trust.clock(), made_by="ada",
                ended_at=None, ended_by="",
            )
        )  # fmt: skip

    trust.lay_down("source", name="fits", **content)
    with pytest.raises(NotPossible, match="megabyte"):
        trust.lay_down("source", name="more", **content)
    with trust.store.write_session() as session, pytest.raises(NotPossible, match="megabyte"):
        entries.restore_entry(session, trust.clock(), entry_id=taken_back, by="ada")

    size = len(trust.signed(credential).document.encode())
    assert 0.98 * MAX_DOCUMENT_BYTES < size <= MAX_DOCUMENT_BYTES
