"""The coordinator's pages. Views translate HTTP; the services of `appliance.central` decide."""

from typing import Any

from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response as Redirect

from appliance.central import (
    accounts,
    audit,
    delegations,
    enrolment,
    incidents,
    policies,
    profiles,
    reports,
    requests,
    rooms,
    rules,
    unblocks,
)
from appliance.central.errors import CentralError
from appliance.central.lists import sources
from appliance.central.service import Central
from blocklists.categories import CATEGORIES, CATEGORIES_BY_ID
from dns.policy.site_names import reason_why_not
from webui.central import forms
from webui.shared import event_stream
from webui.shared.flash_messages import flash_with_undo

pages = Blueprint("pages", __name__, template_folder="templates")

_INCIDENT_WORDS = {
    "locked-category": "something that is locked was asked for",
    "many-refusals": "many refusals to one device in a short time",
    "tunnel": "questions that look like carried data",
    "bypass": "a way round the filter was tried",
    "told-a-grown-up": "somebody pressed “tell a grown-up”",
}
_FORM_STANDS_ON = {
    "pages.acknowledge": ".show_incidents",
    "pages.add_rule": ".show_rules",
    "pages.remove_rule": ".show_rules",
    "pages.set_closed": ".show_rules",
    "pages.delegate": ".show_rules",
    "pages.end_delegation": ".show_rules",
    "pages.subscribe": ".show_lists",
    "pages.unsubscribe": ".show_lists",
    "pages.accept": ".show_lists",
    "pages.enrol": ".show_rooms",
    "pages.add_account": ".show_accounts",
    "pages.end_account": ".show_accounts",
}


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service


@pages.before_request
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def _require_sign_in() -> None:
    """Let only somebody who is signed in come further."""
    g.revision = central().store.revisions().pages  # before anything is read: what changes later is heard of


@pages.errorhandler(CentralError)
def _handle_central_error(problem: CentralError) -> Redirect:
    flash(f"{problem}.", "warning")
    return _back()


@pages.get("/")
def queue() -> str:
    """Show what waits for a decision, what is open now, and what teachers reported."""
    with central().store.read_session() as session:
        now = central().now()
        return render_template(
            "queue.html",
            waiting=requests.list_waiting_requests(session),
            open_now=unblocks.list_active_unblocks(session, now),
            decided=requests.list_decided_requests(session, 20),
            reports=reports.list_open_reports(session),
            decision=forms.DecisionForm(),
            profiles=profiles.list_profiles(session),
            now=now,
            too_wide=reason_why_not,
        )


@pages.get("/events")
def events() -> Response:
    """Say whenever anything changed since a page was made: the page then looks again."""
    beats = central().feed.watch_changes(request.args.get("since", 0, type=int))
    return event_stream.stream_events(("changed", {}) if changed else None for changed in beats)


@pages.post("/requests/<request_id>/decide")
def decide(request_id: str) -> Redirect:
    """Approve or deny a request."""
    form = forms.require_valid(forms.DecisionForm())
    now, by = central().now(), _current_username()
    with central().store.write_session() as session:
        if request.form.get("decision") == "deny":
            words = form.answer.data or "Not this time."
            requests.deny_request(session, now, request_id=request_id, by=by, answer=words)
            flash("The request was denied; the teacher sees your words.")
        else:
            unblock = requests.approve_request(
                session, now, request_id=request_id, by=by, minutes=form.minutes.data, scope=form.scope.data,
                groups=(form.group.data,) if form.group.data else (), answer=form.answer.data or "",
            )  # fmt: skip
            session.flush()
            undo = url_for(".end", unblock_id=unblock.id)
            flash_with_undo(f"{unblock.site} is open until {unblock.until.astimezone():%H:%M}.", undo)
    return redirect(url_for(".queue"))


@pages.post("/openings/<int:unblock_id>/end")
def end(unblock_id: int) -> Redirect:
    """Close early what was opened."""
    with central().store.write_session() as session:
        unblocks.end_unblock(session, central().now(), unblock_id=unblock_id, by=_current_username())
    flash("It is closed again.")
    return redirect(url_for(".queue"))


@pages.post("/reports/<report_id>/settle")
def settle(report_id: str) -> Redirect:
    """Put a teacher's report away, after closing the site where the coordinator chose so."""
    site = request.form.get("close", "")
    with central().store.write_session() as session:
        if site:
            rules.add_rule(
                session,
                central().now(),
                name=site,
                action="block",
                by=_current_username(),
                note="reported by a teacher",
            )
        reports.settle_report(session, central().now(), report_id=report_id, by=_current_username())
    flash(f"{site} is closed in every room." if site else "The report was put away.")
    return redirect(url_for(".queue"))


