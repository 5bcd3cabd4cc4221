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
)


def name_roles(roles: Iterable[Role]) -> str:
    """Return roles as people read them, in the language of the page."""
    held = set(roles)
    return gettext(", ").join(translate(ROLE_WORDS[role]) for role in ROLES if role in held)
