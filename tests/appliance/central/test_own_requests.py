"""Nobody approves what they asked for themselves, where somebody else could."""

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import msgspec
import pytest

from appliance.central import account_management, audit, permanent_openings, requests, unblocks, undo
from appliance.central.errors import NotPossible
from appliance.rights import SCHOOL_ROLES, Right, Scope, has_right
from tests.fakes.school import FakeSchool


@pytest.fixture
def own_request(school: FakeSchool) -> str:
    school.enrol()
    school.account("cora", ("teacher", "coordinator"))
    asked = msgspec.structs.replace(school.unblock_request(), teacher="Cora")
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), school.room(), asked)
    return asked.id


def approve(school: FakeSchool, request_id: str, by: str) -> str:
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=request_id, by=by)
    with school.store.read_session() as session:
        return audit.list_audit_entries(session)[0].detail


def test_ones_own_request_is_approved_by_somebody_else(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    with pytest.raises(NotPossible, match="somebody else has to decide it"):
        approve(school, own_request, "cora")
    assert "their own request" not in approve(school, own_request, "dora")


def test_where_the_school_has_nobody_else_it_is_allowed_and_marked(school: FakeSchool, own_request: str) -> None:
    for role in SCHOOL_ROLES:
        if not has_right(role, Right.DECIDE_REQUESTS, Scope.SCHOOL):
            school.account(role.replace("_", "-"), role)
    school.account("dora", "deputy_coordinator")
    with school.store.write_session() as session:
        account_management.end_account(session, school.clock(), username="dora", by="cora")
    assert "their own request, as the school has nobody else" in approve(school, own_request, "cora")


def test_ones_own_request_may_be_denied(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    with school.store.write_session() as session:
        requests.deny_request(session, school.clock(), request_id=own_request, by="cora", answer="not needed")


def test_ones_own_request_is_made_permanent_by_somebody_else(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    for by in ("cora", "dora"):
        with school.store.write_session() as session, expect_refusal(by == "cora"):
            permanent_openings.make_request_permanent(session, school.clock(), request_id=own_request, by=by)


def test_what_one_asked_for_is_kept_open_for_longer_by_somebody_else(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    approve(school, own_request, "dora")
    for by, minutes, is_refused in (("cora", 60, True), ("cora", 20, False), ("dora", 60, False)):
        until = school.clock() + timedelta(minutes=minutes)
        with school.store.write_session() as session, expect_refusal(is_refused):
            unblocks.change_unblock(
                session, school.clock(), unblock_id=1, by=by, until=until, check_opening=lambda *_asked: None
            )


def expect_refusal(is_refused: bool) -> AbstractContextManager[object]:
    if not is_refused:
        return nullcontext()
    return pytest.raises(NotPossible, match="somebody else has to decide it")


def test_nobody_opens_again_what_somebody_else_has_closed_of_theirs(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    approve(school, own_request, "dora")
    with school.store.write_session() as session:
        change = unblocks.end_unblock(session, school.clock(), unblock_id=1, by="dora")
    check = school.central.preview.require_opening
    for by, owner in (("cora", ""), ("key of cora's", "cora")):
        with school.store.write_session() as session, pytest.raises(NotPossible, match="somebody else"):
            undo.undo_change(
                session, school.clock(), change=change, by=by, on_behalf_of=owner, check_opening=check
            )
    with school.store.write_session() as session:
        undo.undo_change(session, school.clock(), change=change, by="dora", check_opening=check)
    assert [one.site for one in school.document().unblocks] == ["games.example.org"]


def test_a_request_is_not_passed_on_to_whoever_asked(school: FakeSchool, own_request: str) -> None:
    school.account("dora", "deputy_coordinator")
    with school.store.write_session() as session, pytest.raises(NotPossible, match="cora asked for this"):
        requests.pass_request_on(session, school.clock(), request_id=own_request, by="dora", to="CORA")
