"""What is exported to Prometheus: metrics, each a row of a table, and samples of them.

Names follow Prometheus' conventions: base units (seconds, bytes), `_total` on what only grows. No label holds the
name of a person, a device, a room or a site: whoever reads figures learns nothing of anybody's browsing, and the
number of series stays bounded.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(msgspec.Struct, frozen=True):
    """A row of a table of metrics."""

    name: str
    kind: Literal["gauge", "counter"]
    words: str
    labels: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A value of a metric, with the values of its labels.

    Travels as JSON beside a process's health, which must be readable whatever a figure is: infinity becomes None.
    """

    metric: str
    value: float | bool | None
    labels: tuple[str, ...] = ()


def render_samples(table: Sequence[Metric], samples: Iterable[Sample]) -> bytes:
    """Return samples in Prometheus' text format; what the table does not know, or is no number, is left out."""
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415 (two megabytes, where it is switched on)

    return generate_latest(_Families(table, tuple(samples)))


class _Families:
    """What `prometheus_client` asks for families: a registry of one moment."""

    def __init__(self, table: Sequence[Metric], samples: Sequence[Sample]) -> None:
        self._table = table
        self._samples = samples

    def collect(self) -> "Iterator[Family]":
        """Yield each metric that has samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 (as above)

        for row in self._table:
            kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
            family = kind(row.name, row.words, labels=row.labels)
            for labels, value in self._values(row).items():
                family.add_metric(labels, value)
            if family.samples:
                yield family

    def _values(self, row: Metric) -> dict[tuple[str, ...], float]:
        return {
            one.labels: float(one.value)
            for one in self._samples
            if one.metric == row.name
            and len(one.labels) == len(row.labels)
            and one.value is not None
            and math.isfinite(one.value)
        }
