"""Central's tables (SQLAlchemy). All times are UTC and carry their zone; lists of words are JSON.

`RevisionRow` (table `pulse`) holds one number that grows in every transaction which may be news to anybody. One
look at it tells every process of central whether there is anything new; `school_revision` there, and each room's
`revision`, tell whom it concerns (`appliance.central.change_scope`).
"""

from appliance.central.models.base import Base, UtcDateTime
from appliance.central.models.decisions import DelegationRow, RequestRow, RuleRow, SiteReportRow, UnblockRow
from appliance.central.models.devices import DeviceImportRow, DeviceRow, SeenDeviceRow
from appliance.central.models.lists import PublicationRow, SourceRow
from appliance.central.models.messages import (
    MailRow,
    NoticeRow,
    OutboxRow,
    PostponementRow,
    WebhookDeliveryRow,
    WebhookRow,
)
from appliance.central.models.people import (
    AccountLinkRow,
    KnownDeviceRow,
    RoomSignInRow,
    ScriptKeyRow,
    SecondFactorRow,
    SessionRow,
    ThrottleRow,
    UserRow,
)
from appliance.central.models.records import (
    AuditDayRow,
    AuditHeadRow,
    AuditRow,
    AuditWitnessRow,
    CountRow,
    LookupRow,
    RefusedSiteRow,
    SchoolCountRow,
)
from appliance.central.models.rooms import (
    CardSecretRow,
    PageCertificateRow,
    RoomActionRow,
    RoomAuthorityRow,
    RoomRow,
)
from appliance.central.models.schools import ProfileRow, RevisionRow, SchoolRow, SettingChangeRow
from appliance.central.models.trusts import (
    TrustContactRow,
    TrustEntryRow,
    TrustMembershipRow,
    TrustRow,
    TrustSchoolRow,
)

__all__ = [
    "AccountLinkRow",
    "AuditDayRow",
    "AuditHeadRow",
    "AuditRow",
    "AuditWitnessRow",
    "Base",
    "CardSecretRow",
    "CountRow",
    "DelegationRow",
    "DeviceImportRow",
    "DeviceRow",
    "KnownDeviceRow",
    "LookupRow",
    "MailRow",
    "NoticeRow",
    "OutboxRow",
    "PageCertificateRow",
    "PostponementRow",
    "ProfileRow",
    "PublicationRow",
    "RefusedSiteRow",
    "RequestRow",
    "RevisionRow",
    "RoomActionRow",
    "RoomAuthorityRow",
    "RoomRow",
    "RoomSignInRow",
    "RuleRow",
    "SchoolCountRow",
    "SchoolRow",
    "ScriptKeyRow",
    "SecondFactorRow",
    "SeenDeviceRow",
    "SessionRow",
    "SettingChangeRow",
    "SiteReportRow",
    "SourceRow",
    "ThrottleRow",
    "TrustContactRow",
    "TrustEntryRow",
    "TrustMembershipRow",
    "TrustRow",
    "TrustSchoolRow",
    "UnblockRow",
    "UserRow",
    "UtcDateTime",
    "WebhookDeliveryRow",
    "WebhookRow",
]
