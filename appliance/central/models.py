"""Central's tables (SQLAlchemy). All times are UTC and carry their zone; lists of words are JSON.

`RevisionRow` (table `pulse`) holds one number that grows in every transaction which may be news to anybody. One
look at it tells every process of central whether there is anything new; `school_revision` there, and each room's
`revision`, tell whom it concerns (`appliance.central.change_scope`).
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """A time that carries its zone on the way in and on the way out, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Turn into UTC; a time without a zone is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Give SQLite's naive times their zone back."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The tables of central."""

    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's way)
        datetime: UtcDateTime,
        list[str]: JSON,
        list[int]: JSON,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
    }


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
    mac: Mapped[str] = mapped_column(String(17), primary_key=True)
    addresses: Mapped[str] = mapped_column(Text)  # each between two blanks
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime] = mapped_column(index=True)
    returned_at: Mapped[datetime | None]  # when it came back from another room last
    room: Mapped[RoomRow] = relationship()


class CardSecretRow(Base):
    """What a room's new card needs, sealed: kept until somebody has said that it is saved."""

    __tablename__ = "card_secrets"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(String(400))
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(64))
    room: Mapped[RoomRow] = relationship()


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
    made_at: Mapped[datetime]
    report: Mapped[dict[str, Any] | None]  # what the last compilation said of it


class PublicationRow(Base):
    """A compiled index that rooms were told to use."""

    __tablename__ = "publications"
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    built_at: Mapped[datetime]
    names: Mapped[int]


class RequestRow(Base):
    """A teacher's wish to open a site."""

    __tablename__ = "requests"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    site: Mapped[str] = mapped_column(String(253))
    also: Mapped[list[str]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(Text)
    lesson: Mapped[str] = mapped_column(String(200), default="")
    minutes: Mapped[int]
    teacher: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
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


class NoticeRow(Base):
    """Which notices of requests somebody has chosen to get by mail (`appliance.central.notices`)."""

    __tablename__ = "notices"
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), primary_key=True)
    on_request: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[str] = mapped_column(String(10), default="off")  # or "daily", "weekly"
    digest_due: Mapped[datetime | None] = mapped_column(index=True)


class MailRow(Base):
    """A mail to one address that waits to be handed in, or was (`appliance.central.mail_outbox`)."""

    __tablename__ = "mails"
    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)  # "": it was sent, or given up
    queued_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)  # none: nothing more is to be done
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")  # of the last try


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


class WebhookDeliveryRow(Base):
    """Something that waits to be told to one address, or was (`appliance.central.outbox_queue`)."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"), index=True)
    event: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)  # "": it was told, or given up
    queued_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)  # none: nothing more is to be done
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")  # of the last try


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


class RoomActionRow(Base):
    """Something that a room decided by itself, known by its id so that it is written into the audit once."""

    __tablename__ = "room_actions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    happened_at: Mapped[datetime]


class DelegationRow(Base):
    """What teachers may open by themselves: one row for a category and a group."""

    __tablename__ = "delegations"
    category: Mapped[str] = mapped_column(String(64), primary_key=True)
    group: Mapped[str] = mapped_column("group_name", String(64), primary_key=True, default="")  # "": every group
    minutes: Mapped[int]
    per_day: Mapped[int]


class SettingChangeRow(Base):
    """What a setting was before somebody changed it, and after: by this a change is undone."""

    __tablename__ = "setting_changes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # of `appliance.central.undo`
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)  # empty: it was not there
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)  # empty: it is gone
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)


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


class CountRow(Base):
    """How many answers of an hour of a room's had a verdict and a category (`appliance.central.counts`)."""

    __tablename__ = "counts"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, index=True)  # since 1970
    verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    category: Mapped[str] = mapped_column(String(64), primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
    is_day: Mapped[bool] = mapped_column(default=False)  # the sum of a day of UTC, which begins with `hour`


class RefusedSiteRow(Base):
    """A site that a room refused and for which at least five devices asked, within an hour."""

    __tablename__ = "refused_sites"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, index=True)
    site: Mapped[str] = mapped_column(String(253), primary_key=True)
    category: Mapped[str] = mapped_column(String(64))
    answers: Mapped[int] = mapped_column(BigInteger)
    is_day: Mapped[bool] = mapped_column(default=False)


class AuditWitnessRow(Base):
    """A head of the audit that a room has kept, as it said it last."""

    __tablename__ = "audit_witnesses"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]  # when central said it, by its own clock
