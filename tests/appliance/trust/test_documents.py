"""In which schools what was laid down holds already, by their own word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from appliance.trust import entries, schools
from tests.fakes.trust import FakeTrust
from tests.webui.trust.test_hostile_school import NUMBERS


def follow(trust: FakeTrust, credential: str) -> None:
    """Let a school take its document, and say so."""
    trust.call("PUT", "numbers", credential, {**NUMBERS, "document": trust.signed(credential).digest})


def list_behind(trust: FakeTrust) -> set[str]:
    with trust.store.read_session() as session:
        found = trust.trust.digests.list_behind(session)
        return {school.name for school in schools.list_schools(session) if school.id in found}


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """Give the statements that are executed meanwhile."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found.append(statement)

    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)


def test_a_school_is_behind_until_it_says_that_it_follows(trust: FakeTrust) -> None:
    one, two = trust.enrol("School One"), trust.enrol("School Two")
    assert list_behind(trust) == {"School One", "School Two"}
    follow(trust, one)
    follow(trust, two)
    assert list_behind(trust) == set()

    number = trust.lay_down("rule", name="example.org", action="allow")
    assert list_behind(trust) == {"School One", "School Two"}
    follow(trust, one)
    assert list_behind(trust) == {"School Two"}
    follow(trust, two)

    with trust.store.write_session() as session:
        entries.end_entry(session, trust.clock(), entry_id=number, by="ada")
    assert list_behind(trust) == {"School One", "School Two"}
    follow(trust, one)
    follow(trust, two)

    with trust.store.write_session() as session:
        school = schools.require_school(session, "School Two")
        schools.rename_school(session, trust.clock(), school=school, name="School Three", by="ada")
    assert list_behind(trust) == {"School One", "School Three"}, "each change counts all documents on"


def test_documents_are_made_again_only_where_something_changed(trust: FakeTrust) -> None:
    trust.enrol("School One")
    trust.lay_down("rule", name="example.org", action="allow")
    list_behind(trust)
    with trust.store.read_session() as session, statements(session) as executed:
        assert trust.trust.digests.list_behind(session)
        assert executed
        assert not any("trust_entries" in one for one in executed)
