"""The roles of accounts (`appliance.rights`), marked for the catalogues."""

from collections.abc import Iterable

from appliance.rights import ROLE_WORDS, ROLES, Role
from webui.shared.translation import gettext, translatable, translate

ROLE_NAMES = (
    translatable("Teacher"),
    translatable("Supply teacher"),
    translatable("Office"),
    translatable("Deputy coordinator"),
    translatable("Coordinator"),
    translatable("Safeguarding lead"),
    translatable("Deputy safeguarding lead"),
    translatable("Headteacher"),
    translatable("Leadership"),
    translatable("Governor"),
    translatable("Technician"),
    translatable("Trust administrator"),
)

# What each may do, for whoever gives it.
ROLE_ABOUT: dict[Role, str] = {
    "teacher": translatable("sees their room, asks for sites, leads lessons"),
    "supply": translatable("as a teacher, until their last day"),
    "office": translatable("makes supply teachers' accounts, and nothing else"),
    "deputy_coordinator": translatable("does the coordinator's daily work"),
    "coordinator": translatable("decides requests, lists, rules, people: everything but incidents"),
    "safeguarding": translatable("sees incidents of pupils' devices, and may ask what a device looked for"),
    "deputy_safeguarding": translatable("the same, in the lead's place"),
    "head": translatable("sees incidents of staff's devices, figures and the audit"),
    "leadership": translatable("answers for the filter: sees figures and the audit"),
    "governor": translatable("sees figures without names"),
    "technician": translatable("makes cards, and sees how the rooms are; never what anybody looked at"),
    "trust_administrator": translatable("lays down what all schools follow, and sees their numbers"),
}


def name_roles(roles: Iterable[Role]) -> str:
    """Return roles as people read them, in the language of the page."""
    held = set(roles)
    return gettext(", ").join(translate(ROLE_WORDS[role]) for role in ROLES if role in held)
