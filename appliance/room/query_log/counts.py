"""What the query log says in numbers, hour by hour: no device, and no site that few asked for."""

from collections import defaultdict

from appliance.protocol import (
    MAX_COUNTED_ANSWERS,
    MAX_REFUSED_SITES,
    MIN_DEVICES,
    CountedAnswers,
    CountedSite,
    HourCounts,
)
from appliance.room.paths import RoomPaths
from appliance.room.query_log.columns import ID_BITS
from appliance.room.query_log.log_key import make_log_key_source
from appliance.room.query_log.reader import QueryLogReader
from appliance.settings.room import RoomSettings

_MAX_SITE, _MAX_CATEGORY = 253, 64
_SITES = f"""SELECT (q.id >> {ID_BITS}) / 3600 AS hour, n.name, min(o.category), sum(q.count)
    FROM queries q INDEXED BY queries_closed
        JOIN names n ON n.id = q.name_id JOIN outcomes o ON o.id = q.outcome_id
    WHERE q.closed = 1 AND q.id >= ? AND q.id < ? AND o.verdict = 'refused' AND n.name <> ''
    GROUP BY hour, n.name HAVING count(DISTINCT q.device_id) >= {MIN_DEVICES}
    ORDER BY hour, sum(q.count) DESC, n.name"""  # noqa: S608 (numbers)


class CountsReader(QueryLogReader):
    """A room's query log, in numbers."""

    @classmethod
    def for_counting(cls, settings: RoomSettings) -> "CountsReader":
        """Return a room's log, read as it lies there: no rows are written to the card for the sake of counts."""
        paths = RoomPaths.from_settings(settings)
        return cls(paths.query_log, make_log_key_source(settings.log, paths))

    def read_counts(self, first: int, last: int) -> list[HourCounts]:
        """Return the counts of the hours from `first` to `last` (hours since 1970) in which anything was asked.

        Raises LogUnreadable.
        """
        answers: dict[int, list[CountedAnswers]] = defaultdict(list)
        for hour, verdict, category, count in self._fetch_all(
            "SELECT hour, verdict, category, sum(answers) FROM counts WHERE hour BETWEEN ? AND ?"
            " GROUP BY hour, verdict, category ORDER BY hour, sum(answers) DESC",
            (first, last),
        ):
            answers[hour].append(CountedAnswers(verdict, category[:_MAX_CATEGORY], count))
        sites: dict[int, list[CountedSite]] = defaultdict(list)
        bounds = (first * 3600 << ID_BITS, (last + 1) * 3600 << ID_BITS)
        for hour, name, category, count in self._fetch_all(_SITES, bounds):
            if len(name) <= _MAX_SITE:
                sites[hour].append(CountedSite(name, category[:_MAX_CATEGORY], count))
        return [
            HourCounts(
                hour=hour,
                answers=tuple(found[:MAX_COUNTED_ANSWERS]),
                sites=tuple(sites.get(hour, ())[:MAX_REFUSED_SITES]),
            )
            for hour, found in sorted(answers.items())
        ]
