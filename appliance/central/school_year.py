"""The school's week, its terms and its holidays: dates on the school's clock, first and last day included."""

from collections.abc import Iterable
from typing import Any

import msgspec

from dns.policy.document import Span


def to_spans(found: Iterable[dict[str, Any]]) -> tuple[Span, ...]:
    """Return what a column keeps as spans of days."""
    return tuple(msgspec.convert(one, Span) for one in found)
