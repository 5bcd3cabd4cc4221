"""How it stands with each school, as the trust's administrator reads it."""

from datetime import timedelta

from appliance.trust import school_list
from appliance.trust.school_list import ListedSchool
from appliance.trust_protocol import CategoryCell, SchoolNumbers
from tests.fakes.trust import FakeTrust

NUMBERS = SchoolNumbers(
    version="0.1.0", timezone="Europe/London", rooms=3, rooms_in_step=2, rooms_silent=1, answers=1000, refused=20,
    refused_by_category=(CategoryCell(category="social_networks", refused=20),), requests_waiting=None,
    incidents_open=0,
)  # fmt: skip


def listed(trust: FakeTrust) -> ListedSchool:
    with trust.store.read_session() as session:
        (only,) = school_list.list_schools(session, trust.clock())
    return only


def test_a_school_is_registered_invited_in_touch_and_silent(trust: FakeTrust) -> None:
    trust.register("School One")
    assert listed(trust).words == "registered, and not invited"

    token = trust.invite("School One").token
    assert listed(trust).words == "registered; an invitation waits"

    trust.call("POST", "enrolment", token, {"credential_hash": "a" * 64})
    assert listed(trust).words == "enrolled, and not seen since"


def test_a_school_that_calls_no_more_is_silent(trust: FakeTrust) -> None:
    trust.signed(trust.enrol("School One"))
    assert (listed(trust).words, listed(trust).is_silent) == ("in touch", False)

    trust.clock.time += timedelta(hours=3)

    assert (listed(trust).words, listed(trust).is_silent) == ("silent for 3 hours", True)


def test_numbers_are_kept_as_they_were_sent_and_said_in_a_line(trust: FakeTrust) -> None:
    trust.enrol("School One")
    trust.trust.receive_numbers(listed(trust).id, NUMBERS)

    found = listed(trust).numbers

    assert found == NUMBERS
    assert found is not None
    assert school_list.describe_numbers(found) == (
        "2 of 3 rooms up to date, 1 silent; 1000 answers in seven days, 20 refused; (social networks 20); "
        "under five requests waiting, 0 incidents open; lists of never; version 0.1.0"
    )
