"""The parts of the school's settings: each has a form of its own, which sets its fields and leaves the others.

A form's values are kept as they were sent, so that what cannot be set comes back as it was written.
"""

from collections.abc import Callable, Mapping

import msgspec
from werkzeug.datastructures import MultiDict

from appliance.central.errors import NotPossible
from appliance.central.school_settings_values import SchoolSettings, parse_settings, to_builtins
from appliance.room_rules import SMART_RULES
from dns.policy.setting_limits import THRESHOLD_WORDS
from webui.shared.translation import gettext, translatable, translate

TUNNELS: Mapping[str, str] = {
    "report": translatable("Tell the safeguarding lead"),
    "close": translatable("Tell the safeguarding lead, and close the site that it goes through"),
    "off": translatable("Do not look for it"),
}
FREE_ROWS = 3  # for new closed addresses, below those that there are

Values = MultiDict[str, str]  # of a form


class SettingsPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part."""

    name: str  # of its address, its endpoint and its template
    title: str
    fields: tuple[str, ...]  # of `SchoolSettings`
    fill: Callable[[SchoolSettings], Values]
    parse: Callable[[Values, SchoolSettings], SchoolSettings]  # raises NotPossible


def _fill_name(settings: SchoolSettings) -> Values:
    return MultiDict([("name", settings.school), ("timezone", settings.timezone)])


def _parse_name(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    name, timezone = sent.get("name", "").strip(), sent.get("timezone", "").strip()
    if not name:
        raise NotPossible(translatable("the school needs a name"))
    if not timezone:
        raise NotPossible(translatable("say which time zone the school's clock follows, such as Europe/London"))
    return _changed(settings, school=name, timezone=timezone)


def _fill_locked(settings: SchoolSettings) -> Values:
    return MultiDict([("locked", one) for one in settings.locked_categories])


def _parse_locked(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    return _changed(settings, locked_categories=sent.getlist("locked"))


def _fill_reported(settings: SchoolSettings) -> Values:
    limits = [(name, str(getattr(settings.incidents, name))) for name in THRESHOLD_WORDS]
    return MultiDict([("tunnels", settings.tunnels), *limits])


def _parse_reported(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    if sent.get("tunnels") not in TUNNELS:
        raise NotPossible(translatable("choose what is done about hidden traffic"))
    limits = {name: _number(sent.get(name, ""), words, least=1) for name, words in THRESHOLD_WORDS.items()}
    return _changed(settings, tunnels=sent["tunnels"], incidents=limits)


def _fill_button(settings: SchoolSettings) -> Values:
    return MultiDict([("pause_minutes", str(settings.button_pause_minutes))])


def _parse_button(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    minutes = _number(
        sent.get("pause_minutes", ""), translatable("how many minutes the button pauses for"), least=0
    )
    return _changed(settings, button_pause_minutes=minutes)


def _fill_network(settings: SchoolSettings) -> Values:
    rows = [(one.network, one.category, one.note) for one in settings.closed_addresses]
    found: Values = MultiDict([("names", "\n".join(settings.private_names))])
    for network, category, note in (*rows, *[("", "", "")] * FREE_ROWS):
        found.add("range", network)
        found.add("range_category", category)
        found.add("range_note", note)
    return found


def _parse_network(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    rows = zip(sent.getlist("range"), sent.getlist("range_category"), sent.getlist("range_note"), strict=False)
    ranges = [
        {"network": network.strip(), "category": category, "note": note.strip()}
        for network, category, note in rows
        if network.strip()
    ]
    return _changed(settings, private_names=sent.get("names", "").split(), closed_addresses=ranges)


def _fill_pupils(settings: SchoolSettings) -> Values:
    pages = settings.pupil_pages
    rules = pages.rules or SMART_RULES
    return MultiDict(
        [("help_line", pages.help_line), ("rules", "\n".join(rules)), ("shared", "\n".join(pages.shared))]
    )


def _parse_pupils(sent: Values, settings: SchoolSettings) -> SchoolSettings:
    rules = _lines(sent.get("rules", ""))
    pages = {
        "help_line": sent.get("help_line", "").strip(),
        "rules": [] if rules == [*SMART_RULES] else rules,
        "shared": _lines(sent.get("shared", "")),
    }
    return _changed(settings, pupil_pages=pages)


PARTS = (
    SettingsPart(
        name="name",
        title=translatable("Name and time zone"),
        fields=("school", "timezone"),
        fill=_fill_name,
        parse=_parse_name,
    ),
    SettingsPart(
        name="locked",
        title=translatable("What nobody can open"),
        fields=("locked_categories",),
        fill=_fill_locked,
        parse=_parse_locked,
    ),
    SettingsPart(
        name="reported",
        title=translatable("What becomes an incident"),
        fields=("tunnels", "incidents"),
        fill=_fill_reported,
        parse=_parse_reported,
    ),
    SettingsPart(
        name="button",
        title=translatable("The button in the room"),
        fields=("button_pause_minutes",),
        fill=_fill_button,
        parse=_parse_button,
    ),
    SettingsPart(
        name="network",
        title=translatable("The school's own network"),
        fields=("private_names", "closed_addresses"),
        fill=_fill_network,
        parse=_parse_network,
    ),
    SettingsPart(
        name="pupils",
        title=translatable("What pupils read"),
        fields=("pupil_pages",),
        fill=_fill_pupils,
        parse=_parse_pupils,
    ),
)


def _lines(written: str) -> list[str]:
    return [line.strip() for line in written.splitlines() if line.strip()]


def _changed(settings: SchoolSettings, **values: object) -> SchoolSettings:
    return parse_settings(to_builtins(settings) | values)


def _number(written: str, words: str, *, least: int) -> int:
    """Return a number as people write one. Raises NotPossible."""
    text = written.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
        raise NotPossible(
            gettext("%(what)s: a whole number, %(least)s or more", what=translate(words), least=least)
        )
    return int(text)
