"""Lists, and the indexes that were published."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.central.models.base import Base


class SourceRow(Base):
    """A public list that the school subscribes to."""

    __tablename__ = "sources"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    category: Mapped[str] = mapped_column(String(64))
    location: Mapped[str] = mapped_column(Text)  # an https URL, or a file below central's data folder
    format: Mapped[str] = mapped_column(String(16), default="auto")
    match: Mapped[str] = mapped_column(String(16), default="")
    action: Mapped[str] = mapped_column(String(5), default="block")  # or "allow": a list of openings
    allow_wide: Mapped[bool | None]  # whether it may close whole endings; none: as the catalogue says
    by: Mapped[str] = mapped_column(String(64))
    by_trust: Mapped[bool] = mapped_column(default=False)  # the trust has subscribed the school to it
    made_at: Mapped[datetime]
    report: Mapped[dict[str, Any] | None]  # what the last compilation said of it


class PublicationRow(Base):
    """A compiled index that rooms were told to use."""

    __tablename__ = "publications"
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    built_at: Mapped[datetime]
    names: Mapped[int]
