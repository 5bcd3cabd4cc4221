"""The log of today: page by page, the newest first, found by site, device and what became of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import render_template, request, url_for

from appliance.rights import Right
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_page import LogPage
from appliance.room.query_log.reader import LogUnreadable
from webui.room.blueprints import create_feature_blueprint, room
from webui.room.refresh_cache import rendered_once
from webui.room.today.refusals import describe_reason
from webui.shared.access import requires
from webui.shared.school_clock import school_clock
from webui.shared.translation import translatable, translate

blueprint = create_feature_blueprint("log", __name__)

# What is stored of an answer, and what a teacher reads.
VERDICTS = {
    "refused": translatable("refused"),
    "allowed": translatable("open"),
    "rewritten": translatable("open, kept safe"),
    "failed": translatable("no answer"),
}
_MAX_TEXT = 253  # of a name; a code for a device is shorter
_MAX_ROW = 2**62


@blueprint.get("/log")
@requires(Right.SEE_ROOM)
@rendered_once
def show() -> str:
    """Show a page of today's log."""
    wanted = {name: _text(name) for name in ("site", "device", "verdict", "until")}
    if wanted["verdict"] not in VERDICTS:
        wanted["verdict"] = ""
    until = _end_of_minute(wanted["until"])
    if until is None:
        wanted["until"] = ""
    named = room().list_named_devices()
    page, trouble = _read(wanted, named, until)
    names = {**room().find_device_names(one.device for one in page.entries), **named}
    kept: dict[str, Any] = {name: text for name, text in wanted.items() if text}
    return render_template(
        "log/log.html",
        page=page,
        trouble=trouble,
        wanted=wanted,
        wanted_device=names.get(wanted["device"], wanted["device"]),
        device_names=names,
        known_names=sorted({*named.values()}, key=str.casefold),
        verdicts=VERDICTS,
        is_newest=_row_number() is None and until is None,
        newest=url_for("log.show", **{name: text for name, text in kept.items() if name != "until"}),
        older=url_for("log.show", **kept, before=page.older) if page.older is not None else "",
        reason=lambda one: translate(describe_reason(one)),
        link=lambda **changes: url_for("log.show", **kept | changes),
        moment_of=lambda second: datetime.fromtimestamp(second, UTC),
    )


def _read(wanted: dict[str, str], named: dict[str, str], until: datetime | None) -> tuple[LogPage, bool]:
    """Return the page, and whether the log could not be read. A device is wanted by its name or its code."""
    device = wanted["device"].casefold()
    called = tuple(token for token, name in named.items() if device in (name.casefold(), token))
    filter_ = QueryLogFilter(
        name=wanted["site"],
        device="" if called else wanted["device"],
        devices=called and tuple(token for token, name in named.items() if name == named[called[0]]),
        verdict=wanted["verdict"],
        until=until,
    )
    try:
        return room().read_log_page(filter_, _row_number()), False
    except LogUnreadable:
        return LogPage(entries=(), older=None, looked_back_to=None), True


def _end_of_minute(written: str) -> datetime | None:
    """Return the end of a minute of today on the school's clock; None where nothing is meant."""
    clock = school_clock()
    try:
        time = datetime.strptime(written, "%H:%M").time()  # noqa: DTZ007 (a time of day has no zone)
        return clock.moment(datetime.combine(clock.midnight().date(), time)) + timedelta(minutes=1)
    except ValueError:
        return None


def _text(name: str) -> str:
    text = request.args.get(name, "").strip()[:_MAX_TEXT]
    return text if text.isprintable() else ""


def _row_number() -> int | None:
    """Return which row the page begins before, or None for the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) < _MAX_ROW else None
