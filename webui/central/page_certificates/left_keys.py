"""What a person is told of a card that ended and still has the key of a certificate for pages."""

from appliance.central.page_keys_left import LeftKey
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext


def describe_left_key(one: LeftKey) -> str:
    """Return it in words, with what to do."""
    shown = {"room": one.room, "time": school_clock().words(one.since), "pages": one.pages}
    if one.state == "retired":
        return gettext(
            "%(room)s is retired (%(time)s), and its card still has the key of the certificate for %(pages)s. "
            "If that card leaves the school, hand in a certificate with another key first.",
            **shown,
        )
    return gettext(
        "The card of %(room)s was revoked (%(time)s), and still has the key of the certificate for %(pages)s: "
        "whoever has it can pass for such a page. Hand in a certificate with another key, and have this one "
        "revoked where it was made.",
        **shown,
    )
