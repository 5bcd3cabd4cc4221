"""What a new rule would do, shown before it is made: for which groups the site would be decided in another way."""

from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from appliance.central import rules, week_counts
from appliance.central.change_preview import WELL_KNOWN_SITES, GroupSites, group_changes
from appliance.central.decision_preview import DecisionPreview
from appliance.central.rules import RuleFields
from dns.message.names import is_under
from dns.policy.document import Rule


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule comes to."""

    words: str  # the rule
    groups: tuple[GroupSites, ...]  # those for which something changes now
    last_week: tuple[str, ...]  # what is known from the last week, each as one sentence


def preview_rule(session: Session, preview: DecisionPreview, now: datetime, *, fields: RuleFields) -> RuleChange:
    """Tell what a rule would change. Raises NotPossible or NotFound for what no rule can say."""
    fields = rules.checked_fields(session, fields)
    present = preview.current_policy(session)
    made = msgspec.convert(msgspec.structs.asdict(fields), Rule)
    future = preview.compile_document(
        session, msgspec.structs.replace(present.document, rules=(*present.document.rules, made))
    )
    below = (f"www.{fields.name}", *(site for site in WELL_KNOWN_SITES if is_under(site, fields.name)))
    sites = dict.fromkeys((fields.name, *below)) if fields.subdomains else (fields.name,)
    groups = tuple(group_changes(present, future, now, sites))
    opens = fields.action == "allow"
    return RuleChange(
        words=rules.describe_rule(fields),
        groups=groups,
        last_week=tuple(week_counts.site_words(session, now, [fields.name])) if opens else (),
    )
