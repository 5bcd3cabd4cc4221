"""Where a trust's administrator begins: with the schools."""

from flask import redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.rights import Right
from webui.central.blueprints import START, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.translation import translatable

NAVIGATION = (
    ("schools.show", translatable("Schools")),
    ("entries.show", translatable("Laid down")),
    ("numbers.show", translatable("Numbers")),
    ("accounts.show", translatable("People")),
    ("audit.show", translatable("Audit")),
    ("script_keys.show", translatable("Keys for scripts")),
)

blueprint = create_feature_blueprint("start", __name__, home=START)


@blueprint.get("/")
@requires(Right.SIGN_IN)
def show() -> Redirect:
    """Lead to the schools."""
    return redirect(url_for("schools.show"))
