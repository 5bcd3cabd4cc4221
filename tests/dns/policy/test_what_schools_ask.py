"""What schools ask of a filter, in their own words (the shared reference, section 1), where policy answers."""

from random import Random

from dns.message.constants import RecordType
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.document import (
    Delegation,
    Group,
    Lesson,
    Period,
    PolicyDocument,
    Profile,
    Rule,
    Suspension,
    Unblock,
)
from dns.policy.explain import explain
from dns.policy.tunnel import TunnelDetector
from dns.policy.verdict import Action, Step
from tests.fakes import traces
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import GROUPS, NOW, PUPIL, PUPILS, STAFF, TEACHER, after, document, minutes, policy

A = RecordType.A


def school(
    *groups: Group, profiles: tuple[Profile, ...], lists: dict[str, str | tuple[str, ...]]
) -> CompiledPolicy:
    made = PolicyDocument(version=1, groups=groups, profiles=profiles, default_group=groups[0].name)
    return CompiledPolicy(made, FakeBlocklist(lists))


def test_pupil_gradual_progression_in_access() -> None:
    lists: dict[str, str | tuple[str, ...]] = {"videos.example": "streaming", "chat.example": "chat"}
    made = school(
        Group(name="early years", profile="early years", members=("192.0.2.0/26",)),
        Group(name="key stage 2", profile="key stage 2", members=("192.0.2.64/26",)),
        Group(name="staff", profile="staff", members=("192.0.2.128/26",)),
        Group(name="visitors", profile="visitors", members=("192.0.2.192/26",)),
        profiles=(
            Profile(name="early years", closed=("*",), safe_search=True),
            Profile(name="key stage 2", closed=("chat",), safe_search=True, youtube="moderate"),
            Profile(name="staff"),
            Profile(name="visitors", closed=("streaming", "chat")),
        ),
        lists=lists,
    )

    def closed(address: str) -> list[str]:
        view = made.view(address)
        return [name for name in lists if view.decide(name, A, NOW).action is Action.BLOCK]

    assert closed("192.0.2.5") == ["videos.example", "chat.example"]
    assert closed("192.0.2.70") == ["chat.example"]
    assert closed("192.0.2.130") == []
    assert closed("192.0.2.200") == ["videos.example", "chat.example"]


def test_pupil_without_teachers_being_too_explicit() -> None:
    # How a refusal looks belongs to the profile, and nothing of it names the reason to the child.
    for look in ("null", "nxdomain", "page"):
        made = policy(profiles=(Profile(name="pupils", refusal=look), STAFF))
        assert made.view(PUPIL).blocking_mode == look


def test_pupil_reception_will_log_on_with_a_class_account() -> None:
    # Identity is the device and the room: two children at one device are one asker, two devices are two.
    made = policy()

    assert made.view(PUPIL) is made.view(PUPIL)
    assert made.view(PUPIL).group == "pupils"


def test_pupil_internet_access_may_be_suspended_for_a_period_of_time() -> None:
    made = policy(suspensions=(Suspension(id="s", device=PUPIL, until=minutes(60)),))

    assert made.view(PUPIL).decide("free.example", A, NOW).step is Step.SUSPENDED
    assert made.view("192.0.2.11").decide("free.example", A, NOW).action is Action.ALLOW
    assert made.view(PUPIL).decide("free.example", A, after(60)).action is Action.ALLOW


def test_pupil_social_networks_are_blocked_to_pupils_unless_a_specific_use_is_approved() -> None:
    lists = FakeBlocklist({"social.example": "social_networks", "mail.example": "webmail"})
    profiles = (Profile(name="pupils", closed=("social_networks", "webmail")), STAFF)
    approved = Unblock(id="u", site="social.example", groups=("pupils",), until=minutes(45))
    schools_own_mail = Rule(name="post.mail.example", action="allow")
    made = policy(lists, profiles=profiles, unblocks=(approved,), rules=(schools_own_mail,))
    view = made.view(PUPIL)

    assert view.decide("social.example", A, NOW).step is Step.UNBLOCK
    assert view.decide("social.example", A, after(45)).action is Action.BLOCK
    assert view.decide("mail.example", A, NOW).action is Action.BLOCK
    assert view.decide("post.mail.example", A, NOW).action is Action.ALLOW


def test_teacher_sites_temporarily_or_permanently_removed_from_the_filtered_list() -> None:
    temporarily = policy(unblocks=(Unblock(id="u", site="games.example", until=minutes(30)),)).view(PUPIL)
    permanently = policy(rules=(Rule(name="games.example", action="allow"),)).view(PUPIL)

    assert temporarily.decide("games.example", A, NOW).until == after(30)
    assert permanently.decide("games.example", A, NOW).until is None
    assert permanently.decide("games.example", A, after(10**6)).action is Action.ALLOW


