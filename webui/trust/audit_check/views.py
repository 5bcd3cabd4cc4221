"""Whether the trust's audit is as it was written: each entry holds the hash of the one before."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central.audit_verification import verify_audit
from appliance.rights import Right
from webui.central.blueprints import create_feature_blueprint
from webui.shared.access import requires
from webui.shared.translation import gettext, ngettext
from webui.trust.blueprints import trust

blueprint = create_feature_blueprint("audit_check", __name__, home="audit.show")


@blueprint.post("/audit/verify")
@requires(Right.READ_AUDIT)
def verify() -> Redirect:
    """Look at every entry, and say whether one was altered, removed or put in between."""
    with trust().store.read_session() as session:
        found = verify_audit(session)
    if found.finding is not None:
        flash(
            gettext(
                "The audit was tampered with: see entry %(number)s. “hallpass central audit verify” says more.",
                number=found.finding.number,
            ),
            "danger",
        )
    else:
        flash(
            ngettext(
                "The audit is whole: %(num)s entry, each as it was written.",
                "The audit is whole: %(num)s entries, each as it was written.",
                found.entries,
            )
        )
    return redirect(url_for("audit.show"))
