"""What a person should know of a room: one table, the most urgent first.

Everything that names conditions is derived from it: the lamp, the pages, the doctor, the card's status file,
central's page of the rooms, and the table in `docs/lamp.md` (a test compares it). A new condition is a row here,
and whoever raises it.

Lights and darkness are in seconds (`hardware.patterns`).
"""

import enum
from typing import Self

import msgspec

from hardware.patterns import Flash, Pattern

SHORT, LONG = Flash(0.3, 0.3), Flash(1.5, 0.3)
LAST_SHORT, LAST_LONG = Flash(0.3, 2.0), Flash(1.5, 2.0)  # of a round


class ConditionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a condition."""

    words: str  # for people, in one line: the doctor, central's page, the card's status file
    rhythm: str  # of the lamp, in words
    pattern: Pattern  # the same
    raised_by: str  # the process that says so
    notice: str = ""  # shown to everybody on the room's pages; "": there it is said otherwise, or not at all
    notice_details: str = ""  # the process's details under keys that begin so are added to the notice
    in_status_file: bool = (
        True  # whether `words` stands in the card's status file; others are said there otherwise
    )
    doctor_check: str  # under which the doctor repeats it, unless it found something wrong there by looking
    remedy: str  # what the doctor advises then


class Condition(enum.Enum):
    """Something a person should know of. Its value is stored in files and sent to central."""

    row: ConditionRow

    def __new__(cls, value: str, row: ConditionRow) -> Self:
        """Make a member whose value is the first of the two: `Condition("disk-trouble")` finds it."""
        member = object.__new__(cls)
        member._value_ = value
        member.row = row
        return member

    DISK_TROUBLE = (
        "disk-trouble",
        ConditionRow(
            words="the log cannot be written",
            rhythm="three short flashes, pause",
            pattern=(SHORT, SHORT, LAST_SHORT),
            raised_by="recorder",
            doctor_check="log",
            remedy="is the data partition full, or can it not be written? journalctl -u hallpass-recorder",
        ),
    )
    UPSTREAM_DOWN = (
        "upstream-down",
        ConditionRow(
            words="no name server outside answers; is the internet there?",
            rhythm="two short flashes, pause",
            pattern=(SHORT, LAST_SHORT),
            raised_by="resolver",
            notice=(
                "No name server outside answers, so only sites that this room remembers can be opened. "
                "Is the internet there? If this stays, tell the technician:"
            ),
            notice_details="upstream ",
            doctor_check="upstream",
            remedy="is the internet there, and may this Pi ask those servers? See [dns] upstreams",
        ),
    )
    POLICY_DAMAGED = (
        "policy-damaged",
        ConditionRow(
            words="the school's policy was damaged; the last good one is used",
            rhythm="one long, two short flashes, pause",
            pattern=(LONG, SHORT, LAST_SHORT),
            raised_by="resolver",
            notice=(
                "This room's copy of the school's policy was damaged. It goes on with the last good one, or with "
                "the strictest, and fetches it again by itself. If this stays, tell the technician."
            ),
            doctor_check="damaged policy",
            remedy="central sends it again by itself; else put it there anew",
        ),
    )
    LISTS_DAMAGED = (
        "lists-damaged",
        ConditionRow(
            words="the lists were damaged; earlier ones, or those that Hallpass brings, are used",
            rhythm="one short, one long flash, pause",
            pattern=(SHORT, LAST_LONG),
            raised_by="resolver",
            notice=(
                "This room's lists were damaged. It goes on with earlier ones, or with the list that Hallpass "
                "brings, and fetches them again by itself. If this stays, tell the technician."
            ),
            doctor_check="damaged lists",
            remedy="central sends them again by itself; else put them there anew",
        ),
    )
    DECISIONS_DAMAGED = (
        "decisions-damaged",
        ConditionRow(
            words="what this room itself had decided was damaged; its copy is used",
            rhythm="one long, one short, one long flash, pause",
            pattern=(LONG, SHORT, LAST_LONG),
            raised_by="resolver",
            notice=(
                "What was decided in this room (lessons, pauses, suspended devices) was damaged. It goes on with "
                "a copy. Look whether all of it is as it should be; if this stays, tell the technician."
            ),
            doctor_check="decisions",
            remedy="look at the room's page Lesson whether all of it is as it should be; it mends itself",
        ),
    )
    SETTINGS_WRONG = (
        "settings-wrong",
        ConditionRow(
            words="something on this card could not be used: see hallpass-problem.txt",
            rhythm="four short flashes, pause",
            pattern=(SHORT, SHORT, SHORT, LAST_SHORT),
            raised_by="card",
            notice=(
                "Something on this room's card could not be used. The technician finds it explained in the file "
                "hallpass-problem.txt on the card."
            ),
            doctor_check="card",
            remedy="correct it on the card's boot partition, and start the Pi again",
        ),
    )
    NOT_ENROLLED = (
        "not-enrolled",
        ConditionRow(
            words="the card waits for its enrolment; everything is closed",
            rhythm="two long flashes, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 2.5)),
            raised_by="card",
            notice=(
                "This room waits for its enrolment: the file hallpass.bundle on its card. "
                "Until then everything is closed that Hallpass knows, and nobody can sign in."
            ),
            in_status_file=False,
            doctor_check="card",
            remedy="hallpass image personalise, or copy the file onto the card",
        ),
    )
    NO_LONGER_ENROLLED = (
        "no-longer-enrolled",
        ConditionRow(
            words="this room is no longer enrolled at central: put it back there, or enrol it again",
            rhythm="two long, one short flash, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), Flash(0.3, 2.5)),
            raised_by="agent",
            notice=(
                "This room is no longer enrolled at central. It goes on filtering as it did, but hears of no "
                "decision, and requests wait. Tell the technician: a retired room is put back at central; any "
                "other has to be enrolled again there, and its card needs the new hallpass.bundle. Where the room "
                "has another card by now, this one is put away."
            ),
            notice_details="no-longer-enrolled",
            doctor_check="enrolment",
            remedy=(
                "if the room has another card by now, put this one away; else at central, page Rooms: put it "
                "back, or make it a new card"
            ),
        ),
    )
    CONNECTION_OPENED = (
        "connection-opened",
        ConditionRow(
            words="something on the way opens what this room and central say to each other",
            rhythm="two long, three short flashes, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), SHORT, SHORT, Flash(0.3, 2.5)),
            raised_by="agent",
            notice=(
                "Something between this room and central opens encrypted connections: a proxy, a firewall or an "
                "antivirus product. The room goes on filtering. Tell the technician: what this room says to "
                "central has to be passed on unread."
            ),
            doctor_check="central",
            remedy="have central's address left out of what is opened on the way (TLS inspection)",
        ),
    )
    COPY_STOPPED = (
        "copy-stopped",
        ConditionRow(
            words="another card works as this room, and this one is stopped until somebody decides at central",
            rhythm="two long, two short flashes, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), SHORT, Flash(0.3, 2.5)),
            raised_by="agent",
            notice=(
                "Another card works as this room, and this one was stopped. It goes on filtering as it did, but "
                "hears of no decision, and requests wait. Tell the technician: at central, on the page of this "
                "room, somebody decides which of the two is right."
            ),
            doctor_check="copy",
            remedy="at central, page Rooms, this room: decide which of the two cards is right",
        ),
    )
    CENTRAL_UNREACHABLE = (
        "central-unreachable",
        ConditionRow(
            words="central cannot be reached",
            rhythm="slow and even, 1.5 s",
            pattern=(Flash(1.5, 1.5),),
            raised_by="agent",
            doctor_check="central",
            remedy="journalctl -u hallpass-agent says why",
        ),
    )
    CLOCK_DIFFERS = (
        "clock-differs",
        ConditionRow(
            words="this room's clock and central's differ by more than a minute",
            rhythm="one short, one long, one short flash, pause",
            pattern=(SHORT, LONG, LAST_SHORT),
            raised_by="agent",
            notice=(
                "This room's clock and central's differ by more than a minute. Openings last as long as they were "
                "granted, by this room's clock. Tell the technician."
            ),
            doctor_check="clock",
            remedy="which of them is wrong? A time server puts it right ([time] servers in hallpass.toml)",
        ),
    )
    CERTIFICATE_ENDS = (
        "certificate-ends",
        ConditionRow(
            words="a certificate has ended, ends within three weeks, or is not valid yet",
            rhythm="three long flashes, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), Flash(1.5, 2.5)),
            raised_by="agent",
            doctor_check="certificate",
            remedy="renew it; run as root, hallpass doctor says which",
        ),
    )
    PAGES_CERTIFICATE = (
        "pages-certificate",
        ConditionRow(
            words="the certificate of the room's pages cannot be used, so nobody can sign in there",
            rhythm="three long, one short flash, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), Flash(1.5, 0.5), Flash(0.3, 2.5)),
            raised_by="agent",
            notice=(
                "The certificate of this room's pages cannot be used, so nobody can sign in here. What is open "
                "stays open, and what is closed stays closed. Tell the technician:"
            ),
            notice_details="pages-certificate",
            doctor_check="the pages' certificate",
            remedy="put the certificate, its chain and its own key there anew (docs/https.md)",
        ),
    )
    ENCRYPTED_DNS = (
        "encrypted-dns",
        ConditionRow(
            words="the certificate of DNS over TLS and HTTPS is not as it should be; plain DNS goes on",
            rhythm="three long, two short flashes, pause",
            pattern=(Flash(1.5, 0.5), Flash(1.5, 0.5), Flash(1.5, 0.5), SHORT, Flash(0.3, 2.5)),
            raised_by="resolver",
            notice=(
                "The certificate with which this room answers DNS over TLS and HTTPS is not as it should be. The "
                "filter and all other DNS go on. Tell the technician:"
            ),
            notice_details="encrypted-dns",
            doctor_check="encrypted DNS",
            remedy="put the certificate, its chain and its own key there anew (docs/dns.md)",
        ),
    )
    UPSTREAM_FAILING = (
        "upstream-failing",
        ConditionRow(
            words="a name server outside does not work; others answer in its place",
            rhythm="one short, two long flashes, pause",
            pattern=(SHORT, LONG, LAST_LONG),
            raised_by="resolver",
            notice="A name server outside does not work; others answer in its place. Tell the technician:",
            notice_details="upstream ",
            doctor_check="upstream",
            remedy="journalctl -u hallpass-resolver says which, and how; see [dns] upstreams",
        ),
    )
    STORE_SET_ASIDE = (
        "store-set-aside",
        ConditionRow(
            words="something that the room had kept was damaged: it was set aside, and a new one begun",
            rhythm="two short, one long flash, pause",
            pattern=(SHORT, SHORT, LAST_LONG),
            raised_by="agent",
            notice=(
                "Something that this room had kept was damaged within the last day: it was set aside, and a new "
                "one begun. What was asked for before that may have to be asked for again."
            ),
            doctor_check="stores",
            remedy="nothing, once; if it comes again, the card wears out: flash a new one (docs/reliability.md)",
        ),
    )
    LISTS_NOT_TRUSTED = (
        "lists-not-trusted",
        ConditionRow(
            words="central's new lists are not signed as they must be; those of before stay in use",
            rhythm="three short, one long flash, pause",
            pattern=(SHORT, SHORT, SHORT, LAST_LONG),
            raised_by="agent",
            notice=(
                "This room does not take the school's new lists into use. It goes on with those that it has. "
                "Tell the technician:"
            ),
            notice_details="lists-not-trusted",
            doctor_check="signed lists",
            remedy="at central: hallpass central signatures show; after begin-anew there, see docs/technician.md",
        ),
    )
    LISTS_STALE = (
        "lists-stale",
        ConditionRow(
            words="the lists are old",
            rhythm="one short flash every five seconds",
            pattern=(Flash(0.3, 5.0),),
            raised_by="agent",
            doctor_check="lists",
            remedy="look at central's page Lists",
        ),
    )
    PASSWORDS_CLEAR = (
        "passwords-clear",
        ConditionRow(
            words="passwords cross this room's network in the clear: see docs/https.md",
            rhythm="one short flash every ten seconds",
            pattern=(Flash(0.3, 10.0),),
            raised_by="agent",
            doctor_check="pages",
            remedy="docs/https.md says how to end it",
        ),
    )
    STARTING = (
        "starting",
        ConditionRow(
            words="it is starting",
            rhythm="even, half a second",
            pattern=(Flash(0.5, 0.5),),
            raised_by="resolver",
            doctor_check="starting",
            remedy="wait; if it stays: journalctl -u hallpass-resolver",
        ),
    )
    STOPPED = (
        "stopped",
        ConditionRow(
            words="a part of the room has stopped",
            rhythm="one long, one short, pause",
            pattern=(LONG, LAST_SHORT),
            raised_by="whoever reads",
            in_status_file=False,
            doctor_check="services",
            remedy="systemctl --failed, and journalctl -u hallpass-resolver, -agent or -recorder",
        ),
    )


def describe_condition(value: str) -> tuple[str, str]:
    """Return a condition's name for people and its words; a room may be newer than who reads, and know more."""
    words = next((condition.row.words for condition in Condition if condition.value == value), "")
    return value.replace("-", " "), words
