"""A trust and its schools; and, in a school's own database, the trust that it belongs to.

The first three tables are empty in a school's database, the last one in a trust's: they are different databases.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.central.models.base import Base


class TrustRow(Base):
    """The trust that this database is of (`appliance.trust`): one row, or none."""

    __tablename__ = "trust"
    id: Mapped[int] = mapped_column(primary_key=True)
    trust_id: Mapped[str] = mapped_column(String(32))
    public_key: Mapped[str] = mapped_column(String(64))
    sealed_key: Mapped[str] = mapped_column(String(400))
    epoch: Mapped[int] = mapped_column(BigInteger)  # Unix seconds of when it began, or one more than the last
    database_epoch: Mapped[str] = mapped_column(String(32))  # the one of `pulse` that it belongs to
    number: Mapped[int] = mapped_column(default=0)  # grows with each change that schools are told of


class TrustSchoolRow(Base):
    """A school of the trust's."""

    __tablename__ = "trust_schools"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400), unique=True)
    timezone: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))  # "registered", "enrolled", "retired", "revoked"
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_ends: Mapped[datetime | None]
    token_used: Mapped[bool] = mapped_column(default=False)  # it is kept for who sends the same once more
    credential_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    registered_at: Mapped[datetime]
    enrolled_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_seen: Mapped[datetime | None]
    numbers: Mapped[dict[str, Any] | None]  # `appliance.trust_protocol.SchoolNumbers`
    numbers_at: Mapped[datetime | None]


class TrustEntryRow(Base):
    """Something that the trust has laid down for all its schools, or for some."""

    __tablename__ = "trust_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # of `appliance.trust.entries`
    key: Mapped[str] = mapped_column(String(300), index=True)  # no two in force of a kind have the same
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)
    schools: Mapped[list[str]] = mapped_column(default=list)  # ids; none: all of them
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]  # since when it is taken back
    ended_by: Mapped[str] = mapped_column(String(64), default="")


class TrustMembershipRow(Base):
    """The trust that this school belongs to, and what it has laid down: one row, or none."""

    __tablename__ = "trust_membership"
    id: Mapped[int] = mapped_column(primary_key=True)
    trust_id: Mapped[str] = mapped_column(String(32))
    trust_name: Mapped[str] = mapped_column(String(200))
    school_id: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(String(200))
    certificate: Mapped[str] = mapped_column(Text, default="")
    public_key: Mapped[str] = mapped_column(String(64))
    sealed_credential: Mapped[str] = mapped_column(String(400))
    joined_at: Mapped[datetime]
    joined_by: Mapped[str] = mapped_column(String(64))
    document: Mapped[str] = mapped_column(Text, default="")  # the last good one; "": none has come yet
    digest: Mapped[str] = mapped_column(String(64), default="")
    received_at: Mapped[datetime | None]


class TrustContactRow(Base):
    """How it stands with the line to the trust: apart, because each minute's news of it concerns no room."""

    __tablename__ = "trust_contact"
    id: Mapped[int] = mapped_column(primary_key=True)
    reached_at: Mapped[datetime]  # last
    tried_at: Mapped[datetime]
    problem: Mapped[str] = mapped_column(Text, default="")  # why the last try failed; "": it did not
