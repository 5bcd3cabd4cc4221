"""How much of a record is kept: devices always as pseudonyms, names as the school's level of detail says.

`everything`; `domains`: of allowed names only the registrable domain; `refusals`: no names of allowed answers;
`counts`: neither names nor devices, only that so many answers were given, by group and category. The counts stay
exact.
"""

from collections.abc import Callable

from appliance.room.query_log.pseudonyms import Pseudonyms
from dns.policy.payload import split_payload
from dns.querylog.records import QueryRecord, RecordBatch

BLOCKED_VERDICTS = frozenset(("refused", "rewritten"))

Shorten = Callable[[QueryRecord], tuple[str, str]]


def make_redactor(level: str, pseudonyms: Pseudonyms) -> Callable[[RecordBatch], RecordBatch]:
    """Return what turns a batch as it came into the batch that is kept."""
    pseudonym_of = pseudonyms.pseudonym_of
    if level == "counts":
        return lambda batch: RecordBatch(
            batch.worker, batch.sequence, tuple(_redacted(one, "", "", "", "") for one in batch.records)
        )
    name_of: Callable[[str], str] = {"domains": registrable_domain, "refusals": _no_name}.get(level, str)

    def redact_batch(batch: RecordBatch) -> RecordBatch:
        return RecordBatch(
            batch.worker,
            batch.sequence,
            tuple(
                _redacted(
                    one,
                    pseudonym_of(one.device),
                    one.name if one.verdict in BLOCKED_VERDICTS else name_of(one.name),
                    one.source,
                    one.entry,
                )
                for one in batch.records
            ),
        )

    return redact_batch


def registrable_domain(name: str) -> str:
    """Return the domain that somebody registered, of a name under it."""
    return split_payload(name)[0]


def _no_name(_name: str) -> str:
    return ""


def _redacted(record: QueryRecord, device: str, name: str, source: str, entry: str) -> QueryRecord:
    return QueryRecord(
        record.second, device, record.group, name, record.qtype, record.verdict, record.step, record.category,
        source, entry, record.rcode, record.count, record.milliseconds,
    )  # fmt: skip
