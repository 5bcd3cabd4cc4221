"""The kinds of incidents and their states: in words, how urgent, and by when somebody should have looked."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

IncidentState = Literal["new", "seen", "assigned", "referred", "closed"]
Authority = Literal["authority", "police", "provider"]  # to whom an incident can be passed
Whose = Literal["pupils", "staff"]

IMITATED_DEVICE = "imitated-device"  # which central finds: no room says it

STATES: tuple[IncidentState, ...] = get_args(IncidentState)
AUTHORITIES: tuple[Authority, ...] = get_args(Authority)

STATE_WORDS: Mapping[str, str] = MappingProxyType(
    {"new": "new", "seen": "seen", "assigned": "with somebody", "referred": "passed on", "closed": "closed"}
)
AUTHORITY_WORDS: Mapping[str, str] = MappingProxyType(
    {"authority": "the local authority", "police": "the police", "provider": "the internet provider"}
)


class KindOfIncident(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known of a kind."""

    words: str
    is_urgent: bool = False  # people are told at once
    due: timedelta


KINDS: Mapping[str, KindOfIncident] = MappingProxyType(
    {
        "told-a-grown-up": KindOfIncident(
            words="Somebody pressed “tell a grown-up”", is_urgent=True, due=timedelta(hours=4)
        ),
        "locked-category": KindOfIncident(
            words="Something was asked for that nobody can open", is_urgent=True, due=timedelta(hours=8)
        ),
        "bypass": KindOfIncident(words="Ways round the filter were tried", due=timedelta(days=2)),
        "tunnel": KindOfIncident(words="Names that look like hidden data", due=timedelta(days=2)),
        IMITATED_DEVICE: KindOfIncident(words="A device uses the address of another one", due=timedelta(days=2)),
        "many-refusals": KindOfIncident(
            words="Many refusals to one device in a short time", due=timedelta(days=5)
        ),
    }
)
_UNKNOWN = KindOfIncident(words="Something else", due=timedelta(days=2))  # of a newer room


def kind_of(name: str) -> KindOfIncident:
    """Return what is known of a kind, of one that is not known here as well."""
    return KINDS.get(name, _UNKNOWN)
