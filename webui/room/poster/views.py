"""A page to print and hang up (one sheet of A4): the rules, the monitoring notice, a help line, a QR code."""

from flask import render_template

from appliance.errors import HallpassError
from appliance.rights import Right
from appliance.room_rules import SMART_RULES
from webui.room.blueprints import create_feature_blueprint, room
from webui.room.poster.qr_code import draw_qr_code
from webui.shared.access import requires
from webui.shared.translation import translate

blueprint = create_feature_blueprint("poster", __name__)
_MANY_RULES = 6  # more than these, or more letters, are printed smaller
_MANY_LETTERS = 600


@blueprint.get("/poster")
@requires(Right.SEE_ROOM)
def show() -> str:
    """Show the poster."""
    words = room().pupils.words()
    rules = words.rules or tuple(map(translate, SMART_RULES))
    try:
        school = room().policy.load_if_changed().document.school
    except HallpassError:
        school = ""
    address = room().pupils_address
    return render_template(
        "poster/poster.html",
        rules=[_split(rule) for rule in rules],
        is_dense=len(rules) > _MANY_RULES or sum(map(len, rules)) > _MANY_LETTERS,
        help_line=words.help_line,
        school=school,
        address=address,
        code=draw_qr_code(address),
    )


def _split(rule: str) -> tuple[str, str]:
    """Return what stands before a rule's colon, and the rest; ("", rule) where it is no single word or two."""
    title, colon, rest = rule.partition(":")
    return (title.strip(), rest.strip()) if colon and rest.strip() and len(title) <= 20 else ("", rule)
