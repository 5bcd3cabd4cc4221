"""Webhooks: which other services are told of news, and whether that works."""

from flask import flash, redirect, render_template, session, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import webhooks
from appliance.central.errors import CentralError
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.undo_pages import add_undo_page, flash_change
from webui.central.webhooks.forms import WebhookForm
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext, translatable

_KEY = "made-webhook"  # the address and secret of the last one, until whoever made it has noted it

blueprint = create_feature_blueprint("webhooks", __name__, home="webhooks.show")
add_undo_page(blueprint, "/webhooks", Right.CONNECT_SERVICES, home="webhooks.show", kinds={webhooks.KIND})


@blueprint.get("/webhooks")
@requires(Right.CONNECT_SERVICES)
def show() -> str:
    """Show the webhooks, and the form for a new one."""
    return _render(WebhookForm())


@blueprint.post("/webhooks")
@requires(Right.CONNECT_SERVICES)
def add() -> str | Redirect:
    """Add a webhook; its secret is shown until it is noted."""
    form = WebhookForm()
    try:
        require_valid(form)
        with central().store.write_session(affects_rooms=False) as database:
            secret = webhooks.add_webhook(
                database, central().now(), central().keys, url=form.url.data, events=form.events.data,
                is_inside=form.is_inside.data, by=current_username(),
            )  # fmt: skip
    except CentralError as problem:
        return _render(form, str(problem))
    session[_KEY] = {"url": form.url.data.strip(), "secret": secret}
    return redirect(url_for("webhooks.show"))


@blueprint.post("/webhooks/noted")
@requires(Right.CONNECT_SERVICES)
def stop_showing() -> Redirect:
    """Show a secret no more."""
    session.pop(_KEY, None)
    return redirect(url_for("webhooks.show"))


@blueprint.post("/webhooks/<int:webhook_id>/test")
@requires(Right.CONNECT_SERVICES)
def send_test(webhook_id: int) -> Redirect:
    """Have a webhook told that this is a test."""
    with central().store.write_session(affects_rooms=False) as database:
        row = webhooks.enqueue_test(database, central().now(), webhook_id=webhook_id)
    flash(gettext("A test is on its way to %(url)s: what came of it stands here in a few seconds.", url=row.url))
    return redirect(url_for("webhooks.show"))


@blueprint.post("/webhooks/<int:webhook_id>/resume")
@requires(Right.CONNECT_SERVICES)
def resume(webhook_id: int) -> Redirect:
    """Tell a webhook again that was put aside."""
    with central().store.write_session(affects_rooms=False) as database:
        row = webhooks.resume_webhook(database, central().now(), webhook_id=webhook_id, by=current_username())
    flash(gettext("%(url)s is told again.", url=row.url))
    return redirect(url_for("webhooks.show"))


@blueprint.post("/webhooks/<int:webhook_id>/remove")
@requires(Right.CONNECT_SERVICES)
def remove(webhook_id: int) -> Redirect:
    """Tell a webhook no more."""
    with central().store.write_session(affects_rooms=False) as database:
        url = webhooks.get_webhook(database, webhook_id).url
        change = webhooks.remove_webhook(database, central().now(), webhook_id=webhook_id, by=current_username())
    flash_change(blueprint, change, gettext("%(url)s is told no more, nor what waited for it.", url=url))
    return redirect(url_for("webhooks.show"))


def _render(form: WebhookForm, mistake: str = "") -> str:
    with central().store.read_session() as database:
        found = [(row, webhooks.list_deliveries(database, row.id)) for row in webhooks.list_webhooks(database)]
        return render_template(
            "webhooks/webhooks.html", webhooks=found, form=form, mistake=mistake, made=session.get(_KEY),
            words=webhooks.EVENTS | {webhooks.TEST_EVENT: translatable("a test")},
        )  # fmt: skip