@pages.get("/rules")
def show_rules() -> str:
    """Show the school's own rules and each profile's categories."""
    with central().store.read_session() as session:
        return render_template(
            "rules.html",
            rules=rules.list_rules(session),
            profiles=profiles.list_profiles(session),
            categories=CATEGORIES,
            locked=profiles.list_locked_categories(session),
            form=forms.RuleForm(),
            delegations=[
                (one, CATEGORIES_BY_ID[one.category].name) for one in delegations.list_delegations(session)
            ],
            delegation_form=forms.DelegationForm(),
            too_wide=reason_why_not,
        )


@pages.post("/rules")
def add_rule() -> Redirect:
    """Block or allow a name."""
    form = forms.require_valid(forms.RuleForm())
    with central().store.write_session() as session:
        rule = rules.add_rule(
            session, central().now(), name=form.name.data, action=form.action.data, note=form.note.data or "",
            locked=form.locked.data, by=_current_username(),
        )  # fmt: skip
    done = "closed" if rule.action == "block" else "always open"
    undo = url_for(".remove_rule", rule_id=rule.id)
    flash_with_undo(f"{rule.name} and its subdomains are {done} in every room.", undo)
    return redirect(url_for(".show_rules"))


@pages.post("/rules/<int:rule_id>/remove")
def remove_rule(rule_id: int) -> Redirect:
    """Take a rule away; the message can put it back."""
    with central().store.write_session() as session:
        rule = rules.remove_rule(session, central().now(), rule_id=rule_id, by=_current_username())
        fields = {
            "name": rule.name,
            "action": rule.action,
            "note": rule.note,
            **({"locked": "y"} if rule.locked else {}),
        }
    flash_with_undo(f"The rule for {rule.name} is gone.", url_for(".add_rule"), **fields)
    return redirect(url_for(".show_rules"))


@pages.post("/delegations")
def delegate() -> Redirect:
    """Let teachers open a category's sites by themselves."""
    form = forms.require_valid(forms.DelegationForm())
    with central().store.write_session() as session:
        delegations.delegate_category(
            session, central().now(), category=form.category.data, minutes=form.minutes.data,
            per_day=form.per_day.data or 0, by=_current_username(),
        )  # fmt: skip
    undo = url_for(".end_delegation", category=form.category.data)
    flash_with_undo("Teachers may open these sites by themselves now.", undo)
    return redirect(url_for(".show_rules"))


@pages.post("/delegations/<category>/end")
def end_delegation(category: str) -> Redirect:
    """Let a category's sites wait for the coordinator again."""
    with central().store.write_session() as session:
        delegations.end_delegation(session, central().now(), category=category, by=_current_username())
    flash("Requests for these sites wait for you again.")
    return redirect(url_for(".show_rules"))


@pages.post("/profiles/<profile>")
def set_closed(profile: str) -> Redirect:
    """Say which categories a profile keeps closed."""
    with central().store.write_session() as session:
        profiles.set_blocked_categories(
            session,
            central().now(),
            profile=profile,
            blocked=request.form.getlist("closed"),
            by=_current_username(),
        )
    flash(f"The categories of {profile} are in force.")
    return redirect(url_for(".show_rules"))


@pages.get("/lists")
def show_lists() -> str:
    """Show the sources, and what the last compilation said of each."""
    with central().store.read_session() as session:
        return render_template(
            "lists.html",
            sources=sources.list_sources(session),
            published=policies.latest_publication(session),
            publisher=central().publisher.state,
            form=forms.SourceForm(),
        )


@pages.post("/lists")
def subscribe() -> Redirect:
    """Subscribe to a source: a URL, or a file."""
    form = forms.require_valid(forms.SourceForm())
    location = (form.location.data or "").strip()
    upload = form.file.data
    if bool(location) == bool(upload):
        raise CentralError("give either an https address or a file")
    if upload:
        kept = sources.store_uploaded_list(
            central().settings.central.data / "lists", upload.read(), form.format.data
        )
        location = str(kept)
    elif not location.startswith("https://"):
        raise CentralError("the address must begin with https://")
    with central().store.write_session() as session:
        sources.subscribe_source(
            session, central().now(), name=form.name.data, category=form.category.data, location=location,
            format=form.format.data, match=form.match.data, by=_current_username(),
        )  # fmt: skip
    central().publisher.request_build()
    flash("The list was added. It is in force in every room as soon as it is compiled.")
    return redirect(url_for(".show_lists"))


