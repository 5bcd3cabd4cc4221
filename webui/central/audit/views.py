"""Who did what: found, read a page at a time, taken along as a file, and proved to be what was written."""

from collections.abc import Iterator
from datetime import UTC

from flask import Response, flash, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import audit, audit_search
from appliance.rights import Right
from webui.central.audit.forms import read_filter, read_number
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("audit", __name__, home="audit.show")

_FIELDS = ("person", "kind", "since", "until", "words")


@blueprint.get("/audit")
@requires(Right.READ_AUDIT)
def show() -> str:
    """Show who did what."""
    wanted = read_filter(request.args, school_clock().zone)
    before, after = read_number(request.args, "before"), read_number(request.args, "after")
    with central().store.read_session() as session:
        page = audit_search.find_entries(session, wanted, before=before, after=after)
        kinds = audit_search.list_kinds(session)
    asked = {name: request.args.get(name, "") for name in _FIELDS}
    return render_template(
        "audit/audit.html",
        page=page,
        kinds=kinds,
        asked=asked,
        check=central().audit_checker.read_state(),
        is_newest=before is None and after is None,
        chosen={name: value for name, value in asked.items() if value},
    )


@blueprint.post("/audit/check")
@requires(Right.READ_AUDIT)
def check() -> Redirect:
    """Begin to check that every entry is what was written; the page shows how far it is, and what was found."""
    if central().audit_checker.start(current_username()):
        flash(gettext("The audit is being checked. You need not wait for it here."))
    else:
        flash(gettext("The audit is being checked already."))
    return redirect(url_for("audit.show", _anchor="audit-proof"))


@blueprint.post("/audit/export")
@requires(Right.EXPORT_AUDIT)
def export() -> Response:
    """Hand out every entry that is meant, as a file; the audit says who took it."""
    wanted = read_filter(request.form, school_clock().zone)
    is_json = request.form.get("format") == "json"
    now = central().now()
    with central().store.write_session(affects_rooms=False) as session:
        audit.record_audit(session, now, current_username(), audit_search.EXPORTED, wanted.describe())
    render = audit_search.render_json_lines if is_json else audit_search.render_csv
    store = central().store

    def lines() -> Iterator[str]:
        with store.read_session() as session:
            yield from render(audit_search.iterate_entries(session, wanted))

    response = Response(stream_with_context(lines()), mimetype="application/x-ndjson" if is_json else "text/csv")
    name = f"audit-{now.astimezone(UTC):%Y-%m-%d}.{'jsonl' if is_json else 'csv'}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
