"""What leaves central for people and other services, and what they were told."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.central.models.base import Base


class NoticeRow(Base):
    """Which notices of requests somebody has chosen to get by mail (`appliance.central.notices`)."""

    __tablename__ = "notices"
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), primary_key=True)
    on_request: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[str] = mapped_column(String(10), default="off")  # or "daily", "weekly"
    digest_due: Mapped[datetime | None] = mapped_column(index=True)


class OutboxRow:
    """What every row of an outbox has: what is delivered, and how that goes (`appliance.central.outbox_queue`)."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)  # "": it was delivered, or given up
    queued_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)  # none: nothing more is to be done
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")  # of the last try


class MailRow(OutboxRow, Base):
    """A mail to one address that waits to be handed in, or was (`appliance.central.mail_outbox`)."""

    __tablename__ = "mails"
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))


class PostponementRow(Base):
    """What somebody chose to leave for later at the first start (`appliance.central.first_start`)."""

    __tablename__ = "postponements"
    subject: Mapped[str] = mapped_column(String(32), primary_key=True)  # a role, or the page as a whole
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class WebhookRow(Base):
    """An address that is told of news (`appliance.central.webhooks`)."""

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]] = mapped_column(default=list)
    is_inside: Mapped[bool] = mapped_column(
        default=False
    )  # the school's network or this machine, said by a person
    secret: Mapped[str] = mapped_column(String(200))  # sealed by the key file
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    put_aside_at: Mapped[datetime | None]  # since when it is told nothing


class WebhookDeliveryRow(OutboxRow, Base):
    """Something that waits to be told to one address, or was (`appliance.central.outbox_queue`)."""

    __tablename__ = "webhook_deliveries"
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"), index=True)
    event: Mapped[str] = mapped_column(String(32))
