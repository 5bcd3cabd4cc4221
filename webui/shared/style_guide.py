"""The style guide: every piece that pages are made of, for whoever writes one. No entry leads there."""

from flask import Blueprint, render_template

from appliance.rights import Right
from webui.shared.access import requires

blueprint = Blueprint("style_guide", __name__)


@blueprint.get("/style-guide")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """Show every piece."""
    return render_template("shared/style_guide.html")
