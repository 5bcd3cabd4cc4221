"""What people ask for and decide: requests, openings, rules, delegation, reports of sites."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appliance.central.models.base import Base
from appliance.central.models.rooms import RoomRow


class RuleRow(Base):
    """An allow or block entry of the school's own."""

    __tablename__ = "rules"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(253))
    action: Mapped[str] = mapped_column(String(5))
    locked: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(String(200), default="")
    subdomains: Mapped[bool] = mapped_column(default=True)
    groups: Mapped[list[str]] = mapped_column(default=list)  # none: every group
    category: Mapped[str] = mapped_column(String(64), default="")
    safe_search: Mapped[bool] = mapped_column(default=True)  # an allowed search engine keeps it
    by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class RequestRow(Base):
    """A teacher's wish to open a site."""

    __tablename__ = "requests"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    site: Mapped[str] = mapped_column(String(253), index=True)
    also: Mapped[list[str]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(Text)
    lesson: Mapped[str] = mapped_column(String(200), default="")
    minutes: Mapped[int]
    teacher: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting", index=True)
    decided_by: Mapped[str] = mapped_column(String(64), default="")
    decided_at: Mapped[datetime | None] = mapped_column(index=True)
    answer: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[datetime | None]  # for a lesson to come: from when on
    device: Mapped[str] = mapped_column(String(64), default="")  # the room's token; "": for the room
    urgent: Mapped[bool] = mapped_column(default=False)
    seen_with: Mapped[list[str]] = mapped_column(default=list)
    expires_at: Mapped[datetime | None] = mapped_column(index=True)  # until when it waits
    is_permanent: Mapped[bool] = mapped_column(default=False)  # approved by a rule
    passed_to: Mapped[str] = mapped_column(String(64), default="")
    passed_by: Mapped[str] = mapped_column(String(64), default="")
    passed_note: Mapped[str] = mapped_column(Text, default="")
    room: Mapped[RoomRow] = relationship()
    unblock: Mapped["UnblockRow | None"] = relationship(back_populates="request")


class UnblockRow(Base):
    """The granted opening of a site. Over once it has `ended_at`: early where that stands before `until`."""

    __tablename__ = "unblocks"
    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str | None] = mapped_column(ForeignKey("requests.id"), unique=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"))  # none: the whole school
    site: Mapped[str] = mapped_column(String(253))
    also: Mapped[list[str]] = mapped_column(default=list)
    groups: Mapped[list[str]] = mapped_column(default=list)  # none: every group
    device: Mapped[str] = mapped_column(String(64), default="")  # its room's token of the one device it is for
    since: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    by: Mapped[str] = mapped_column(String(64))
    room: Mapped[RoomRow | None] = relationship()
    request: Mapped[RequestRow | None] = relationship(back_populates="unblock")


class SiteReportRow(Base):
    """A teacher's "this should be closed"."""

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    site: Mapped[str] = mapped_column(String(253))
    teacher: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text, default="")
    reported_at: Mapped[datetime]
    settled_by: Mapped[str] = mapped_column(String(64), default="", index=True)
    settled_at: Mapped[datetime | None]
    closed_by_rule: Mapped[int | None]  # the rule that was made of it; it may be gone by now
    passed_to: Mapped[str] = mapped_column(String(200), default="")  # the provider, an authority
    passed_by: Mapped[str] = mapped_column(String(64), default="")
    passed_at: Mapped[datetime | None]
    outside_answer: Mapped[str] = mapped_column(Text, default="")
    answered_by: Mapped[str] = mapped_column(String(64), default="")
    answered_at: Mapped[datetime | None]
    room: Mapped[RoomRow] = relationship()


class DelegationRow(Base):
    """What teachers may open by themselves: one row for a category and a group."""

    __tablename__ = "delegations"
    category: Mapped[str] = mapped_column(String(64), primary_key=True)
    group: Mapped[str] = mapped_column("group_name", String(64), primary_key=True, default="")  # "": every group
    minutes: Mapped[int]
    per_day: Mapped[int]
