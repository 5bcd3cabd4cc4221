from typing import Any

import pytest

from appliance.central import rules
from appliance.central.errors import NotFound, NotPossible
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def test_a_rule_is_for_a_name_and_comes_once(school: FakeSchool) -> None:
    def add(name: str, **how: Any) -> None:
        with school.store.write_session() as session:
            rules.add_rule(session, school.clock(), name=name, by="coordinator", **how)

    add("Bad.Example.ORG.", action="block")
    with pytest.raises(NotPossible, match="already"):
        add("bad.example.org", action="block")
    with pytest.raises(NotPossible, match="not the name of a site"):
        add("no name at all", action="block")
    add("good.example.org", action="allow", locked=True)
    found = {rule.name: rule for rule in document(school).rules}
    assert set(found) == {"bad.example.org", "good.example.org"}
    assert not found["good.example.org"].locked  # only a closing can be locked


def test_a_rule_that_is_not_there_cannot_be_removed(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        rules.remove_rule(session, school.clock(), rule_id=99, by="coordinator")
