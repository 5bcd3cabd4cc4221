"""The devices of the school: known by name, handed in, and seen by rooms."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appliance.central.models.base import Base
from appliance.central.models.rooms import RoomRow


class DeviceRow(Base):
    """A device that the school knows by name (`appliance.central.devices`)."""

    __tablename__ = "devices"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(256), index=True)  # the name, for comparing
    addresses: Mapped[str] = mapped_column(Text)  # MAC and IP addresses, each between two blanks
    group: Mapped[str] = mapped_column("device_group", String(64), default="")  # "": none of its own
    note: Mapped[str] = mapped_column(String(200), default="")
    edition: Mapped[int] = mapped_column(default=1)  # grows with each change: who edited an older one is told
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]  # kept for a while, so that removing it can be undone


class DeviceImportRow(Base):
    """A file of devices that somebody looks at before it is saved."""

    __tablename__ = "device_imports"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    undo: Mapped[str] = mapped_column(Text, default="")  # once it is saved: what takes it back, as JSON


class SeenDeviceRow(Base):
    """A device on a room's own network, as the room saw it last."""

    __tablename__ = "seen_devices"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    mac: Mapped[str] = mapped_column(String(17), primary_key=True, index=True)
    addresses: Mapped[str] = mapped_column(Text)  # each between two blanks
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime] = mapped_column(index=True)
    returned_at: Mapped[datetime | None]  # when it came back from another room last
    room: Mapped[RoomRow] = relationship()
