"""What is written down: the audit, look-ups, and counts."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appliance.central.models.base import Base
from appliance.central.models.rooms import RoomRow


class LookupRow(Base):
    """A question to a room about one of its devices, and the answer (`appliance.central.lookups`)."""

    __tablename__ = "lookups"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    is_staff: Mapped[bool] = mapped_column(index=True)
    device: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), index=True)  # waiting, answered, failed, expired, deleted
    answered_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")
    answer: Mapped[str | None] = mapped_column(Text)  # sealed by the key file
    room: Mapped[RoomRow] = relationship()


class AuditRow(Base):
    """Who did what, when (`appliance.central.audit_chain`). Never changed, never deleted by hand."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # its number; no gaps within the chain
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(64))
    room: Mapped[str] = mapped_column(String(100), default="")  # who says that it was `who`; "": it is known here
    what: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text, default="")
    previous: Mapped[str] = mapped_column(String(64), default="")  # the hash of the entry before
    hash: Mapped[str] = mapped_column(String(64), default="")
    __table_args__ = (Index("ix_audit_who", "who", "id"), Index("ix_audit_what", "what", "id"))


class AuditHeadRow(Base):
    """The newest entry of the audit: one row, changed with each."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class AuditDayRow(Base):
    """How many entries of a kind a day of UTC has (`appliance.central.audit_days`), as far as they are counted."""

    __tablename__ = "audit_days"
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # since 1970
    is_claim: Mapped[bool] = mapped_column(primary_key=True)  # a room says so; else central's own
    what: Mapped[str] = mapped_column(String(64), primary_key=True)
    entries: Mapped[int]
    newest: Mapped[int] = mapped_column(index=True)  # the highest number of an entry that is counted here


class AuditWitnessRow(Base):
    """A head of the audit that a room has kept, as it said it last."""

    __tablename__ = "audit_witnesses"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]  # when central said it, by its own clock


class CountRow(Base):
    """How many answers of an hour of a room's had a verdict and a category (`appliance.central.counts`)."""

    __tablename__ = "counts"
    __table_args__ = (Index("ix_counts_category", "category", "hour"),)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, index=True)  # since 1970
    verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    category: Mapped[str] = mapped_column(String(64), primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
    is_day: Mapped[bool] = mapped_column(default=False)  # the sum of a day of UTC, which begins with `hour`


class SchoolCountRow(Base):
    """The same of all rooms together: their sum, changed with each of them (`appliance.central.count_rows`)."""

    __tablename__ = "school_counts"
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_day: Mapped[bool] = mapped_column(primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    category: Mapped[str] = mapped_column(String(64), primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
    rooms: Mapped[int]  # of how many it is the sum; with the last one's row it goes


class RefusedSiteRow(Base):
    """A site that a room refused and for which at least five devices asked, within an hour."""

    __tablename__ = "refused_sites"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, index=True)
    site: Mapped[str] = mapped_column(String(253), primary_key=True)
    category: Mapped[str] = mapped_column(String(64))
    answers: Mapped[int] = mapped_column(BigInteger)
    is_day: Mapped[bool] = mapped_column(default=False)
