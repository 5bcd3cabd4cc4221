"""Where the values of a query record stand in the log's tables, and what readers are shown of them.

Derived from `dns.querylog.records.QueryRecord`: a value that is not named here stands in `outcomes`, in a column
of its own name.
"""

from datetime import UTC, datetime
from operator import attrgetter

from dns.message.constants import RecordType
from dns.querylog.records import ANSWER_FIELDS, COLUMNS, QueryRecord

ID_BITS = 20  # a million rows a second

# Those that stand in the table `qtypes`; whatever is not there shows as TYPE and its number.
QTYPE_NAMES = {
    int(kind): kind.name
    for kind in (
        RecordType.A, RecordType.NS, RecordType.CNAME, RecordType.SOA, RecordType.PTR, RecordType.MX,
        RecordType.TXT, RecordType.AAAA, RecordType.SRV, RecordType.NAPTR, RecordType.DS, RecordType.DNSKEY,
        RecordType.TLSA, RecordType.SVCB, RecordType.HTTPS, RecordType.ANY, RecordType.CAA,
    )
}  # fmt: skip

# Of `queries` q, `devices` d, `names` n and `outcomes` o, as `JOINED` has them.
_EXPRESSIONS = {
    "second": f"q.id >> {ID_BITS}",
    "device": "d.token",
    "name": "n.name",
    "qtype": "q.qtype",
    "count": "q.count",
    "milliseconds": "q.microseconds / 1000.0",
}
_OUTCOME_NAMES = {"group": "device_group"}  # GROUP is a word of SQL
_SHOWN_NAMES = {"second": "time", "qtype": "type"}  # what readers are shown in words

JOINED = """{queries} JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
    JOIN outcomes o ON o.id = q.outcome_id"""

OUTCOME_FIELDS = tuple(field for field in ANSWER_FIELDS if field not in _EXPRESSIONS)
OUTCOME_COLUMNS = tuple(_OUTCOME_NAMES.get(field, field) for field in OUTCOME_FIELDS)
LOG_FIELDS = tuple(field for field, column in COLUMNS.items() if column.in_log)
LIVE_FIELDS = tuple(field for field, column in COLUMNS.items() if column.in_live)


class QueryLogEntry(QueryRecord, frozen=True, array_like=True):
    """One line of the log: a record whose device is a token."""

    @property
    def time(self) -> str:
        """When, in UTC (ISO 8601)."""
        return datetime.fromtimestamp(self.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def type(self) -> str:
        """The record type by its name, or as RFC 3597 has it (section 5)."""
        return QTYPE_NAMES.get(self.qtype, f"TYPE{self.qtype}")


def select_record(**aggregates: str) -> str:
    """Return the expressions of a SELECT whose rows are records; `aggregates`: fields for which others stand."""
    return ", ".join(aggregates.get(field) or _expression(field) for field in COLUMNS)


def shown_names(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return by which names readers are shown these fields."""
    return tuple(_SHOWN_NAMES.get(field, field) for field in fields)


def shown_values(entry: QueryLogEntry, fields: tuple[str, ...]) -> tuple[object, ...]:
    """Return what readers are shown of an entry."""
    values: tuple[object, ...] = attrgetter(*shown_names(fields))(entry)
    return values


def describe_entry(entry: QueryLogEntry, fields: tuple[str, ...]) -> dict[str, object]:
    """Return what readers are shown of an entry, by name."""
    return dict(zip(shown_names(fields), shown_values(entry, fields), strict=True))


def view_statement() -> str:
    """Return what makes the view `query_log`: what readers are shown, then the rest, then the row's own number."""
    expressions = {field: _expression(field) for field in COLUMNS} | {
        "second": f"strftime('%Y-%m-%dT%H:%M:%SZ', q.id >> {ID_BITS}, 'unixepoch')",
        "qtype": "coalesce(t.type, 'TYPE' || q.qtype)",
    }
    fields = (*LOG_FIELDS, *(field for field in COLUMNS if field not in LOG_FIELDS))
    named = zip(shown_names(fields), (expressions[field] for field in fields), strict=True)
    columns = ", ".join(f'{expression} AS "{name}"' for name, expression in named)
    tables = f"{JOINED.format(queries='queries q')} LEFT JOIN qtypes t ON t.qtype = q.qtype"
    return f"CREATE VIEW query_log AS SELECT {columns}, q.id AS id FROM {tables}"  # noqa: S608 (our own words)


def _expression(field: str) -> str:
    return _EXPRESSIONS.get(field) or f"o.{_OUTCOME_NAMES.get(field, field)}"
