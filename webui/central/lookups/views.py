"""Look-ups: what one device asked for, with a typed reason that is written down before the room is asked.

Two sets of one make, as with incidents: pupils' devices, and staff's for the head alone.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import lookups, rooms
from appliance.central.errors import CentralError
from appliance.central.incidents.kinds import Whose
from appliance.central.incidents.states import get_group
from appliance.rights import Right
from blocklists.categories import category_name
from webui.central.blueprints import central, create_set_blueprint
from webui.central.form_helpers import require_valid
from webui.central.lookups.forms import LookupForm
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable

AROUND = timedelta(minutes=15)  # before and after an incident
STATE_WORDS = {
    "waiting": translatable("the room has not answered yet"),
    "answered": translatable("answered"),
    "failed": translatable("the room could not answer"),
    "expired": translatable("the room did not answer in time"),
    "deleted": translatable("deleted"),
}


_GROUP_ID = re.compile("[0-9a-f]{32}")


class LookupPages:
    """The views of one set."""

    def __init__(self, name: str, whose: Whose) -> None:
        self.name = name
        self.whose: Whose = whose

    def show(self) -> str:
        """Show what was asked, and the form."""
        return self._render(LookupForm(formdata=None, data=self._prefilled()))

    def ask(self) -> Redirect | tuple[str, int]:
        """Ask a room; a mistake comes back with what was typed."""
        form = LookupForm()
        try:
            with central().store.write_session() as session:
                form.room.choices = _room_choices(session)
                require_valid(form)
                row = lookups.ask_room(
                    session, central().now(), room_id=form.room.data, device=form.device.data,
                    since=_moment(form.since.data), until=_moment(form.until.data), reason=form.reason.data,
                    by=current_username(), whose=self.whose, lookup_id=form.lookup_id.data or "",
                )  # fmt: skip
                lookup_id = row.id
        except CentralError as problem:
            form.lookup_id.data = ""  # another one: what has it was asked, or was not
            return self._render(form, problem=f"{translate_reason(problem)}."), 409
        flash(gettext("The room is asked. Its answer appears here."))
        return redirect(url_for(f"{self.name}.show_one", lookup_id=lookup_id, incident=form.incident.data or None))

    def show_one(self, lookup_id: str) -> str:
        """Show what a room said."""
        with central().store.read_session() as session:
            row = lookups.get_lookup(session, lookup_id, self.whose)
            return render_template(
                "lookups/lookup.html", one=row, answer=lookups.open_answer(central().keys, row),
                waits_for=lookups.WAITS_FOR,
                days=central().settings.central.lookup_days, moment_of=_from_second, category_name=category_name,
                incident_page=self._incident_page(), **self._words(),
            )  # fmt: skip

    def delete(self, lookup_id: str) -> Redirect:
        """Forget what a room said, or take the question back."""
        with central().store.write_session() as session:
            lookups.delete_answer(
                session, central().now(), lookup_id=lookup_id, by=current_username(), whose=self.whose
            )
        flash(gettext("It was deleted. That it was asked stays written down."))
        return redirect(url_for(f"{self.name}.show"))

    def _render(self, form: LookupForm, problem: str = "") -> str:
        with central().store.read_session() as session:
            form.room.choices = _room_choices(session)
            if not form.lookup_id.data:
                form.lookup_id.data = secrets.token_hex(16)
            return render_template(
                "lookups/lookups.html", form=form, problem=problem,
                asked=lookups.list_lookups(session, self.whose), **self._words(),
            )  # fmt: skip

    def _prefilled(self) -> dict[str, Any]:
        """Return what the form begins with: the time around an incident, where one is named."""
        group_id = request.args.get("incident", "")
        if not group_id:
            return {}
        with central().store.read_session() as session:
            group = get_group(session, group_id, self.whose)
            clock = school_clock()
            since = max(group.first_at - AROUND, group.last_at + AROUND - timedelta(hours=lookups.MAX_HOURS))
            return {
                "incident": group.id,
                "room": group.room_id,
                "device": group.device,
                "since": clock.local(since).replace(tzinfo=None),
                "until": clock.local(group.last_at + AROUND).replace(tzinfo=None),
            }

    def _incident_page(self) -> str:
        """Return the page of the incident that led to the question; "" where none did."""
        group_id = request.args.get("incident", "")
        pages = "staff_incidents" if self.whose == "staff" else "incidents"
        return url_for(f"{pages}.show_one", group_id=group_id) if _GROUP_ID.fullmatch(group_id) else ""

    def _words(self) -> dict[str, Any]:
        return {"pages": self.name, "whose": self.whose, "state_words": STATE_WORDS}


def _room_choices(session: Session) -> list[tuple[int, str]]:
    return list(rooms.name_rooms(session).items())


def _moment(typed: datetime) -> datetime:
    """Return a time that was typed by the school's clock."""
    return school_clock().moment(typed)


def _from_second(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _make_blueprint(pages: LookupPages, path: str, right: Right) -> Blueprint:
    return create_set_blueprint(
        pages.name,
        __name__,
        right,
        (
            ("GET", path, pages.show),
            ("POST", path, pages.ask),
            ("GET", f"{path}/<lookup_id>", pages.show_one),
            ("POST", f"{path}/<lookup_id>/delete", pages.delete),
        ),
    )


blueprint = _make_blueprint(LookupPages("lookups", "pupils"), "/look-ups", Right.LOOK_UP_DEVICES)
staff_blueprint = _make_blueprint(
    LookupPages("staff_lookups", "staff"), "/staff-look-ups", Right.LOOK_UP_STAFF_DEVICES
)
