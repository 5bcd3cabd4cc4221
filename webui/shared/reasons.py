"""What the layers below the pages say to people, in the language of the page.

The appliance, the lists and DNS know no languages: they say in English why something cannot be, and often with a
name in it. Here stand their sentences as a room's pages show them, each as the catalogues have it; a sentence is
recognised by them and said anew. One that stands here and is said nowhere is found by a test. What is said and
does not stand here is shown in English; what central's services say stands in `webui.central.reasons`.
"""

import re
from functools import cache

import msgspec
from flask import current_app

from blocklists.categories import category_name
from webui.shared.languages import ENGLISH, current_language
from webui.shared.translation import gettext, ngettext
from webui.shared.translation import translatable as t

SENTENCES = "sentences"  # under which an application keeps those of its own site (`Flask.extensions`)
FIXED = (
    # Which names are sites (`dns.policy.site_names`), and what can be opened (`dns.policy.steps`).
    t("no site was named: give the whole name of the site, such as www.example.org"),
    t("is locked: nobody can open it"),
    t("is closed by the trust: nobody at the school can open it"),
    t("would lead devices past the filter: nobody can open it"),
    t("stays closed while the device is suspended"),
    t("stays closed while the room is paused"),
    t("was closed by the school itself: the coordinator decides"),
    t("is not part of the lesson: add it to the lesson, or end the lesson"),
    t("has no safe search: the coordinator decides"),
    t("is kept closed by the upstream: nobody here can open it"),
    t("you may open sites by yourself once a day, and have today"),
    # A room's agent and its tables.
    t("this room's box does not answer at the moment; please try again shortly"),
    t("This room's disk cannot be written. Please look whether it took effect"),
    t("This room takes no decisions of its own"),
    t("This room does not know that request"),
    t("This room has no central service yet, so there is nobody to ask"),
    t("That device is not known in this room"),
    t("That plan is a colleague's: make your own of it"),
    t("This room has as many shared plans as it can keep: keep this one for yourself"),
    t("That answer does not fit what was asked"),
    t("That was answered already, perhaps by a colleague"),
    t("It could not be closed: this room's disk cannot be written. The room tries again"),
    t("It is closed in this room; central is told once this room's disk can be written"),
    # Signing in.
    t("User name or password is not right"),
    t("Central cannot be reached, and this account has not signed in here before"),
    t(
        "Central does not know this room any more, so nobody's password can be checked. "
        "Please tell the technician: the room's start page and the doctor say what to do"
    ),
    t(
        "Central cannot be reached at the moment, and without it nobody can sign in on this page. Please try "
        "again in a few minutes; if it stays so, tell the technician. The room goes on as it is"
    ),
    t("This took too long, or was done before. Please begin again"),
    t("this link does not work any more: it was used, is too old, or a newer one was made"),
    t("The code is not right, or was used already: take the one that your app shows now"),
    t("This room does not know at the moment who is signed in. Please try again shortly"),
    t("It is not known at the moment who is signed in. Please try again shortly"),
    # The school's clock.
    t("the clocks go forward at that time: there is no such hour on that day"),
)
# Notices of a room (`appliance.room.conditions`); details in English may follow.
NOTICES = (
    t(
        "No name server outside answers, so only sites that this room remembers can be opened. Is the "
        "internet there? If this stays, tell the technician:"
    ),
    t(
        "This room's copy of the school's policy was damaged. It goes on with the last good one, or with "
        "the strictest, and fetches it again by itself. If this stays, tell the technician."
    ),
    t(
        "This room's lists were damaged. It goes on with earlier ones, or with the list that Hallpass "
        "brings, and fetches them again by itself. If this stays, tell the technician."
    ),
    t(
        "What was decided in this room (lessons, pauses, suspended devices) was damaged. It goes on with a "
        "copy. Look whether all of it is as it should be; if this stays, tell the technician."
    ),
    t(
        "Something on this room's card could not be used. The technician finds it explained in the file "
        "hallpass-problem.txt on the card."
    ),
    t(
        "This room waits for its enrolment: the file hallpass.bundle on its card. Until then everything is "
        "closed that Hallpass knows, and nobody can sign in."
    ),
    t(
        "This room is no longer enrolled at central. It goes on filtering as it did, but hears of no "
        "decision, and requests wait. Tell the technician: a retired room is put back at central; any other "
        "has to be enrolled again there, and its card needs the new hallpass.bundle. Where the room has "
        "another card by now, this one is put away."
    ),
    t(
        "Something between this room and central opens encrypted connections: a proxy, a firewall or an "
        "antivirus product. The room goes on filtering. Tell the technician: what this room says to central "
        "has to be passed on unread."
    ),
    t(
        "Another card works as this room, and this one was stopped. It goes on filtering as it did, but "
        "hears of no decision, and requests wait. Tell the technician: at central, on the page of this "
        "room, somebody decides which of the two is right."
    ),
    t(
        "This room's clock and central's differ by more than a minute. Openings last as long as they were "
        "granted, by this room's clock. Tell the technician."
    ),
    t(
        "The certificate of this room's pages cannot be used, so nobody can sign in here. What is open "
        "stays open, and what is closed stays closed. Tell the technician:"
    ),
    t("A name server outside does not work; others answer in its place. Tell the technician:"),
    t(
        "Something that this room had kept was damaged within the last day: it was set aside, and a new one "
        "begun. What was asked for before that may have to be asked for again."
    ),
    t(
        "The certificate with which this room answers DNS over TLS and HTTPS is not as it should be. The "
        "filter and all other DNS go on. Tell the technician:"
    ),
    t(
        "This room does not take the school's new lists into use. It goes on with those that it has. "
        "Tell the technician:"
    ),
)
# With something in them: `%(name)s` stands for whatever stands there.
PATTERNS = (
    t("“%(written)s” is not the name of a site: give the whole name of the site, such as www.example.org"),
    t("“%(written)s” is not the address of a site: give the whole name of the site, such as www.example.org"),
    t(
        "%(name)s stands for the addresses of machines, not for a site: give the whole name of the site, such "
        "as www.example.org"
    ),
    t(
        "%(name)s is not one site: to open it would open every site that ends in .%(ending)s; give the whole "
        "name of the site, such as www.example.org"
    ),
    t(
        "%(name)s is not one site: to close it would close every site that ends in .%(ending)s; give the whole "
        "name of the site, such as www.example.org"
    ),
    t(
        "under %(name)s anybody can put up pages, and to open it would open them all: give the whole name of the "
        "one that is meant, such as name.%(ending)s"
    ),
    t("%(name)s is not a whole name: give the whole name of the site, such as www.example.org"),
    t(
        "%(written)s is the address of a machine, not the name of a site: give the whole name of the site, such "
        "as www.example.org"
    ),
    t("%(name)s is open already"),
    t("you may open it by yourself for at most %(minutes)s minutes"),
    t("you may open sites by yourself %(count)s times a day, and have today"),
    t("%(name)s is closed as %(category)s: the coordinator decides"),
    t("A lesson has from one to %(count)s sites"),
    t("This lasts from one minute to %(hours)s hours"),
    t("You have %(count)s plans: please delete one first"),
    t("There were too many wrong tries from this device. Please wait %(seconds)s seconds"),
    t(
        "There were too many wrong tries on devices where this user name has not signed in before. Please wait "
        "%(seconds)s seconds, or use a device where you have signed in"
    ),
    t("Central does not take this at the moment (%(reason)s)"),
)
CATEGORY_NAMES = (
    t("Discrimination"), t("Hate speech"), t("Drugs and substance abuse"), t("Extremism"), t("Gambling"),
    t("Malware and hacking"), t("Mis- and disinformation"), t("Piracy"), t("Pornography"),
    t("Self-harm and eating disorders"), t("Violence"), t("Social networks"), t("Chat"), t("Forums"), t("Webmail"),
    t("Games"), t("Shopping"), t("Streaming"), t("File hosting"), t("Shorteners"), t("AI tools"),
    t("Circumvention"), t("Remote control"), t("Dating"), t("Advertising"), t("Dynamic DNS"),
)  # fmt: skip
SMART_RULES = (
    t("Safe: I keep my name, my address, my school and my passwords to myself."),
    t("Meet: I never meet somebody whom I only know from the internet, unless a parent or carer comes with me."),
    t("Accept: I do not open messages, pictures or files from people I do not know."),
    t("Reliable: Not everything here is true, and not everybody is who they say. I check, or I ask."),
    t("Tell: If something or somebody worries me, I tell a grown-up whom I trust."),
)
_PLACE = re.compile(r"%\((\w+)\)s")
_SENTENCES_WITHIN = frozenset({"what", "why", "age", "rooms"})  # places in which stands what is itself looked for
_MAX_LETTERS = 2000  # of a sentence that is looked at; ours are far shorter


