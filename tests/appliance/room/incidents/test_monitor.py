"""What the recorder makes of tunnels, from the records that workers hand over."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from appliance.room import blocked_tunnels
from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.incidents.rules import BYPASS_CATEGORY
from appliance.room.paths import RoomPaths
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.message.constants import Rcode
from dns.policy.document import IncidentThresholds, PolicyDocument
from dns.querylog.records import QueryRecord, RecordBatch
from tests.fakes import traces

NOW = 1_795_000_000


@pytest.fixture
def paths(tmp_path: Path) -> RoomPaths:
    (tmp_path / "policy.toml").write_text('version = 1\ntunnels = "close"\n')
    (tmp_path / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[policy]\ndocument = "policy.toml"\n'
    )
    return RoomPaths.from_settings(load_settings(tmp_path / "room.toml", RoomSettings))


@pytest.fixture
def watch(tmp_path: Path, paths: RoomPaths) -> IncidentMonitor:
    paths.blocked_tunnels.parent.mkdir(parents=True, exist_ok=True)
    return IncidentMonitor(load_settings(tmp_path / "room.toml", RoomSettings), paths, Pseudonyms(b"b" * 32))


def seconds_of_a_tunnel(verdict: str, rcode: int, step: str, parent: str = "example.net") -> Iterator[RecordBatch]:
    """Yield a batch for each second of 38 letters of base32, ten names a second, for A and AAAA."""
    names = traces.tunnel(Random(1), "base32", per_second=10, letters=38, qtype=traces.A, seconds=150)
    batches: dict[int, list[QueryRecord]] = {}
    for now, made, qtype in traces.asked_by_stub(names, (traces.A, traces.AAAA)):
        name = made.replace("example.net", parent)
        batches.setdefault(int(now), []).append(
            QueryRecord(
                NOW + int(now), "192.0.2.7", "pupils", name, qtype, verdict, step, "", "", "", rcode, 2, 0.1
            )
        )
    for sequence, records in enumerate(batches.values(), 1):
        yield RecordBatch("worker", sequence, tuple(records))


@pytest.mark.parametrize(
    ("verdict", "rcode"),
    [("allowed", Rcode.NOERROR), ("failed", Rcode.SERVFAIL)],
    ids=["answered", "never answered"],
)
def test_a_tunnel_that_asks_as_a_stub_does_is_closed_within_half_a_minute(
    watch: IncidentMonitor, paths: RoomPaths, verdict: str, rcode: int
) -> None:
    for batch in seconds_of_a_tunnel(verdict, rcode, "default"):
        now = batch.records[0].second
        watch.observe_batch(batch, float(now))
        if blocked_tunnels.read_blocked_tunnels(paths.blocked_tunnels, now):
            break

    assert now < NOW + 30
    assert [one.parent for one in blocked_tunnels.read_blocked_tunnels(paths.blocked_tunnels, now)] == [
        "example.net"
    ]
    assert [incident.kind for incident in watch.take_incidents()] == ["tunnel"]


@pytest.mark.parametrize(
    ("verdict", "rcode", "step"),
    [("failed", Rcode.REFUSED, ""), ("allowed", Rcode.NOERROR, "rule")],
    ids=["of strangers", "that a rule of the school allows"],
)
def test_questions_close_nothing(
    watch: IncidentMonitor, paths: RoomPaths, verdict: str, rcode: int, step: str
) -> None:
    for batch in seconds_of_a_tunnel(verdict, rcode, step):
        watch.observe_batch(batch, float(batch.records[0].second))

    assert not blocked_tunnels.read_blocked_tunnels(paths.blocked_tunnels, NOW)
    assert not watch.take_incidents()


@pytest.mark.parametrize("parent", ["bbc.co.uk", "office.com", "ttrockstars.com"])
def test_random_names_close_no_site_that_schools_teach_with(
    watch: IncidentMonitor, paths: RoomPaths, parent: str
) -> None:
    for batch in seconds_of_a_tunnel("allowed", Rcode.NOERROR, "default", parent):
        watch.observe_batch(batch, float(batch.records[0].second))

    assert not blocked_tunnels.read_blocked_tunnels(paths.blocked_tunnels, NOW)
    assert [incident.kind for incident in watch.take_incidents()] == ["tunnel"]


def test_a_room_that_was_told_nothing_yet_closes_everything_and_accuses_nobody_of_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 43)
    (tmp_path / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
    )
    settings = load_settings(tmp_path / "room.toml", RoomSettings)
    paths = RoomPaths.from_settings(settings)
    watch = IncidentMonitor(settings, paths, Pseudonyms(b"b" * 32))

    def refused(sequence: int, now: int, category: str = "advertising") -> RecordBatch:
        records = (
            QueryRecord(
                second=now, device="192.0.2.7", name=f"n{number}.example", qtype=1, verdict="refused", count=1,
                group="", step="list", category=category,
            )
            for number in range(IncidentThresholds().many_refusals)
        )  # fmt: skip
        return RecordBatch("w", sequence, tuple(records))

    watch.observe_batch(refused(1, NOW), NOW)
    assert watch.take_incidents() == []
    watch.observe_batch(refused(2, NOW + 1, BYPASS_CATEGORY), NOW + 1)
    assert [one.kind for one in watch.take_incidents()] == ["bypass"]
    paths.data.mkdir()
    paths.policy.write_bytes(msgspec.json.encode(PolicyDocument(version=1)))
    watch.observe_batch(refused(3, NOW + 1000), NOW + 1000)
    assert [one.kind for one in watch.take_incidents()] == ["many-refusals"]
