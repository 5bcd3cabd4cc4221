"""Makes an invitation: the file with which the central of a school joins a trust."""

import msgspec
from sqlalchemy.orm import Session

from appliance.central.enrolment import read_authority_pem
from appliance.central.errors import NotPossible
from appliance.central.models import TrustSchoolRow
from appliance.central.school_identity import read_identity
from appliance.settings.central import CentralSettings
from appliance.trust.state import require_trust
from appliance.trust_protocol import TrustInvitation


def require_address(settings: CentralSettings) -> str:
    """Return where schools reach the trust. Raises NotPossible where the settings do not say."""
    if not settings.central.url:
        raise NotPossible(
            "where do schools reach this trust? Set url in [central], such as https://trust.example.org"
        )
    return settings.central.url


def make_invitation(session: Session, settings: CentralSettings, *, school: TrustSchoolRow, token: str) -> bytes:
    """Return the file. Raises NotPossible."""
    trust = require_trust(session)
    made = TrustInvitation(
        trust=trust.trust_id,
        trust_name=read_identity(session).name,
        school=school.id,
        school_name=school.name,
        url=require_address(settings),
        token=token,
        public_key=trust.public_key,
        certificate=read_authority_pem(settings.tls),
    )
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"
