"""How far the numbers and networks of a policy document may go, in words for whoever set them.

Central's pages, its commands and a document that was written by hand all ask here, so that they say the same.
"""

import re
from collections.abc import Iterator

from dns.policy.devices import parse_networks
from dns.policy.document import IncidentThresholds, PolicyDocument, PupilPages, SchoolPlan

MAX_HELP_LINE = 200  # characters
MAX_RULES = 10  # on the poster, and the characters of each
MAX_RULE = 200
MAX_SHARED = 200
MAX_SCHOOL_PLANS = 60
MAX_PLAN_LINKS = 30
MAX_PLAN_LINK = 300  # characters
MAX_PLAN_TITLE = 100
MAX_PLAN_MINUTES = 8 * 60
MAX_BUTTON_PAUSE_MINUTES = 8 * 60  # as long as any pause
# The largest number of each limit: beyond it nothing would ever be reported, which "off" says more honestly.
MAX_THRESHOLDS = IncidentThresholds(
    many_refusals=100_000, many_minutes=24 * 60, bypass_names=1_000, again_minutes=7 * 24 * 60
)
THRESHOLD_WORDS = {
    "many_refusals": "how many refusals are many",
    "many_minutes": "within how many minutes they are counted",
    "bypass_names": "how many ways round the filter are an incident",
    "again_minutes": "after how many minutes the same is reported again",
}

_PLAN_ID = re.compile("[0-9a-f]{32}")


def limit_errors(document: PolicyDocument) -> Iterator[str]:
    """Return what in a document goes too far, each as one sentence."""
    if document.button_pause_minutes > MAX_BUTTON_PAUSE_MINUTES:
        yield f"a pause by the button lasts at most {MAX_BUTTON_PAUSE_MINUTES} minutes"
    yield from _pupil_page_errors(document.pupil_pages)
    yield from school_plan_errors(document.school_plans)
    for name, words in THRESHOLD_WORDS.items():
        most = getattr(MAX_THRESHOLDS, name)
        if getattr(document.incidents, name) > most:
            yield f"{words}: at most {most}"
    for closed in document.closed_addresses:
        if any(network.prefixlen == 0 for network in parse_networks(closed.network)):
            yield f"{closed.network} is every address there is: no name could lead anywhere"


def school_plan_errors(plans: tuple[SchoolPlan, ...]) -> Iterator[str]:
    """Return what of the school's lesson plans goes too far, each as one sentence."""
    if len(plans) > MAX_SCHOOL_PLANS:
        yield f"the school has at most {MAX_SCHOOL_PLANS} lesson plans"
    if len({plan.id for plan in plans}) < len(plans):
        yield "two lesson plans have the same id"
    for plan in plans:
        if not _PLAN_ID.fullmatch(plan.id):
            yield "the id of a lesson plan is thirty-two hexadecimal digits"
        if not plan.title.strip() or len(plan.title) > MAX_PLAN_TITLE:
            yield f"a lesson plan has a title, of at most {MAX_PLAN_TITLE} characters"
        if not 1 <= len(plan.links) <= MAX_PLAN_LINKS:
            yield f"a lesson plan has from 1 to {MAX_PLAN_LINKS} links"
        if any(not link.strip() or len(link) > MAX_PLAN_LINK for link in plan.links):
            yield f"a link of a lesson plan has from 1 to {MAX_PLAN_LINK} characters"
        if plan.minutes > MAX_PLAN_MINUTES:
            yield f"a lesson plan is for at most {MAX_PLAN_MINUTES} minutes"
        if not all(text.isprintable() for text in (plan.title, *plan.links)):
            yield "a lesson plan holds a character that no text may hold"


def _pupil_page_errors(pages: PupilPages) -> Iterator[str]:
    if len(pages.help_line) > MAX_HELP_LINE:
        yield f"the help line has at most {MAX_HELP_LINE} characters"
    if len(pages.rules) > MAX_RULES:
        yield f"there are at most {MAX_RULES} rules: more fit on no poster"
    if any(len(one) > MAX_RULE for one in pages.rules):
        yield f"a rule has at most {MAX_RULE} characters"
    if len(pages.shared) > MAX_SHARED or any(len(one) > MAX_RULE for one in pages.shared):
        yield f"at most {MAX_SHARED} devices and groups are named as shared: name the group instead"
    for one in (pages.help_line, *pages.rules, *pages.shared):
        if not one.isprintable():
            yield "what pupils read holds a character that no text may hold"
            return