class Sentences(msgspec.Struct, frozen=True, kw_only=True):
    """What the lower layers say to one site's pages alone, beside what stands above."""

    fixed: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    plurals: tuple[tuple[str, str], ...] = ()  # of one and of several; the number is `num`


_NO_MORE = Sentences()


def translate_reason(words: object) -> str:
    """Return what a lower layer said, in the language of the page; in English where it is none of the above."""
    text = str(words)
    if current_language() is ENGLISH or len(text) > _MAX_LETTERS:
        return text
    if (translated := gettext(text) if text else text) != text:
        return translated
    end = "." if text.endswith(".") else ""
    said = text.removesuffix(end)
    own: Sentences = current_app.extensions.get(SENTENCES, _NO_MORE)
    if said in FIXED or said in own.fixed:
        return gettext(said) + end
    if (found := _fill_patterns((*PATTERNS, *own.patterns), said) or _fill_plurals(own.plurals, said)) is not None:
        return found + end
    for notice in NOTICES:
        if text.startswith(f"{notice} "):
            return gettext(notice) + text.removeprefix(notice)
    name, _, rest = said.partition(" ")  # "example.org is locked: nobody can open it"
    return f"{name} {gettext(rest)}{end}" if rest in FIXED else text


def _fill_patterns(patterns: tuple[str, ...], said: str) -> str | None:
    for pattern in patterns:
        if (values := recognise(pattern, said)) is not None:
            if "category" in values:
                values["category"] = gettext(category_name(values["category"].replace(" ", "_")))
            for place in _SENTENCES_WITHIN & values.keys():
                values[place] = translate_reason(values[place])
            return gettext(pattern) % values
    return None


def _fill_plurals(plurals: tuple[tuple[str, str], ...], said: str) -> str | None:
    for one, several in plurals:
        values = recognise(one, said) or recognise(several, said)
        if values is not None and (number := values["num"].replace(",", "")).isdecimal():
            return ngettext(one, several, int(number))
    return None


def recognise(pattern: str, said: str) -> dict[str, str] | None:
    """Return what stands in the places of a pattern where this is what it says, else None."""
    found = _as_expression(pattern).fullmatch(said)
    return found.groupdict() if found else None


@cache
def _as_expression(pattern: str) -> re.Pattern[str]:
    pieces = _PLACE.split(pattern)  # words and names by turns
    return re.compile(
        "".join(f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)), re.DOTALL
    )
