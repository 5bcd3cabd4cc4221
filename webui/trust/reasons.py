"""What a trust's services say to people, as its pages show it in other languages.

It is found as the sentences of `webui.shared.reasons` are, and added to them and to central's; a test finds one
that nobody says.
"""

from webui.central import reasons as central_reasons
from webui.shared.reasons import Sentences
from webui.shared.translation import translatable as t

FIXED = (
    t("there is no such school"),
    t("where do schools reach this trust? Set url in [central], such as https://trust.example.org"),
    t("an invitation lasts from one day to ninety"),
    t("the same was laid down anew meanwhile"),
    t("all of that set is shared already"),
    t("schools take a document of at most a megabyte, and this would make it larger: take something back first"),
    t("what is locked by category stays closed, also where its name is kept open"),
)
PATTERNS = (
    t("there is a school called %(name)s already"),
    t("a trust has at most %(number)s schools"),
    t("no invitation waits for %(name)s"),
    t("%(name)s is retired already"),
    t("%(name)s is revoked already"),
    t("%(what)s: that is laid down already (number %(number)s)"),
    t("number %(number)s was taken back already by %(person)s"),
    t("number %(number)s is in force"),
    t("there is no number %(number)s"),
    t("%(address)s is no https:// address: schools fetch the list themselves"),
    t("number %(number)s keeps %(name)s open: closed all the same where it is of this category"),
    t("number %(number)s is about %(name)s: it is closed from then on"),
    t("number %(number)s locks %(name)s: this opens nothing"),
)
SENTENCES = Sentences(
    fixed=frozenset((*central_reasons.FIXED, *FIXED)),
    patterns=(*PATTERNS, *central_reasons.PATTERNS),
    plurals=central_reasons.PLURALS,
)
