"""What a trust has laid down, in the language of the page."""

from typing import Any

from appliance.central.models import TrustEntryRow
from appliance.trust.entries import CheckedEntry
from blocklists.categories import CATEGORIES_BY_ID, category_name
from webui.shared.translation import gettext, translatable, translate

# As `appliance.trust.entries.KIND_WORDS` has them, which a test compares.
KIND_WORDS = (
    translatable("closed in every group, whatever lists it"),
    translatable("closed, with all addresses below it"),
    translatable("kept open: no rule and no list of a school closes it"),
    translatable("a rule, which a school's own for the same name replaces"),
    translatable("a list that schools subscribe to, and may not take away"),
)

# As `appliance.rights.TRUST_SCRIPT_RIGHTS` has them, which a test compares.
SCRIPT_RIGHTS = (
    translatable("See the schools, their numbers and what is laid down"),
    translatable("Lay down what schools follow, and take it back"),
)


def describe_entry(row: TrustEntryRow | CheckedEntry) -> str:
    """Return what an entry is about, or one that can be laid down."""
    return describe_content(row.kind, row.content)


def describe_content(kind: str, content: dict[str, Any]) -> str:
    """Return what something that can be laid down is about."""
    match kind:
        case "category":
            return name_category(content["category"])
        case "rule" if content["action"] == "allow":
            return gettext("opens %(name)s", name=content["name"])
        case "rule":
            return gettext("closes %(name)s", name=content["name"])
        case "source":
            return f"{content['name']} ({name_category(content['category'])})"
    return str(content["name"])


def name_category(category: str) -> str:
    """Return what a category is called; of a school's own there is nothing to be told here."""
    if category not in CATEGORIES_BY_ID:
        return gettext("a category of the school's own")
    return translate(category_name(category))
