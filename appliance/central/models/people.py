"""People and how they sign in, and the keys of scripts."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.central.models.base import Base


class UserRow(Base):
    """Somebody who may sign in."""

    __tablename__ = "users"
    username: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]]  # in the order of `appliance.rights.ROLES`
    room_ids: Mapped[list[int]] = mapped_column(default=list)  # the rooms to sign in at; none: every room
    password: Mapped[str] = mapped_column(String(200))  # an argon2 verifier
    ends: Mapped[datetime | None]
    valid_after: Mapped[datetime | None]  # sessions that began before are over; only grows
    email: Mapped[str] = mapped_column(String(254), default="")  # where notices go; "": nowhere
    openid_subject: Mapped[str] = mapped_column(String(64), default="", index=True)  # `openid_accounts`
    has_second_factor: Mapped[bool] = mapped_column(default=False)  # `SecondFactorRow` holds it


class SecondFactorRow(Base):
    """What makes somebody's codes (`appliance.central.second_factor`)."""

    __tablename__ = "second_factors"
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), primary_key=True)
    secret: Mapped[str] = mapped_column(Text)  # sealed by the key file
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # by a first code; until then it counts for nothing
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)  # of the newest code that was taken
    recovery_hashes: Mapped[list[str]] = mapped_column(default=list)  # SHA-256; of those not used yet
    unnoted_codes: Mapped[str] = mapped_column(Text, default="")  # sealed, until their owner has noted them


class SessionRow(Base):
    """Somebody who signed in, on one device (`appliance.sessions`)."""

    __tablename__ = "sessions"
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    issued: Mapped[datetime] = mapped_column(index=True)
    last_used: Mapped[datetime]
    device: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(45), default="")  # for IPv6 its network; "": not known
    valid_after: Mapped[datetime | None]  # the account's, when the session began
    ended: Mapped[datetime | None]


class AccountLinkRow(Base):
    """A link by which the owner of an account sets its password once (`appliance.central.account_links`)."""

    __tablename__ = "account_links"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    ends: Mapped[datetime]


class KnownDeviceRow(Base):
    """A device on which an account's password was right: a hash of the place, the account and its token."""

    __tablename__ = "known_devices"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), index=True)
    last_used: Mapped[datetime]


class RoomSignInRow(Base):
    """Somebody who signs in here for a room's page (`appliance.central.room_sign_ins`)."""

    __tablename__ = "room_sign_ins"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    state_hash: Mapped[str] = mapped_column(String(64))
    return_url: Mapped[str] = mapped_column(String(300))
    expires: Mapped[datetime] = mapped_column(index=True)  # of the start, then of the ticket
    ticket_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    username: Mapped[str | None] = mapped_column(String(64))
    valid_after: Mapped[datetime | None]  # the account's, when the ticket was made


class ThrottleRow(Base):
    """How many wrong passwords came within a window of time (`appliance.sign_in_throttle`)."""

    __tablename__ = "throttles"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
    expires: Mapped[datetime] = mapped_column(index=True)


class ScriptKeyRow(Base):
    """A key for a script of the school's own (`appliance.central.script_keys`)."""

    __tablename__ = "script_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(24))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)  # whose rights it has a part of
    rights: Mapped[list[str]] = mapped_column(default=list)  # names of `appliance.rights.Right`
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(64))
    ends: Mapped[datetime]
    last_used: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(String(64), default="")
