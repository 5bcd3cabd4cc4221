"""A second factor for signing in: codes of six digits that an app on somebody's phone shows (TOTP, RFC 6238).

The secret is made here, sealed by the key file, and counts as soon as a first code has confirmed it. A code is
taken once: whoever reads one over a shoulder has nothing (section 5.2). One step of 30 seconds before and after is
accepted, for clocks that differ. Ten recovery codes of 80 random bits stand in for a phone that
is lost, each once; the table keeps their SHA-256, and the codes themselves, sealed, only until they are noted.

With a factor that was set up, turned off or taken off, everything that the account was signed in for is over, in
rooms as well. How often somebody may guess stands in `appliance.central.sign_in`.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy.orm import Session

from appliance.central import accounts, audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import SecondFactorRow, SettingChangeRow, UserRow
from appliance.central.setting_history import record_change

KIND = "second step"  # of `appliance.central.undo`
STEP_SECONDS = 30
DIGITS = 6
CLOCK_STEPS = 1  # before and after
RECOVERY_CODES = 10
SET_UP_TIME = timedelta(hours=1)  # a secret that nobody confirmed meanwhile is made anew
NOTING_TIME = timedelta(hours=1)  # within which recovery codes are shown, unless they are noted before
WRONG_CODE = "the code is not right, or was used already: take the one that your app shows now"

CodeKind = Literal["app", "recovery"]


class SetUp(msgspec.Struct, frozen=True):
    """What an app needs, once."""

    secret: str  # base 32
    uri: str  # otpauth://, as a QR code holds it


def begin(session: Session, keys: KeyFile, now: datetime, *, username: str) -> None:
    """Make a secret that waits for its first code. Raises NotPossible or KeyFileUnusable."""
    import pyotp  # noqa: PLC0415 (seldom needed)

    user = _get_user(session, username)
    row = session.get(SecondFactorRow, user.username)
    if user.has_second_factor:
        raise NotPossible("you have a second step already")
    if row is not None and row.made_at > now - SET_UP_TIME:
        return
    require_key_of_database(session, keys)
    sealed = keys.seal(_purpose(user.username), pyotp.random_base32())
    session.merge(
        SecondFactorRow(
            username=user.username, secret=sealed, made_at=now, confirmed_at=None, last_step=0,
            recovery_hashes=[], unnoted_codes="",
        )
    )  # fmt: skip


def find_set_up(session: Session, keys: KeyFile, now: datetime, *, username: str, school: str) -> SetUp | None:
    """Return what waits for its first code, or None. Raises KeyFileUnusable."""
    import pyotp  # noqa: PLC0415 (as above)

    row = session.get(SecondFactorRow, username)
    if row is None or row.confirmed_at is not None or row.made_at <= now - SET_UP_TIME:
        return None
    secret = keys.unseal(_purpose(username), row.secret)
    uri = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=f"Hallpass, {school}")
    return SetUp(secret=secret, uri=uri)


def confirm(session: Session, keys: KeyFile, now: datetime, *, username: str, code: str) -> None:
    """Let a second factor count from now on, by its first code. Raises NotPossible or KeyFileUnusable."""
    user, row = _get_user(session, username), session.get(SecondFactorRow, username)
    if row is None or row.confirmed_at is not None or row.made_at <= now - SET_UP_TIME:
        raise NotPossible("there is nothing to confirm: begin once more")
    if not _take_app_code(row, keys, now, _compact(code)):
        raise NotPossible(WRONG_CODE)
    row.confirmed_at = now
    user.has_second_factor = True
    _make_recovery_codes(row, keys, now)
    accounts.end_what_was_before(user, now)
    audit.record_audit(session, now, username, "second step set up", username)


def take_code(session: Session, keys: KeyFile, now: datetime, *, username: str, code: str) -> CodeKind | None:
    """Use up a code of an app, or a recovery code; None: it is not right. Raises KeyFileUnusable.

    Whoever calls holds the lock of all writers, so that of two who bring one code the second is refused.
    """
    row = session.get(SecondFactorRow, username)
    if row is None or row.confirmed_at is None:
        return None
    typed = _compact(code)
    if len(typed) == DIGITS and typed.isascii() and typed.isdigit():
        return "app" if _take_app_code(row, keys, now, typed) else None
    return "recovery" if _take_recovery_code(session, row, now, typed) else None


def renew_recovery_codes(session: Session, keys: KeyFile, now: datetime, *, username: str) -> None:
    """Make ten other recovery codes for who has proved who they are; those of before are over.

    Raises NotPossible or KeyFileUnusable.
    """
    row = session.get(SecondFactorRow, username)
    if row is None or row.confirmed_at is None:
        raise NotPossible("you have no second step")
    _make_recovery_codes(row, keys, now)
    audit.record_audit(session, now, username, "recovery codes made anew", username)


def list_unnoted_codes(session: Session, keys: KeyFile, now: datetime, *, username: str) -> list[str]:
    """Return recovery codes that are to be shown still. Raises KeyFileUnusable."""
    row = session.get(SecondFactorRow, username)
    if row is None or not row.unnoted_codes:
        return []
    shown = msgspec.json.decode(keys.unseal(_purpose(username), row.unnoted_codes), type=_ShownCodes)
    return list(shown.codes) if shown.until > now else []


def forget_unnoted_codes(session: Session, *, username: str) -> None:
    """Show recovery codes no more."""
    row = session.get(SecondFactorRow, username)
    if row is not None:
        row.unnoted_codes = ""


def count_recovery_codes(session: Session, *, username: str) -> int:
    """Return how many recovery codes can still be used."""
    row = session.get(SecondFactorRow, username)
    return len(row.recovery_hashes) if row is not None else 0


def turn_off(session: Session, now: datetime, *, username: str) -> None:
    """Let its owner, who has proved who they are, do without."""
    _remove(session, now, username)
    audit.record_audit(session, now, username, "second step turned off", username)


def take_off(session: Session, now: datetime, *, username: str, by: str) -> str:
    """Take somebody's second factor off: their phone is lost. Raises NotFound or NotPossible.

    Returns the change's id: it may have been somebody else's phone.
    """
    user = accounts.find_user(session, username)
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    if not user.has_second_factor:
        raise NotPossible(f"{user.username} has no second step")
    before = read_value(session, {"username": user.username})
    _remove(session, now, user.username)
    audit.record_audit(session, now, by, "second step taken off", user.username)
    return record_change(session, now, kind=KIND, before=before, after={}, by=by)


def owner_of_change(session: Session, change: str) -> str:
    """Return whose second factor a change took off. Raises NotFound."""
    row = session.get(SettingChangeRow, change)
    if row is None or row.kind != KIND or not row.before:
        raise NotFound("this can no longer be undone")
    return str(row.before["username"])


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return somebody's second factor as it is kept for an undo, its secret sealed; empty where there is none."""
    row = session.get(SecondFactorRow, value["username"])
    if row is None or row.confirmed_at is None:
        return {}
    return {
        "username": row.username, "secret": row.secret, "made_at": row.made_at.isoformat(),
        "confirmed_at": row.confirmed_at.isoformat(), "last_step": row.last_step,
        "recovery_hashes": list(row.recovery_hashes),
    }  # fmt: skip


