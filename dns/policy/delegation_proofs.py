"""Questions about a closed name that are answered all the same: a validator learns by them where zones end.

A device that validates (RFC 4035, section 5) takes an unsigned answer, such as a refusal, only where a parent
proves that it has no DS record for the name's zone: the name is then *insecure*. So DS and DNSKEY are asked of the
upstream for top-level domains, for what is registered under them, and for the very entry that closes a name. Their
answers lead nowhere. Names further down are not asked for: their own zone's server would hear of them, and data
could leave so.

A refusal of a name whose zone is signed stays bogus to a validator. Nobody but the zone can sign.
"""

from dns.message.constants import RecordType
from dns.policy.verdict import Verdict

_TYPES = frozenset((int(RecordType.DS), int(RecordType.DNSKEY)))
# Second levels that registries keep in their country's domain; not the whole list of public suffixes, which is
# more than a worker should hold for this.
_REGISTRIES_LABELS = frozenset(
    ("ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "ltd", "me", "mil", "ne", "net", "nhs", "nom", "or",
     "org", "plc", "police", "sch")
)  # fmt: skip


def proves_delegation(name: str, qtype: int, verdict: Verdict) -> bool:
    """Tell whether a question about a (canonical) name that a verdict closes is answered by the upstream."""
    if qtype not in _TYPES:
        return False
    labels = name.split(".")
    if len(labels) <= 2 or name == verdict.entry:
        return True
    return len(labels) == 3 and len(labels[2]) == 2 and labels[1] in _REGISTRIES_LABELS
