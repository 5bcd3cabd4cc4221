"""The tables of incidents (`appliance.central.models` has the others).

What somebody works on is a group: every incident of one kind by one device, until it is closed. Whether it is a
member of staff's is decided once, when it arrives, and never changes: who may see it hangs on that.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appliance.central.models import Base, RoomRow


class IncidentGroupRow(Base):
    """Incidents of one kind by one device, looked at as one."""

    __tablename__ = "incident_groups"
    __table_args__ = (
        Index("ix_incident_groups_same", "room_id", "device", "kind"),
        Index("ix_incident_groups_listed", "is_staff", "state", "last_at"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # that of its first incident
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    kind: Mapped[str] = mapped_column(String(32))
    device: Mapped[str] = mapped_column(String(64))  # the room's token for it
    is_staff: Mapped[bool]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    count: Mapped[int]
    unseen: Mapped[int]  # that came since somebody looked
    state: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime]  # by when somebody should have looked
    assigned_to: Mapped[str] = mapped_column(String(200), default="")
    referred_to: Mapped[str] = mapped_column(String(20), default="")
    referred_on: Mapped[date | None]
    outcome: Mapped[str] = mapped_column(Text, default="")  # why it was closed
    closed_at: Mapped[datetime | None]
    changed_by: Mapped[str] = mapped_column(String(64), default="")
    changed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=0)  # grows with every change by a person
    before: Mapped[dict[str, Any] | None]  # what the last change of its state is undone to
    held_by: Mapped[str] = mapped_column(String(64), default="")  # "": it goes when its time has come
    held_at: Mapped[datetime | None]
    alerted_at: Mapped[datetime | None]  # when people were told by mail, or will be
    room: Mapped[RoomRow] = relationship()


class IncidentRow(Base):
    """Something that a room has noticed."""

    __tablename__ = "incidents"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    group_id: Mapped[str] = mapped_column(ForeignKey("incident_groups.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    happened_at: Mapped[datetime] = mapped_column(index=True)
    device: Mapped[str] = mapped_column(String(64))
    device_group: Mapped[str] = mapped_column(String(64), default="")  # "": the room did not say
    evidence: Mapped[list[str]] = mapped_column(default=list)
    room: Mapped[RoomRow] = relationship()


class IncidentNoteRow(Base):
    """What somebody wrote about a group, or did with it. Never changed."""

    __tablename__ = "incident_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("incident_groups.id"), index=True)
    token: Mapped[str | None] = mapped_column(String(32), unique=True)  # the form's: sent twice, it is there once
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    is_change: Mapped[bool]  # written by central, about what somebody did
    text: Mapped[str] = mapped_column(Text)
