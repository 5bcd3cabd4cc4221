"""Policies by chance, over a small universe of names: what the laws are tried on (Hypothesis)."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Lesson, Pause, Period, PolicyDocument, Profile, Rule, Suspension, Unblock
from dns.policy.verdict import Verdict
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import GROUPS, MONDAY_TEN, NOW, PUPIL, STAFF, TEACHER, document

LOCKED_NAMES = ("locked.example", "www.locked.example", "deep.under.locked.example", "worst.example")
UNIVERSE = (
    *LOCKED_NAMES,
    "example",
    "open.example",
    "www.open.example",
    "games.example",
    "cdn.games.example",
    "www.bing.com",
    "www.youtube.com",
    "startpage.com",
    "mask.icloud.com",
    "xwordx.example",
)
LISTS = FakeBlocklist(
    {"games.example": "games", "worst.example": "pornography", "www.youtube.com": ("streaming", "games")}
)
KEYWORDS = FakeBlocklist({"xwordx.example": "gambling"})
LOCKS: dict[str, Any] = {
    "rules": (Rule(name="locked.example", action="block", locked=True),),
    "locked_categories": ("pornography",),
}

names = st.sampled_from(UNIVERSE)
groups = st.lists(st.sampled_from(["pupils", "staff"]), max_size=2).map(tuple)
offsets = st.integers(-3, 3).map(lambda hours: MONDAY_TEN + timedelta(hours=hours))
ends = st.fixed_dictionaries({"until": offsets}, optional={"since": offsets})
categories = st.lists(st.sampled_from(["games", "gambling", "streaming", "pornography"]), max_size=3).map(tuple)
clocks = st.sampled_from(["00:00", "08:30", "09:45", "12:00", "15:30", "24:00"])
times = st.integers(-5 * 3600, 5 * 3600).map(lambda offset: NOW + offset)

rules = st.builds(
    Rule,
    name=names,
    action=st.sampled_from(["allow", "block"]),
    subdomains=st.booleans(),
    groups=groups,
    safe_search=st.booleans(),
)
unblocks = st.builds(
    lambda moments, **fields: Unblock(**moments, **fields),
    ends,
    id=st.uuids().map(str),
    site=names,
    also=st.lists(names, max_size=2).map(tuple),
    groups=groups,
    device=st.sampled_from(["", PUPIL, TEACHER, "198.51.100.0/24", "nobody knows this one"]),
    safe_search=st.booleans(),
)
lessons = st.builds(
    lambda moments, **fields: Lesson(**moments, **fields),
    ends,
    id=st.just("lesson"),
    sites=st.lists(names, min_size=1, max_size=3).map(tuple),
    groups=groups,
)
pauses = st.builds(lambda moments, **fields: Pause(**moments, **fields), ends, id=st.just("pause"), groups=groups)
suspensions = st.builds(
    lambda moments, **fields: Suspension(**moments, **fields),
    ends,
    id=st.just("suspension"),
    device=st.sampled_from([PUPIL, TEACHER, "192.0.2.0/24"]),
)
periods = st.builds(
    Period,
    start=clocks.filter(lambda shown: shown != "24:00"),
    end=clocks,
    when=st.sampled_from(["school-days", "other-days", "every-day"]),
    closes=categories,
    opens=categories,
)
profiles = st.builds(
    Profile,
    name=st.just("pupils"),
    closed=categories,
    keywords=st.booleans(),
    safe_search=st.booleans(),
    timetable=st.lists(periods, max_size=2).map(tuple),
)


@st.composite
def documents(draw: st.DrawFn) -> PolicyDocument:
    """Return a document that always locks the same names."""
    return document(
        groups=GROUPS,
        profiles=(draw(profiles), STAFF),
        rules=(*LOCKS["rules"], *draw(st.lists(rules, max_size=4))),
        locked_categories=LOCKS["locked_categories"],
        unblocks=tuple(draw(st.lists(unblocks, max_size=3))),
        lessons=tuple(draw(st.lists(lessons, max_size=1))),
        pauses=tuple(draw(st.lists(pauses, max_size=1))),
        suspensions=tuple(draw(st.lists(suspensions, max_size=1))),
    )


def compiled(made: PolicyDocument, lists: FakeBlocklist = LISTS) -> CompiledPolicy:
    """Return a document, made ready."""
    return CompiledPolicy(made, lists, KEYWORDS)


def everything(policy: CompiledPolicy, now: float) -> dict[tuple[str, str, int], Verdict]:
    """Return every verdict there is: by address, name and type."""
    return {
        (address, name, qtype): policy.view(address).decide(name, qtype, now)
        for address in (PUPIL, TEACHER)
        for name in UNIVERSE
        for qtype in ((1, 15) if name.startswith("www.") else (1,))
    }
