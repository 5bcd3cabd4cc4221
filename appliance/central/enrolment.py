"""Makes a room's enrolment bundle: what `hallpass image personalise` writes onto its card.

Rooms that check central's certificate against an authority of the school's own must be given it. A certificate
that vouches for itself is its own authority; one from an authority that every machine knows needs none.
"""

from collections.abc import Collection
from pathlib import Path

from appliance.card import enrolment_file
from appliance.card.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from appliance.central.errors import NotPossible
from appliance.central.room_keys import find_authority
from appliance.central.store import Store
from appliance.settings.central import CentralSettings, TlsSection

PLACEHOLDER_TOKEN = "0" * 43  # as long as a token, and nobody's


def read_authority(store: Store) -> str:
    """Return the authority that rooms' certificates are signed by (PEM); "": there is none yet."""
    with store.read_session() as session:
        current = find_authority(session)
    return "" if current is None else current.certificate


def make_enrolment_file(settings: CentralSettings, *, room: str, token: str, authority: str = "") -> bytes:
    """Return the bundle of a room. Raises NotPossible with what is missing in the settings."""
    url = settings.central.rooms_url or settings.central.url
    if not url:
        raise NotPossible(
            "where do rooms reach this central? Set url in [central], such as https://central.example.org"
        )
    made = enrolment_file.encode_enrolment(
        EnrolmentFile(
            room=room.strip(),
            url=url,
            token=token,
            certificate=read_authority_pem(settings.tls),
            authority=authority,
        )
    )
    try:
        enrolment_file.decode_enrolment(made)  # as the card will
    except EnrolmentFileInvalid as problem:
        raise NotPossible(f"no card could use this bundle: it {problem}") from None
    return made


def describe_missing_setting(settings: CentralSettings) -> str:
    """Return why no file can be made for any room, or ""."""
    try:
        make_enrolment_file(settings, room="Room", token=PLACEHOLDER_TOKEN)
    except NotPossible as problem:
        return str(problem)
    return ""


def enrolment_file_name(room: str, taken: Collection[str] = ()) -> str:
    """Return what the file of a room's bundle is called, where others are called so already."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in room.strip().lower()).strip("-") or "room"
    names = (f"{plain}{number}.bundle" for number in ("", *(f"-{count}" for count in range(2, len(taken) + 3))))
    return next(name for name in names if name not in taken)


def read_authority_pem(tls: TlsSection | None) -> str:
    """Return what has to be trusted so that a service with this certificate is believed; "": nothing besides."""
    if tls is None:
        return ""
    if tls.authority is not None:
        return _read_pem(tls.authority)
    from cryptography import x509  # noqa: PLC0415 (nine megabytes, for a click in a year)

    try:
        last = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[-1]
    except (OSError, ValueError) as problem:
        raise NotPossible(f"{tls.certificate}: cannot be read as a certificate: {problem}") from None
    return _read_pem(tls.certificate) if last.issuer == last.subject else ""


def _read_pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise NotPossible(f"{path}: cannot be read as a certificate: {problem}") from None