def test_teacher_sites_pre_selected_by_the_teacher() -> None:
    made = policy(lessons=(Lesson(id="l", sites=("museum.example", "atlas.example"), until=minutes(50)),))

    def action(name: str) -> Action:
        return made.view(PUPIL).decide(name, A, NOW).action

    assert (action("museum.example"), action("www.atlas.example")) == (Action.ALLOW, Action.ALLOW)
    assert action("free.example") is Action.BLOCK


def test_teacher_planned_links_checked_as_suitable_with_the_reason_for_each_verdict() -> None:
    view = policy().view(PUPIL)
    open_site, closed_site = (explain(view, name, A, NOW) for name in ("museum.example", "games.example"))

    assert (open_site.verdict, open_site.opens) == ("allowed", "")
    assert (closed_site.verdict, closed_site.category, closed_site.entry) == ("refused", "games", "games.example")
    assert closed_site.opens


def test_teacher_may_open_what_is_delegated_without_waiting_a_day_for_an_answer() -> None:
    made = policy(delegations=(Delegation(categories=("games",), minutes=60),))

    assert check_delegation(made.view(PUPIL), DelegationRequest(site="games.example", minutes=60), NOW).allowed


def test_technician_systems_that_bypass_the_filtering() -> None:
    lists = FakeBlocklist({"vpn.example": "circumvention", "dns.example": "circumvention"})
    profiles = (Profile(name="pupils", closed=("circumvention",), strip_ech=True), STAFF)
    view = policy(lists, profiles=profiles).view(PUPIL)

    for name in ("vpn.example", "dns.example", "use-application-dns.net", "mask.icloud.com", "_dns.resolver.arpa"):
        assert view.decide(name, A, NOW).action is Action.BLOCK
    assert view.strip_ech
    asked = view.decide("rebind.example.com", A, NOW)
    assert view.inspect_address("192.168.0.1", "rebind.example.com", asked, NOW).action is Action.BLOCK
    detector = TunnelDetector()
    tunnel = traces.tunnel(Random(1), "base32", per_second=2, letters=60, qtype=traces.TXT, seconds=120)
    assert any(detector.observe_query(PUPIL, name, qtype, now) for now, name, qtype in tunnel)


def test_governor_student_and_staff_profiles_at_least_and_no_blanket_profile() -> None:
    made = policy(groups=GROUPS, profiles=(PUPILS, STAFF))

    assert made.view(PUPIL).decide("games.example", A, NOW).action is Action.BLOCK
    assert made.view(TEACHER).decide("games.example", A, NOW).action is Action.ALLOW


def test_governor_without_unreasonably_impacting_teaching_and_learning() -> None:
    # One site opens for one group and one time; neither the rest of its category nor the others' rules move.
    unblock = Unblock(id="u", site="games.example", until=minutes(30), groups=("pupils",))
    lists = FakeBlocklist({"games.example": "games", "more.example": "games"})
    lunch = Period(start="12:00", end="13:00", opens=("games",))
    profiles = (Profile(name="pupils", closed=("games",), timetable=(lunch,)), STAFF)
    view = policy(lists, unblocks=(unblock,), profiles=profiles).view(PUPIL)

    assert view.decide("games.example", A, NOW).action is Action.ALLOW
    assert view.decide("more.example", A, NOW).action is Action.BLOCK
    assert view.decide("more.example", A, after(150)).action is Action.ALLOW  # lunch


def test_coordinator_and_dsl_review_filtering_or_change_control_logs_every_verdict_names_its_entry() -> None:
    made = policy(rules=(Rule(name="no.example", action="block", category="bullying"),))
    verdict = made.view(PUPIL).decide("www.no.example", A, NOW)

    assert (verdict.category, verdict.source, verdict.entry) == (
        "bullying",
        "the school's own rules",
        "no.example",
    )


def test_all_the_locked_tier_cannot_be_switched_off_by_anyone() -> None:
    made = CompiledPolicy(
        document(
            locked_categories=("pornography",),
            rules=(Rule(name="worst.example", action="allow"),),
            unblocks=(Unblock(id="u", site="worst.example", until=minutes(30)),),
            appliance_names=("worst.example",),
        ),
        FakeBlocklist({"worst.example": "pornography"}),
    )

    for address in (PUPIL, TEACHER):
        assert made.view(address).decide("worst.example", A, NOW).step is Step.LOCKED


def test_all_upstreams_refusals_are_final() -> None:
    # A null address is how most filters write a refusal: it is refused here too, and said to be the upstream's.
    view = policy().view(PUPIL)
    asked = view.decide("refused-upstream.example", A, NOW)

    verdict = view.inspect_address("0.0.0.0", "refused-upstream.example", asked, NOW)

    assert (verdict.action, verdict.step) == (Action.BLOCK, Step.UPSTREAM)
