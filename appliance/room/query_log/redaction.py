"""How much of a record is kept: devices always as pseudonyms, names as the school's level of detail says.

`everything`; `domains`: of allowed names only the registrable domain; `refusals`: no names of allowed answers;
`counts`: neither names nor devices, only that so many answers were given, by group and category. The counts stay
exact.
"""

from collections.abc import Callable

from msgspec.structs import replace

from appliance.room.query_log.pseudonyms import Pseudonyms
from dns.policy.payload import split_payload
from dns.querylog.records import BLOCKED_VERDICTS, COLUMNS, QueryRecord, RecordBatch

_NOTHING_KEPT = {field: "" for field, column in COLUMNS.items() if column.identifies}

Shorten = Callable[[QueryRecord], tuple[str, str]]


def make_redactor(level: str, pseudonyms: Pseudonyms) -> Callable[[RecordBatch], RecordBatch]:
    """Return what turns a batch as it came into the batch that is kept."""
    pseudonym_of = pseudonyms.pseudonym_of
    if level == "counts":
        return lambda batch: replace(batch, records=tuple(replace(one, **_NOTHING_KEPT) for one in batch.records))
    name_of: Callable[[str], str] = {"domains": registrable_domain, "refusals": _no_name}.get(level, str)

    def redact_record(record: QueryRecord) -> QueryRecord:
        name = record.name if record.verdict in BLOCKED_VERDICTS else name_of(record.name)
        return replace(record, device=pseudonym_of(record.device), name=name)

    def redact_batch(batch: RecordBatch) -> RecordBatch:
        return replace(batch, records=tuple(map(redact_record, batch.records)))

    return redact_batch


def registrable_domain(name: str) -> str:
    """Return the domain that somebody registered, of a name under it."""
    return split_payload(name)[0]


def _no_name(_name: str) -> str:
    return ""
