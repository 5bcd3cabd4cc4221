"""What a refusal costs a page that is open: at most three kilobytes over the wire, on the busiest of days."""

import contextlib
import re
import time
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from appliance.room.paths import RoomPaths
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.store import LogStore
from dns.querylog.records import QueryRecord, RecordBatch

WORDS = ("games", "video", "chat", "shop", "music", "photos", "stream", "social", "news", "sport")
BYTES = 3 * 1024


def refuse(path: Path, sequence: int, records: int) -> None:
    now = int(time.time())
    refused = tuple(
        QueryRecord(
            second=now - (at * 7919) % 900 * (2 - sequence), qtype=1,
            device=f"{at * 2654435761 % 2**32:08x}", group="pupils",
            name=f"{WORDS[at % 10]}-{at * 7919 % 10_007:x}.{WORDS[at // 10 % 10]}.example", verdict="refused",
            step="list", category="games",
        )
        for at in range(sequence * 1000, sequence * 1000 + records)
    )  # fmt: skip
    connection = open_database_for_writing(path, None)
    with contextlib.closing(connection):
        LogStore(connection).insert_batches([RecordBatch("w", sequence, refused)], now)


def known_after_a_first_look(teacher: FlaskClient, page: str) -> str:
    """Return what an open page says that it has, as refresh.js does."""
    parts = msgspec.json.decode(teacher.get(page, headers={"X-Refresh": "1"}).data)["parts"]
    rows = {name: re.findall(r'data-row="(\w+)"', part["html"]) for name, part in parts.items()}
    return ",".join(f"{name}={'.'.join([part['version'], *rows[name]])}" for name, part in parts.items())


@pytest.mark.parametrize("encoding", ["gzip, deflate", "gzip, deflate, br, zstd"])
@pytest.mark.parametrize("page", ["/", "/log"])
def test_a_refusal_costs_an_open_page_at_most_three_kilobytes(
    teacher: FlaskClient, tmp_path: Path, short_path: Path, encoding: str, page: str
) -> None:
    path = RoomPaths(data=tmp_path, sockets=short_path / "run").query_log
    refuse(path, 1, 200)
    known = known_after_a_first_look(teacher, page)
    refuse(path, 2, 1)
    answer = teacher.get(page, headers={"X-Refresh": known, "Accept-Encoding": encoding})
    assert answer.headers["Content-Encoding"] in encoding
    assert len(answer.data) + len(str(answer.headers)) <= BYTES


def test_news_that_change_nothing_on_a_page_cost_it_almost_nothing(teacher: FlaskClient) -> None:
    known = known_after_a_first_look(teacher, "/")
    assert len(teacher.get("/", headers={"X-Refresh": known}).data) < 200
