"""Which settings hold: those on the boot partition, else those that were good last, else none.

A mistake never opens anything: whoever has written nothing that can be used gets the strictest set, and whoever
had something good before keeps it.
"""

import enum
import ssl
from pathlib import Path
from typing import Any

import msgspec

from appliance.card import enrolment_file as bundles
from appliance.card import system_files
from appliance.card.enrolment_file import Bundle, BundleInvalid
from appliance.card.paths import Places
from appliance.card.settings import CardSettings
from appliance.settings.load import SettingsInvalid, convert, read_table
from appliance.settings.room import RoomSettings


class Source(enum.Enum):
    """Where settings came from."""

    BOOT = "boot"
    LAST = "last"
    NOTHING = "nothing"


_NAMES = {Source.BOOT: "hallpass.toml", Source.LAST: "the settings of before"}


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold, and what is wrong with those that do not."""

    source: Source
    settings: CardSettings
    written: dict[str, Any]
    bundle: Bundle | None
    bundle_is_new: bool = False  # it stands on the boot partition, where it must not stay
    certificate: bytes | None = None  # with its key: DNS is served encrypted too
    certificate_is_new: bool = False
    problems: tuple[str, ...] = ()

    @property
    def room(self) -> str:
        """What the room is called, or ""."""
        return system_files.room_name(self.settings, self.bundle)

    @property
    def host(self) -> str:
        """The machine's name."""
        return system_files.host_name(self.room)

    @property
    def waits_for(self) -> str:
        """What the card waits for before it can do its work, in words, or ""."""
        if self.bundle is not None or self.settings.policy is not None:
            return ""
        if not self.room:
            return "a name in hallpass.toml, and its enrolment: the file hallpass.bundle, which central makes"
        return "its enrolment: the file hallpass.bundle, which central makes"


def choose(places: Places) -> Chosen:
    """Return what holds now. Reads only, and never fails."""
    problems: list[str] = []
    new = _usable_bundle(places, problems)
    bundle = new or _read_bundle(places.enrolment, "the enrolment that was taken", problems)
    new_certificate = _read_certificate(places.certificate, "hallpass-dns.pem", problems)
    certificate = new_certificate or _read_certificate(
        places.kept_certificate, "the certificate that was taken", problems
    )
    source, written, settings = Source.NOTHING, dict[str, Any](), CardSettings()
    for candidate, path in ((Source.BOOT, places.settings), (Source.LAST, places.last_settings)):
        if candidate is Source.LAST and not path.exists():
            continue
        try:
            written = read_table(path)
            settings = check(written, path, bundle, places)
        except SettingsInvalid as invalid:
            written = {}
            problems += [f"{_NAMES[candidate]}: {problem}" for problem in invalid.problems]
        else:
            source = candidate
            break
    return Chosen(
        source=source,
        settings=settings,
        written=written,
        bundle=bundle,
        bundle_is_new=new is not None,
        certificate=certificate,
        certificate_is_new=new_certificate is not None,
        problems=tuple(problems),
    )


def check(written: dict[str, Any], path: Path, bundle: Bundle | None, places: Places) -> CardSettings:
    """Return a file's settings, if a room can be run with them. Raises SettingsInvalid with every mistake."""
    settings = convert(written, path, CardSettings)
    problems = []
    if bundle is not None:
        name = settings.room.name.strip()
        if name and name != bundle.room:
            problems.append(f"room.name: is {name!r}, but the card is enrolled as {bundle.room!r}")
        if settings.policy is not None:
            problems.append("policy: an enrolled room takes its policy from central; leave the section out")
    if problems:
        raise SettingsInvalid(path, problems)
    # Whatever else a room's own settings demand of each other.
    convert(system_files.room_table(written, settings, bundle, (), places), path, RoomSettings)
    return settings


def _usable_bundle(places: Places, problems: list[str]) -> Bundle | None:
    """Return the enrolment on the boot partition, if it is this room's."""
    bundle = _read_bundle(places.bundle, "hallpass.bundle", problems)
    if bundle is None:
        return None
    try:
        name = convert(read_table(places.settings), places.settings, CardSettings).room.name.strip()
    except SettingsInvalid:
        return bundle  # said where the settings are read
    if name and name != bundle.room:
        problems.append(
            f"hallpass.bundle: enrols {bundle.room!r}, but hallpass.toml says that this is {name!r}; "
            "is it another room's?"
        )
        return None
    return bundle


def _read_certificate(path: Path, called: str, problems: list[str]) -> bytes | None:
    try:
        content = path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password=b"none")
    except FileNotFoundError:
        return None
    except (ssl.SSLError, ValueError):  # before OSError, which it is too
        problems.append(f"{called}: is not a certificate, what signed it and its unlocked private key, all in PEM")
    except OSError as problem:
        problems.append(f"{called}: cannot be read: {problem.strerror}")
    else:
        return content
    return None


def _read_bundle(path: Path, called: str, problems: list[str]) -> Bundle | None:
    try:
        return bundles.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        problems.append(f"{called}: cannot be read: {problem.strerror}")
    except BundleInvalid as problem:
        problems.append(f"{called}: {problem}")
    return None
