"""How a list is used: closing or opening, as wide as somebody lets it, and undone like any other setting."""

import pytest

from appliance.central import undo
from appliance.central.errors import NotFound, NotPossible
from appliance.central.lists import copies, source_use, sources
from appliance.central.lists.source_use import SourceUse
from appliance.central.models import SourceRow
from blocklists.catalogue import load_catalogue
from tests.fakes.school import FakeSchool


def subscribe(school: FakeSchool, name: str = "ours", **fields: object) -> int:
    given = {"category": "games", "location": "https://lists.example.org/games"} | fields
    with school.store.write_session() as session:
        row = sources.subscribe_source(session, school.clock(), name=name, by="cora", **given)  # type: ignore[arg-type]  # the fields of a test
        session.flush()
        return row.id


def set_use(school: FakeSchool, source_id: int, use: SourceUse) -> str:
    with school.store.write_session() as session:
        return source_use.set_use(session, school.clock(), source_id=source_id, use=use, by="cora")


def row_of(school: FakeSchool, source_id: int) -> SourceRow:
    with school.store.read_session() as session:
        return sources.get_source(session, source_id)


def undo_change(school: FakeSchool, change: str) -> str:
    with school.store.write_session() as session:
        return undo.undo_change(session, school.clock(), change=change, by="cora", kinds=source_use.KINDS)


def test_a_list_that_opens_is_compiled_as_one_and_the_undo_has_it_close_again(school: FakeSchool) -> None:
    ours = subscribe(school)
    change = set_use(school, ours, SourceUse(action="allow", allow_wide=True))
    compiled = copies.to_list_source(row_of(school, ours))
    assert (compiled.action, compiled.allow_wide) == ("allow", True)
    assert set_use(school, ours, SourceUse(action="allow", allow_wide=True)) == ""
    assert undo_change(school, change) == "the use of the list ours"
    compiled = copies.to_list_source(row_of(school, ours))
    assert (compiled.action, compiled.allow_wide) == ("block", False)


def test_a_list_for_every_category_can_only_open(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="for lists that open"):
        subscribe(school, category="all")
    opening = subscribe(school, category="all", action="allow")
    with pytest.raises(NotPossible, match="for lists that open"):
        set_use(school, opening, SourceUse(action="block"))
    with pytest.raises(NotPossible, match="closes what it names, or opens it"):
        source_use.parse_use("explode", None)


def test_a_list_is_as_wide_as_the_catalogue_says_until_somebody_says_otherwise(school: FakeSchool) -> None:
    wide = next(one for one in load_catalogue().lists if one.allow_wide)
    known = subscribe(school, "known", category=wide.category, location=wide.url)
    assert copies.to_list_source(row_of(school, known)).allow_wide
    set_use(school, known, SourceUse(allow_wide=False))
    assert not copies.to_list_source(row_of(school, known)).allow_wide


def test_what_a_use_means_is_said_in_words(school: FakeSchool) -> None:
    row = row_of(school, subscribe(school))
    (words,) = source_use.use_words(row, SourceUse(action="allow"))
    assert words.startswith("its names are opened where lists of Games close them")
    assert "github.io" in source_use.use_words(row, SourceUse(allow_wide=True))[1]
    assert "is passed over" in source_use.use_words(row, SourceUse())[1]


def test_the_undo_of_a_list_that_is_gone_says_so(school: FakeSchool) -> None:
    ours = subscribe(school)
    change = set_use(school, ours, SourceUse(action="allow"))
    with school.store.write_session() as session:
        sources.unsubscribe_source(session, school.clock(), source_id=ours, by="cora")
    with pytest.raises(NotPossible, match="changed again since"):
        undo_change(school, change)
    with pytest.raises(NotFound):
        set_use(school, ours, SourceUse())


def test_the_starter_list_is_left_out_and_used_again_and_an_empty_school_is_told(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        assert "then no list closes anything" in source_use.builtin_words(session, is_used=False)[1]
        change = source_use.set_builtin_list(session, school.clock(), is_used=False, by="cora")
        assert source_use.set_builtin_list(session, school.clock(), is_used=False, by="cora") == ""
        assert not source_use.has_builtin_list(session)
    undo_change(school, change)
    with school.store.read_session() as session:
        assert source_use.has_builtin_list(session)


def test_a_list_of_the_trusts_goes_on_closing_as_the_trust_has_it(school: FakeSchool) -> None:
    ours = subscribe(school)
    with school.store.write_session() as session:
        sources.get_source(session, ours).by_trust = True
    for use in (SourceUse(action="allow"), SourceUse(allow_wide=True)):
        with pytest.raises(NotPossible, match="a list of the trust's"):
            set_use(school, ours, use)
    assert set_use(school, ours, SourceUse()) == ""
