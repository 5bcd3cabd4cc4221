"""The school, its profiles, what was changed, and the numbers that grow with every change."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from appliance.central.models.base import Base


class RevisionRow(Base):
    """The numbers that grow with every change, and the epoch in which they do."""

    __tablename__ = "pulse"
    id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column("beat", default=0)  # changes that rooms or pages may show
    health_reports: Mapped[int] = mapped_column(default=0)  # no news for rooms, but pages show them
    school_revision: Mapped[int] = mapped_column(default=0)  # the revision that last concerned every room
    epoch: Mapped[str] = mapped_column(String(32), default="")  # another one after each restore


class SchoolRow(Base):
    """The school that this central serves."""

    __tablename__ = "school"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64))
    starter_list: Mapped[bool] = mapped_column(default=True)  # whether the list that Hallpass brings is in use
    locked_categories: Mapped[list[str]] = mapped_column(default=list)
    request_days: Mapped[int] = mapped_column(default=1)  # school days that a request waits after its own
    school_week: Mapped[list[str]] = mapped_column(default=lambda: ["mon", "tue", "wed", "thu", "fri"])
    terms: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # each a `Span` of the policy document
    holidays: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # likewise
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)  # `appliance.central.school_settings`
    # The groups that are the staff's, by every name that they have had (`appliance.central.staff_groups`).
    staff_groups: Mapped[list[str]] = mapped_column(default=lambda: ["staff"])
    second_factor_roles: Mapped[list[str]] = mapped_column(default=list)  # which have to have one
    second_factor_from: Mapped[datetime | None]  # since when


class ProfileRow(Base):
    """What a group's devices may see. Each profile has the group of the same name."""

    __tablename__ = "profiles"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    closed: Mapped[list[str]] = mapped_column(default=list)
    safe_search: Mapped[bool] = mapped_column(default=False)
    youtube: Mapped[str] = mapped_column(String(8), default="strict")
    safe_search_except: Mapped[list[str]] = mapped_column(default=list)
    keywords: Mapped[bool] = mapped_column(default=False)
    strip_ech: Mapped[bool] = mapped_column(default=False)
    refusal: Mapped[str] = mapped_column(String(8), default="null")
    timetable: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # `appliance.central.profile_settings`
    members: Mapped[list[str]] = mapped_column(default=list)  # networks; devices are in their own table
    only_from: Mapped[list[str]] = mapped_column(default=list)  # networks outside which no device counts as one
    is_default: Mapped[bool] = mapped_column(default=False)


class SettingChangeRow(Base):
    """What a setting was before somebody changed it, and after: by this a change is undone."""

    __tablename__ = "setting_changes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # of `appliance.central.undo`
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)  # empty: it was not there
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)  # empty: it is gone
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)