@pages.post("/lists/<int:source_id>/remove")
def unsubscribe(source_id: int) -> Redirect:
    """Take a source away."""
    with central().store.write_session() as session:
        sources.unsubscribe_source(session, central().now(), source_id=source_id, by=_current_username())
    central().publisher.request_build()
    flash("The list was removed; the rooms follow as soon as the rest is compiled.")
    return redirect(url_for(".show_lists"))


@pages.post("/lists/<int:source_id>/accept")
def accept(source_id: int) -> Redirect:
    """Take into use a download that was held back because it had changed so much."""
    with central().store.write_session(affects_rooms=False) as session:
        source = sources.get_source(session, source_id)
        central().publisher.accept_download(source)
        audit.record_audit(session, central().now(), _current_username(), "download accepted", source.name)
    central().publisher.request_build()
    flash("The new copy is taken into use as soon as it is compiled.")
    return redirect(url_for(".show_lists"))


@pages.post("/lists/compile")
def compile_again() -> Redirect:
    """Fetch and compile everything again."""
    central().publisher.request_build()
    return redirect(url_for(".show_lists"))


@pages.get("/rooms")
def show_rooms() -> str:
    """Show every room and how it is."""
    now = central().now()
    with central().store.read_session() as session:
        published = policies.latest_publication(session)
        return render_template(
            "rooms.html", rooms=rooms.list_rooms(session), now=now, published=published, form=forms.RoomForm()
        )


@pages.post("/rooms")
def enrol() -> str | Response:
    """Enrol a room, and show its token once, or hand out the file for its card."""
    form = forms.require_valid(forms.RoomForm())
    name, as_file = form.name.data, "bundle" in request.form
    if as_file:
        enrolment.make_enrolment_file(
            central().settings, room=name, token=rooms.PLACEHOLDER_TOKEN
        )  # before the room's old token ends
    with central().store.write_session() as session:
        token = rooms.enrol_room(session, central().now(), name=name, by=_current_username())
    if not as_file:
        return render_template("enrolled.html", name=name, token=token)
    made = Response(
        enrolment.make_enrolment_file(central().settings, room=name, token=token),
        mimetype="application/octet-stream",
    )
    made.headers.set("Content-Disposition", "attachment", filename=enrolment.enrolment_file_name(name))
    return made


@pages.get("/accounts")
def show_accounts() -> str:
    """Show who may sign in."""
    with central().store.read_session() as session:
        return render_template(
            "accounts.html",
            accounts=accounts.list_accounts(session),
            now=central().now(),
            form=forms.AccountForm(),
        )


@pages.post("/accounts")
def add_account() -> str:
    """Add an account and show its password, once."""
    form = forms.require_valid(forms.AccountForm())
    password = accounts.generate_password()
    with central().store.write_session(affects_rooms=False) as session:
        user = accounts.add_account(
            session, central().now(), username=form.username.data, name=form.name.data, role=form.role.data,
            password=password, ends=forms.end_of_day(form.ends.data), by=_current_username(),
        )  # fmt: skip
    return render_template("account_added.html", username=user.username, password=password)


@pages.post("/accounts/<username>/end")
def end_account(username: str) -> Redirect:
    """End an account now."""
    if username == _current_username():
        raise CentralError("you cannot end your own account")
    with central().store.write_session(affects_rooms=False) as session:
        accounts.end_account(session, central().now(), username=username, by=_current_username())
    flash(f"The account {username} has ended.")
    return redirect(url_for(".show_accounts"))


@pages.get("/incidents")
def show_incidents() -> str:
    """Show what somebody should look at."""
    with central().store.read_session() as session:
        return render_template(
            "incidents.html", incidents=incidents.list_open_incidents(session), kinds=_INCIDENT_WORDS
        )


@pages.post("/incidents/<incident_id>/acknowledge")
def acknowledge(incident_id: str) -> Redirect:
    """Say that an incident has been looked at."""
    with central().store.write_session() as session:
        incidents.acknowledge_incident(session, central().now(), incident_id=incident_id, by=_current_username())
    flash("The incident was acknowledged.")
    return redirect(url_for(".show_incidents"))


@pages.get("/audit")
def show_audit() -> str:
    """Show who did what."""
    with central().store.read_session() as session:
        return render_template("audit.html", entries=audit.list_audit_entries(session))


def _current_username() -> str:
    account: Any = current_user.account
    return str(account.username)


def _back() -> Redirect:
    """Return to the page that the form stood on."""
    return redirect(url_for(_FORM_STANDS_ON.get(request.endpoint or "", ".queue")))
