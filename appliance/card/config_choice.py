"""Which settings hold: those on the boot partition, else those that were good last, else none.

A mistake never opens anything: whoever has written nothing that can be used gets the strictest set, and whoever
had something good before keeps it.
"""

import enum
import ssl
from pathlib import Path
from typing import Any

import msgspec

from appliance.card import enrolment_file, system_files
from appliance.card.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from appliance.card.paths import CardPaths
from appliance.card.settings import CardSettings
from appliance.settings.load import SettingsInvalid, convert_settings, read_toml
from appliance.settings.room import RoomSettings


class ConfigSource(enum.Enum):
    """Where settings came from."""

    BOOT = "boot"
    LAST = "last"
    NOTHING = "nothing"


_NAMES = {ConfigSource.BOOT: "hallpass.toml", ConfigSource.LAST: "the settings of before"}


class ChosenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold, and what is wrong with those that do not."""

    source: ConfigSource
    settings: CardSettings
    table: dict[str, Any]
    enrolment: EnrolmentFile | None
    is_enrolment_new: bool = False  # it stands on the boot partition, where it must not stay
    certificate: bytes | None = None  # with its key: DNS is served encrypted too
    is_certificate_new: bool = False
    problems: tuple[str, ...] = ()

    @property
    def room_name(self) -> str:
        """What the room is called, or ""."""
        return system_files.room_name(self.settings, self.enrolment)

    @property
    def host_name(self) -> str:
        """The machine's name."""
        return system_files.host_name(self.room_name)

    @property
    def waits_for(self) -> str:
        """What the card waits for before it can do its work, in words, or ""."""
        if self.enrolment is not None or self.settings.policy is not None:
            return ""
        if not self.room_name:
            return "a name in hallpass.toml, and its enrolment: the file hallpass.bundle, which central makes"
        return "its enrolment: the file hallpass.bundle, which central makes"


def choose_config(paths: CardPaths) -> ChosenConfig:
    """Return what holds now. Reads only, and never fails."""
    problems: list[str] = []
    new = _read_new_enrolment(paths, problems)
    enrolment = new or _read_enrolment(paths.kept_enrolment, "the enrolment that was taken", problems)
    new_certificate = _read_certificate(paths.boot_certificate, "hallpass-dns.pem", problems)
    certificate = new_certificate or _read_certificate(
        paths.kept_certificate, "the certificate that was taken", problems
    )
    source, table, settings = ConfigSource.NOTHING, dict[str, Any](), CardSettings()
    for candidate, path in ((ConfigSource.BOOT, paths.boot_settings), (ConfigSource.LAST, paths.last_settings)):
        if candidate is ConfigSource.LAST and not path.exists():
            continue
        try:
            table = read_toml(path)
            settings = check_card_table(table, path, enrolment, paths)
        except SettingsInvalid as invalid:
            table = {}
            problems += [f"{_NAMES[candidate]}: {problem}" for problem in invalid.problems]
        else:
            source = candidate
            break
    return ChosenConfig(
        source=source,
        settings=settings,
        table=table,
        enrolment=enrolment,
        is_enrolment_new=new is not None,
        certificate=certificate,
        is_certificate_new=new_certificate is not None,
        problems=tuple(problems),
    )


def check_card_table(
    table: dict[str, Any], path: Path, enrolment: EnrolmentFile | None, paths: CardPaths
) -> CardSettings:
    """Return a file's settings, if a room can be run with them. Raises SettingsInvalid with every mistake."""
    settings = convert_settings(table, path, CardSettings)
    problems = []
    if enrolment is not None:
        name = settings.room.name.strip()
        if name and name != enrolment.room:
            problems.append(f"room.name: is {name!r}, but the card is enrolled as {enrolment.room!r}")
        if settings.policy is not None:
            problems.append("policy: an enrolled room takes its policy from central; leave the section out")
        if enrolment.central_host in settings.network.own_addresses:
            problems.append(f"network: {enrolment.central_host} is central's address, by the enrolment")
    if problems:
        raise SettingsInvalid(path, problems)
    # Whatever else a room's own settings demand of each other.
    convert_settings(system_files.room_table(table, settings, enrolment, (), paths), path, RoomSettings)
    return settings


def _read_new_enrolment(paths: CardPaths, problems: list[str]) -> EnrolmentFile | None:
    """Return the enrolment on the boot partition, if it is this room's."""
    path = paths.find_boot_enrolment()
    enrolment = _read_enrolment(path, path.name, problems)
    if enrolment is None:
        return None
    try:
        name = convert_settings(
            read_toml(paths.boot_settings), paths.boot_settings, CardSettings
        ).room.name.strip()
    except SettingsInvalid:
        return enrolment  # said where the settings are read
    if name and name != enrolment.room:
        problems.append(
            f"{path.name}: enrols {enrolment.room!r}, but hallpass.toml says that this is {name!r}; "
            "is it another room's?"
        )
        return None
    return enrolment


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


def _read_enrolment(path: Path, called: str, problems: list[str]) -> EnrolmentFile | None:
    try:
        return enrolment_file.decode_enrolment(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        problems.append(f"{called}: cannot be read: {problem.strerror}")
    except EnrolmentFileInvalid as problem:
        problems.append(f"{called}: {problem}")
    return None