def restore_value(session: Session, now: datetime, current: dict[str, Any], before: dict[str, Any]) -> None:
    """Let a second factor that was taken off count again, or take it off. Raises NotFound."""
    username = (before or current)["username"]
    user = accounts.find_user(session, username)
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    if not before:
        _remove(session, now, username)
        return
    times = {name: datetime.fromisoformat(before[name]) for name in ("made_at", "confirmed_at")}
    session.merge(SecondFactorRow(**before | times, unnoted_codes=""))
    user.has_second_factor = True
    accounts.end_what_was_before(user, now)  # what a password alone has opened meanwhile


class _ShownCodes(msgspec.Struct, frozen=True):
    codes: tuple[str, ...]
    until: datetime


def _remove(session: Session, now: datetime, username: str) -> None:
    row, user = session.get(SecondFactorRow, username), _get_user(session, username)
    if row is not None:
        session.delete(row)
    user.has_second_factor = False
    accounts.end_what_was_before(user, now)


def _take_app_code(row: SecondFactorRow, keys: KeyFile, now: datetime, typed: str) -> bool:
    import pyotp  # noqa: PLC0415 (as above)

    totp = pyotp.TOTP(keys.unseal(_purpose(row.username), row.secret), digits=DIGITS, interval=STEP_SECONDS)
    current = int(now.timestamp()) // STEP_SECONDS
    for step in range(current - CLOCK_STEPS, current + CLOCK_STEPS + 1):
        is_right = hmac.compare_digest(totp.generate_otp(step), typed) if typed.isascii() else False
        if is_right and step > row.last_step:
            row.last_step = step
            return True
    return False


def _take_recovery_code(session: Session, row: SecondFactorRow, now: datetime, typed: str) -> bool:
    hashed = _hash(typed)
    if hashed not in row.recovery_hashes:
        return False
    row.recovery_hashes = [one for one in row.recovery_hashes if one != hashed]
    left = len(row.recovery_hashes)
    audit.record_audit(session, now, row.username, "recovery code used", f"{row.username}, {left} left")
    return True


def _make_recovery_codes(row: SecondFactorRow, keys: KeyFile, now: datetime) -> None:
    codes = tuple(accounts.generate_password() for _ in range(RECOVERY_CODES))
    row.recovery_hashes = [_hash(_compact(code)) for code in codes]
    shown = msgspec.json.encode(_ShownCodes(codes, now + NOTING_TIME)).decode()
    row.unnoted_codes = keys.seal(_purpose(row.username), shown)


def _get_user(session: Session, username: str) -> UserRow:
    return session.get_one(UserRow, username)


def _compact(typed: str) -> str:
    return "".join(typed.split()).replace("-", "").lower()


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def _purpose(username: str) -> str:
    return f"second factor of {username}"
