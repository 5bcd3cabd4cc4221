"""Incidents: the pages on which they are looked at, worked on, and handed on.

There are two sets of them, of one make: pupils' for the safeguarding lead and the deputy, staff's for the head
alone. Each route of a set needs the right of its set, and finds no incident of the other.
"""

import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import mail_outbox
from appliance.central.errors import CentralError, NotFound
from appliance.central.incidents import export, search, states
from appliance.central.incidents.kinds import AUTHORITY_WORDS, STATE_WORDS, Whose, kind_of
from appliance.central.incidents.search import SHOWN, IncidentFilter
from appliance.central.mail_recipients import find_addresses
from appliance.rights import Right
from webui.central.blueprints import central, create_set_blueprint
from webui.central.form_helpers import require_valid
from webui.central.incidents.forms import StateForm
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable, translate

MAX_SEARCH_LENGTH = 100
SHOWN_WORDS = {"open": translatable("open"), "all": translatable("all"), **STATE_WORDS}


class IncidentPages:
    """The views of one set."""

    def __init__(self, name: str, whose: Whose, right: Right) -> None:
        self.name = name
        self.whose: Whose = whose
        self.right = right

    def show(self) -> str:
        """Show what was noticed, what nobody has looked at first."""
        wanted = self._filter(request.args.get)
        now = central().now()
        with central().store.read_session() as session:
            found = search.list_groups(session, wanted, page=request.args.get("page", 1, type=int))
            mail = mail_outbox.read_mail_status(session, now)
            return render_template(
                "incidents/incidents.html",
                found=found,
                evidence=search.latest_evidence(session, found.groups),
                wanted=wanted,
                shown_words=SHOWN_WORDS,
                new=search.count_new(session, self.whose),
                mail_trouble=self._mail_trouble(session, mail),
                now=now,
                **self._words(),
            )

    def show_one(self, group_id: str) -> str:
        """Show one with all that belongs to it."""
        return self._render_one(group_id)

    def change_state(self, group_id: str) -> Redirect | tuple[str, int]:
        """Say what becomes of one; a mistake comes back with what was typed."""
        try:
            form = require_valid(StateForm())
            with central().store.write_session() as session:
                states.change_state(
                    session,
                    central().now(),
                    change=form.to_change(),
                    version=form.version.data,
                    **self._one(group_id),
                )
                version = states.get_group(session, group_id, self.whose).version
        except NotFound:
            raise
        except CentralError as problem:
            return self._render_one(group_id, problem=f"{translate_reason(problem)}."), 409
        undo = url_for(f"{self.name}.undo", group_id=group_id)
        words = gettext("The incident is %(state)s.", state=translate(STATE_WORDS[form.state.data]))
        flash_with_undo(words, undo, version=str(version))
        return redirect(self._back(group_id))

    def undo(self, group_id: str) -> Redirect:
        """Take the last change back."""
        version = request.form.get("version", type=int)
        with central().store.write_session() as session:
            states.undo_change(session, central().now(), version=version, **self._one(group_id))
        flash(gettext("The change was taken back."))
        return redirect(self._back(group_id))

    def add_note(self, group_id: str) -> Redirect | tuple[str, int]:
        """Add a note."""
        token = request.form.get("token", "")
        try:
            with central().store.write_session() as session:
                text = request.form.get("note", "")
                states.add_note(session, central().now(), text=text, token=token[:32], **self._one(group_id))
        except NotFound:
            raise
        except CentralError as problem:
            return self._render_one(group_id, problem=f"{translate_reason(problem)}."), 409
        flash(gettext("The note was added."))
        return redirect(self._back(group_id))

    def hold(self, group_id: str) -> Redirect | tuple[str, int]:
        """Keep one beyond its time."""
        try:
            with central().store.write_session() as session:
                reason = request.form.get("reason", "")
                states.hold_group(session, central().now(), reason=reason, **self._one(group_id))
        except NotFound:
            raise
        except CentralError as problem:
            return self._render_one(group_id, problem=f"{translate_reason(problem)}."), 409
        flash_with_undo(gettext("The incident is held."), url_for(f"{self.name}.release", group_id=group_id))
        return redirect(self._back(group_id))

    def release(self, group_id: str) -> Redirect:
        """Let one go when its time has come."""
        with central().store.write_session() as session:
            states.release_group(session, central().now(), **self._one(group_id))
        flash(gettext("The incident is no longer held."))
        return redirect(self._back(group_id))

    def export_one(self, group_id: str) -> Response:
        """Hand out one as a table."""
        with central().store.write_session(affects_rooms=False) as session:
            table = export.export_group(session, central().now(), **self._one(group_id))
        return _as_file(table, f"incident-{group_id[:8]}.csv")

    def export(self) -> Response:
        """Hand out everything that the page's filter finds as a table."""
        wanted = self._filter(request.form.get)
        with central().store.write_session(affects_rooms=False) as session:
            table = export.export_groups(session, central().now(), wanted, current_username())
        return _as_file(table, f"incidents-{school_clock().local(central().now()):%Y-%m-%d}.csv")

    def print_one(self, group_id: str) -> str:
        """Show one as it is printed."""
        with central().store.write_session(affects_rooms=False) as session:
            export.record_print(session, central().now(), **self._one(group_id))
        return self._render_one(group_id, template="incidents/printed.html")

    def _render_one(self, group_id: str, template: str = "incidents/incident.html", **more: Any) -> str:
        with central().store.read_session() as session:
            found = search.read_details(session, group_id, self.whose)
            return render_template(
                template, found=found, group=found.group, now=central().now(), authorities=AUTHORITY_WORDS,
                note_token=secrets.token_hex(16), typed=request.form,
                printed_by=current_username(), **self._words(), **more,
            )  # fmt: skip

    def _one(self, group_id: str) -> dict[str, Any]:
        return {"group_id": group_id, "whose": self.whose, "by": current_username()}

    def _words(self) -> dict[str, Any]:
        return {
            "pages": self.name,
            "whose": self.whose,
            "kind_of": kind_of,
            "state_words": STATE_WORDS,
            "lookup_page": "staff_lookups.show" if self.whose == "staff" else "lookups.show",
        }

    def _back(self, group_id: str) -> str:
        """Return the page on which the button stood."""
        if request.form.get("from") == "list":
            return url_for(f"{self.name}.show")
        return url_for(f"{self.name}.show_one", group_id=group_id)

    def _filter(self, get: Callable[[str, str], str]) -> IncidentFilter:
        shown = get("state", "open")
        if shown not in SHOWN:
            abort(404)
        search = get("search", "").strip()[:MAX_SEARCH_LENGTH]
        return IncidentFilter(whose=self.whose, shown=shown, search=search)

    def _mail_trouble(self, session: Session, mail: mail_outbox.MailStatus) -> str:
        """Return why urgent incidents may be told nobody; "" where nothing stands in the way."""
        if central().settings.mail is None:
            return ""  # nobody expects any
        if not find_addresses(session, central().now(), self.right):
            return gettext(
                "Urgent incidents are told nobody by e-mail: no account that may see them has an address."
            )
        if mail.is_failing:
            return gettext("E-mails do not go out at the moment: the school's mail server does not take them.")
        return ""


def _as_file(table: str, name: str) -> Response:
    made = Response(table, mimetype="text/csv")
    made.headers.set("Content-Disposition", "attachment", filename=name)
    return made


def _make_blueprint(pages: IncidentPages, path: str) -> Blueprint:
    one = f"{path}/<group_id>"
    return create_set_blueprint(
        pages.name,
        __name__,
        pages.right,
        (
            ("GET", path, pages.show),
            ("POST", f"{path}/export", pages.export),
            ("GET", one, pages.show_one),
            ("POST", f"{one}/state", pages.change_state),
            ("POST", f"{one}/undo", pages.undo),
            ("POST", f"{one}/note", pages.add_note),
            ("POST", f"{one}/hold", pages.hold),
            ("POST", f"{one}/release", pages.release),
            ("POST", f"{one}/export", pages.export_one),
            ("POST", f"{one}/print", pages.print_one),
        ),
    )


blueprint = _make_blueprint(IncidentPages("incidents", "pupils", Right.HANDLE_INCIDENTS), "/incidents")
staff_blueprint = _make_blueprint(
    IncidentPages("staff_incidents", "staff", Right.HANDLE_STAFF_INCIDENTS), "/staff-incidents"
)
