"""A school and its trust: what is taken from it and what is refused, and what it then lets nobody decide."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.central import audit, delegations, policies, profiles, rules, trust_membership, unblocks, undo
from appliance.central.errors import NotPossible
from appliance.central.lists import sources
from appliance.central.room_life import hash_token
from appliance.central.rules import RuleFields
from appliance.central.trust_openings import end_locked_openings
from appliance.trust_protocol import (
    DocumentRefused,
    SignedDocument,
    TrustDocument,
    make_document_key,
    sign_document,
)
from dns.policy.document import PolicyDocument
from dns.policy.verdict import Action
from tests.fakes.postgres import database_url
from tests.fakes.school import FakeSchool
from tests.fakes.trust import FakeTrust


class Pair:
    """A trust, and a school that belongs to it."""

    def __init__(self, trust: FakeTrust, school: FakeSchool) -> None:
        self.trust, self.school = trust, school
        trust.register("School One")
        self.invitation = trust.invite("School One")
        self.credential = "the credential of one"
        answer = trust.call(
            "POST", "enrolment", self.invitation.token, {"credential_hash": hash_token(self.credential)}
        )
        signed = msgspec.json.decode(answer.data, type=SignedDocument)
        with school.store.write_session() as session:
            trust_membership.join_trust(
                session, school.clock(), school.central.keys, invitation=self.invitation,
                credential=self.credential, signed=signed, by="test",
            )  # fmt: skip

    def take(self, signed: SignedDocument | None = None) -> TrustDocument:
        with self.school.store.write_session() as session:
            signed = signed or self.trust.signed(self.credential)
            return trust_membership.accept_document(session, self.school.clock(), signed)

    def lay_down(self, kind: Any, **content: Any) -> int:
        number = self.trust.lay_down(kind, **content)
        self.take()
        return number

    def policy(self) -> PolicyDocument:
        with self.school.store.read_session() as session:
            return policies.read_school_policy(session).document


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        above, own = (stack.enter_context(database_url(request.param)) for _ in range(2))
        trust = FakeTrust(tmp_path / "trust", database=above)
        school = FakeSchool(tmp_path / "central", database=own)
        stack.callback(trust.close)
        stack.callback(school.close)
        yield Pair(trust, school)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Pair]:
    trust, school = FakeTrust(tmp_path / "trust"), FakeSchool(tmp_path / "central")
    yield Pair(trust, school)
    school.close()
    trust.close()


def test_what_a_trust_lays_down_becomes_part_of_the_schools_policy(pair: Pair) -> None:
    before = pair.school.store.revisions().school
    pair.lay_down("category", category="games")
    pair.lay_down("name", name="bad.example.org", note="everywhere")
    pair.lay_down("open", name="help.example.org")

    made = pair.policy()

    assert (made.trust, made.trust_categories) == ("Example Trust", ("games",))
    assert {*made.locked_categories} == {"malware", "pornography", "games"}
    assert [(rule.name, rule.action, rule.locked, rule.by_trust) for rule in made.rules] == [
        ("bad.example.org", "block", True, True), ("help.example.org", "allow", False, True),
    ]  # fmt: skip
    assert pair.school.store.revisions().school > before, "every room hears of it"


def test_what_is_taken_back_is_gone_and_comes_back_with_an_undo(pair: Pair) -> None:
    from appliance.trust import entries  # noqa: PLC0415 (beside its use)

    number = pair.lay_down("name", name="bad.example.org")
    with pair.trust.store.write_session() as session:
        entries.end_entry(session, pair.trust.clock(), entry_id=number, by="test")
    pair.take()
    assert pair.policy().rules == ()

    with pair.trust.store.write_session() as session:
        entries.restore_entry(session, pair.trust.clock(), entry_id=number, by="test")
    pair.take()

    assert [rule.name for rule in pair.policy().rules] == ["bad.example.org"]


def refuses(pair: Pair, signed: SignedDocument, words: str) -> None:
    kept = pair.policy()
    with pytest.raises(DocumentRefused, match=words):
        pair.take(signed)
    assert pair.policy() == kept, "the last good one holds"


def test_a_document_of_another_school_is_refused(small: Pair) -> None:
    small.lay_down("category", category="games")
    other = small.trust.enrol("School Two")

    refuses(small, small.trust.signed(other), "for another school")


def test_an_older_document_is_refused(small: Pair) -> None:
    before = small.trust.signed(small.credential)
    small.lay_down("category", category="games")

    refuses(small, before, "older than the one that holds")


def test_a_document_that_somebody_altered_is_refused(small: Pair) -> None:
    small.lay_down("category", category="games")
    signed = small.trust.signed(small.credential)

    refuses(
        small,
        msgspec.structs.replace(signed, document=signed.document.replace('"games"', '"shops"')),
        "signature is not this trust's",
    )
    refuses(small, msgspec.structs.replace(signed, signature="AAAA"), "signature is not this trust's")


def test_a_document_of_another_trust_is_refused(small: Pair) -> None:
    found = msgspec.json.decode(small.trust.signed(small.credential).document, type=TrustDocument)

    refuses(small, sign_document(make_document_key()[0], found), "signature is not this trust's")


def test_a_document_of_an_epoch_that_is_over_is_refused(small: Pair) -> None:
    from appliance.central import epoch  # noqa: PLC0415 (beside its use)

    before = small.trust.signed(small.credential)
    with small.trust.store.write_session() as session:
        epoch.begin_epoch(session, small.trust.clock(), by="test")  # as after a restore
    small.take()

    refuses(small, before, "epoch that is over")


def test_after_a_restore_of_the_trust_what_it_decides_counts_although_its_numbers_begin_again(small: Pair) -> None:
    from appliance.central import epoch  # noqa: PLC0415 (beside its use)
    from appliance.trust.state import require_trust  # noqa: PLC0415 (beside its use)

    small.lay_down("category", category="games")
    small.lay_down("category", category="shopping")
    with small.trust.store.write_session() as session:
        require_trust(session).number = 1  # what the backup knew
        epoch.begin_epoch(session, small.trust.clock(), by="test")
    small.trust.lay_down("category", category="chat")

    assert "chat" in small.take().locked_categories


def test_nobody_at_the_school_opens_what_the_trust_has_locked(small: Pair) -> None:
    small.lay_down("name", name="bad.example.org")
    small.lay_down("category", category="games")
    school, now = small.school, small.school.clock()
    words = r"closed by the trust \(Example Trust\): nobody at the school can open it"

    with school.store.write_session() as session:
        with pytest.raises(NotPossible, match=words):
            unblocks.open_site(session, now, site="www.bad.example.org", minutes=5, by="test")
        with pytest.raises(NotPossible, match=words):
            unblocks.open_site(
                session, now, site="fine.example.org", also=("bad.example.org",), minutes=5, by="test"
            )
        with pytest.raises(NotPossible, match=words):
            rules.create_rule(session, now, fields=RuleFields(name="bad.example.org", action="allow"), by="test")
        with pytest.raises(NotPossible, match=words):
            delegations.delegate_category(session, now, category="games", minutes=5, per_day=1, by="test")
        assert "games" not in delegations.delegable_categories(session)
        assert "games" in profiles.list_locked_categories(session)


def test_a_preview_says_that_the_trust_keeps_it_closed(small: Pair) -> None:
    small.lay_down("name", name="bad.example.org")

    with small.school.store.read_session() as session:
        found = small.school.central.preview.preview_site(session, "www.bad.example.org")

    assert not found.would_open
    assert found.why_not == (
        "www.bad.example.org stays closed: Closed by the trust: nobody at the school can open it."
    )


def test_an_opening_that_a_lock_overtakes_ends_and_no_other(small: Pair) -> None:
    school, now = small.school, small.school.clock()
    with school.store.write_session() as session:
        for site in ("www.bad.example.org", "fine.example.org"):
            unblocks.open_site(session, now, site=site, minutes=30, by="test")
    small.lay_down("name", name="bad.example.org")

    with school.store.write_session() as session:
        assert end_locked_openings(session, now) == ["www.bad.example.org"]
        assert [one.site for one in unblocks.list_active_unblocks(session, now)] == ["fine.example.org"]


def test_no_rule_of_the_school_closes_what_the_trust_keeps_open(small: Pair) -> None:
    school, now = small.school, small.school.clock()
    with school.store.write_session() as session:
        rules.create_rule(session, now, fields=RuleFields(name="help.example.org", action="block"), by="test")
    small.lay_down("open", name="help.example.org")

    assert [(rule.name, rule.action) for rule in small.policy().rules] == [("help.example.org", "allow")]
    fields = RuleFields(name="www.help.example.org", action="block")
    with school.store.write_session() as session, pytest.raises(NotPossible, match="kept open by the trust"):
        rules.create_rule(session, now, fields=fields, by="test")


def test_a_list_of_the_trusts_is_subscribed_to_and_nobody_takes_it_away(small: Pair) -> None:
    number = small.lay_down("source", name="ours", category="games", location="https://lists.example.org/ours.txt")
    with small.school.store.write_session() as session:
        (row,) = [one for one in sources.list_sources(session) if one.by_trust]
        assert (row.name, row.category, row.location) == (
            "trust-ours", "games", "https://lists.example.org/ours.txt",
        )  # fmt: skip
        with pytest.raises(NotPossible, match="a list of the trust's"):
            sources.unsubscribe_source(session, small.school.clock(), source_id=row.id, by="test")
    from appliance.trust import entries  # noqa: PLC0415 (beside its use)

    with small.trust.store.write_session() as session:
        entries.end_entry(session, small.trust.clock(), entry_id=number, by="test")
    small.take()

    with small.school.store.read_session() as session:
        assert not [one for one in sources.list_sources(session) if one.by_trust]


def test_a_school_leaves_once_the_trust_has_let_it_go(small: Pair) -> None:
    from appliance.trust import schools  # noqa: PLC0415 (beside its use)

    small.lay_down("category", category="games")
    with (
        small.school.store.write_session() as session,
        pytest.raises(NotPossible, match="has not let this school go"),
    ):
        trust_membership.leave_trust(session, small.school.clock(), by="test")
    with small.trust.store.write_session() as session:
        row = schools.require_school(session, "School One")
        schools.retire_school(session, small.trust.clock(), school=row, by="test")

    small.take()

    assert (small.policy().trust, small.policy().trust_categories) == ("", ())
    with small.school.store.write_session() as session:
        assert trust_membership.leave_trust(session, small.school.clock(), by="test") == "Example Trust"


def test_a_trust_that_was_not_reached_for_a_day_is_a_condition(small: Pair) -> None:
    school = small.school
    with school.store.write_session() as session:
        trust_membership.note_contact(session, school.clock(), "")
        school.clock.time += timedelta(hours=23)
        trust_membership.note_contact(session, school.clock(), "connection refused")
        assert trust_membership.describe_condition(session, school.clock()) == ""
        school.clock.time += timedelta(hours=2)
        assert trust_membership.describe_condition(session, school.clock()) == (
            "Example Trust has not been reached for 25 hours (connection refused): what it laid down last still "
            "holds"
        )


def test_what_came_stands_in_the_schools_audit_with_whose_it_was(small: Pair) -> None:
    small.lay_down("category", category="games")

    with small.school.store.read_session() as session:
        newest = audit.list_audit_entries(session, 1)[0]
    assert (newest.who, newest.what) == ("trust", "trust's document in force")
    assert newest.detail == "Example Trust, number 2; locked: games"


def test_the_credential_is_sealed_in_the_database(small: Pair) -> None:
    with small.school.store.read_session() as session:
        row = trust_membership.require_membership(session)
    assert small.credential not in row.sealed_credential
    assert trust_membership.read_credential(row, small.school.central.keys) == small.credential


def test_a_school_belongs_to_one_trust_and_a_trust_to_none(small: Pair) -> None:
    for store in (small.school.store, small.trust.store):
        with store.read_session() as session, pytest.raises(NotPossible, match=r"belongs to|trust's own"):
            trust_membership.require_may_join(session)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000, b" " * 300_000])
def test_what_is_no_invitation_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(trust_membership.InvitationInvalid, match="invitation of a trust"):
        trust_membership.decode_invitation(content)


@pytest.mark.parametrize(("action", "kind"), [("allow", "name"), ("block", "open")])
def test_the_undo_of_a_rule_asks_what_the_trust_has_laid_down_since(small: Pair, action: Any, kind: str) -> None:
    school, name = small.school, "site.example.org"
    with school.store.write_session() as session:
        made = rules.create_rule(session, school.clock(), fields=RuleFields(name=name, action=action), by="cora")
        removed = rules.delete_rule(session, school.clock(), rule_id=made.rule.id, by="cora").change
    small.lay_down(kind, name=name)
    with school.store.write_session() as session, pytest.raises(NotPossible, match="by the trust"):
        undo.undo_change(session, school.clock(), change=removed, by="cora")


def test_no_lock_on_an_address_above_closes_what_the_trust_keeps_open(small: Pair) -> None:
    small.lay_down("open", name="help.example.org")
    school = small.school
    above = RuleFields(name="example.org", action="block", locked=True)
    with (
        school.store.write_session() as session,
        pytest.raises(NotPossible, match="is kept open by the trust"),
    ):
        rules.create_rule(session, school.clock(), fields=above, by="test")
    others = (
        msgspec.structs.replace(above, locked=False),
        msgspec.structs.replace(above, subdomains=False),
        msgspec.structs.replace(above, name="other.example.org"),
    )
    with school.store.write_session() as session:
        for fields in others:
            rules.create_rule(session, school.clock(), fields=fields, by="test")
        policy = school.central.preview.compile_document(session, policies.read_school_policy(session).document)
        decided = policy.view_for_group("pupils").decide("www.help.example.org", 1, school.clock().timestamp())
    assert decided.action is Action.ALLOW
