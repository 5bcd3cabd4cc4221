"""How much of a record is kept: devices always as tokens, names as the school's level of detail says.

`everything`; `domains`: of allowed names only the registrable domain; `refusals`: no names of allowed answers;
`counts`: neither names nor devices, only that so many answers were given, by group and category. The counts stay
exact.
"""

from collections.abc import Callable

from appliance.room.query_log.pseudonyms import Tokens
from dns.policy.tunnel import split_payload
from dns.querylog.records import QueryRecord, RecordBatch

NOTEWORTHY = frozenset(("refused", "rewritten"))

Shorten = Callable[[QueryRecord], tuple[str, str]]


def keeper(level: str, tokens: Tokens) -> Callable[[RecordBatch], RecordBatch]:
    """Return what turns a batch as it came into the batch that is kept."""
    token = tokens.token
    if level == "counts":
        return lambda batch: RecordBatch(
            batch.worker, batch.sequence, tuple(_of(one, "", "", "", "") for one in batch.records)
        )
    name_of: Callable[[str], str] = {"domains": registrable, "refusals": _nothing}.get(level, str)

    def keep(batch: RecordBatch) -> RecordBatch:
        return RecordBatch(
            batch.worker,
            batch.sequence,
            tuple(
                _of(
                    one,
                    token(one.device),
                    one.name if one.verdict in NOTEWORTHY else name_of(one.name),
                    one.source,
                    one.entry,
                )
                for one in batch.records
            ),
        )

    return keep


def registrable(name: str) -> str:
    """Return the domain that somebody registered, of a name under it."""
    return split_payload(name)[0]


def _nothing(_name: str) -> str:
    return ""


def _of(record: QueryRecord, device: str, name: str, source: str, entry: str) -> QueryRecord:
    return QueryRecord(
        record.second, device, record.group, name, record.qtype, record.verdict, record.step, record.category,
        source, entry, record.rcode, record.count, record.milliseconds,
    )  # fmt: skip
