"""Rooms: who they are, the files of their cards, and what they asked central to do."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appliance.central.models.base import Base


class RoomRow(Base):
    """A room, and what it said of itself last."""

    __tablename__ = "rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    name_key: Mapped[str] = mapped_column(String(400), unique=True)  # what no other room's name may share
    state: Mapped[str] = mapped_column(String(10), default="enrolled")  # or "retired", "revoked"
    ended_at: Mapped[datetime | None]  # since when it is retired or revoked
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    unused_until: Mapped[datetime | None]  # the token has never been used, and ends then
    key_hash: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)  # of its card's own key
    key_confirmed_at: Mapped[datetime | None]  # since when it calls with its certificate, and its token is spent
    certificate_ends: Mapped[datetime | None]  # the one that it got last
    authority_id: Mapped[str] = mapped_column(String(16), default="")  # whose that is
    log_key: Mapped[str] = mapped_column(String(200))  # wrapped (`appliance.central.log_keys`); "": not made yet
    link: Mapped[str] = mapped_column(String(64), default="")  # the last of its chain (`room_copies`)
    process: Mapped[str] = mapped_column(String(64), default="")  # which opened its feed last
    board: Mapped[str] = mapped_column(String(64), default="")  # in which it runs
    stopped_links: Mapped[list[str]] = mapped_column(default=list)  # of copies that are stopped
    copy_seen_at: Mapped[datetime | None]  # since when somebody has to decide which one is right
    copy_board: Mapped[str] = mapped_column(String(64), default="")
    enrolled_at: Mapped[datetime]
    last_seen: Mapped[datetime | None]
    health: Mapped[dict[str, Any] | None]
    policy_version: Mapped[int] = mapped_column(default=0)
    policy_digest: Mapped[str] = mapped_column(String(64), default="")
    requests_changed: Mapped[int] = mapped_column(default=0)
    lookups_changed: Mapped[int] = mapped_column(default=0)
    incidents_changed: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)  # the revision that last concerned this room in particular
    notified_gone_at: Mapped[datetime | None]  # webhooks were told that it is silent, and not yet that it is back
    default_group: Mapped[str] = mapped_column(String(64), default="")  # of devices without one; "": the school's


class RoomAuthorityRow(Base):
    """An authority for the rooms' certificates (`appliance.central.rooms_authority`); the newest one signs."""

    __tablename__ = "room_authorities"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    certificate: Mapped[str] = mapped_column(Text)  # PEM
    sealed_key: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # since when nothing of it is trusted


class PageCertificateRow(Base):
    """A certificate for rooms' pages (`appliance.central.page_certificates`): one for all rooms, or one room's."""

    __tablename__ = "page_certificates"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"), unique=True)  # None: of all rooms
    name: Mapped[str] = mapped_column(String(253))  # the page's; of all rooms: what their names are below
    certificate: Mapped[str] = mapped_column(Text)  # PEM, with its chain; "": the authority for pages signs
    sealed_key: Mapped[str] = mapped_column(Text)  # "": each room's own
    publicly_trusted: Mapped[bool]
    ends: Mapped[datetime | None]  # the first of the chain to end; None: signed when rooms ask
    taken_back_at: Mapped[datetime | None]  # no room has it any more, and it can be given back for a while
    left_on: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # cards that ended (`page_keys_left`)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(64))


class CardSecretRow(Base):
    """What a room's new card needs, sealed: kept until somebody has said that it is saved."""

    __tablename__ = "card_secrets"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(String(400))
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(64))
    room: Mapped[RoomRow] = relationship()


class RoomActionRow(Base):
    """Something that a room decided by itself, known by its id so that it is written into the audit once."""

    __tablename__ = "room_actions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    happened_at: Mapped[datetime]
