"""What other machines have of a school: figures for Prometheus, of a real room and a real central."""

import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from appliance.central import metrics as of_central
from appliance.metrics.samples import Metric
from appliance.room import metrics as of_room
from tests.docs.sources import ROOT
from tests.e2e.school import Room, School, until
from tests.fakes.ports import free_port

TABLES = {"A room's": of_room.METRICS, "Central's": of_central.METRICS}
RARE = {
    "hallpass_central_decision_median_seconds",
    "hallpass_central_decision_longest_seconds",
    "hallpass_central_trust_reached_seconds",
}  # once one is decided, or a trust was joined
ALERTS = (ROOT / "docs" / "alerts.yml").read_text()


class Figures:
    """What one address of figures says."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/metrics"

    def read(self) -> str:
        try:
            answer = httpx.get(self.url, timeout=10, trust_env=False)
        except httpx.TransportError:
            return ""
        assert answer.status_code == 200, answer.text
        return answer.text

    def names(self) -> set[str]:
        return set(re.findall(r"^(\w+)", self.read(), re.MULTILINE))

    def value(self, sample: str) -> float | None:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.read(), re.MULTILINE)
        return float(found[1]) if found else None


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def school(ports: tuple[int, int]) -> Iterator[School]:
    with School(settings=f'[metrics]\nlisten = "127.0.0.1:{ports[0]}"\n') as one:
        yield one


@pytest.fixture(scope="module")
def room(school: School, ports: tuple[int, int]) -> Room:
    one = school.room("Room 4", settings=f'[metrics]\nlisten = "127.0.0.1:{ports[1]}"\n')
    one.wait_until_answering()
    return one


@pytest.fixture(scope="module")
def figures(school: School, room: Room, ports: tuple[int, int]) -> dict[str, Figures]:
    found = {"Central's": Figures(ports[0]), "A room's": Figures(ports[1])}
    in_step = "hallpass_policy_in_step_timestamp_seconds"
    until("the room's figures", lambda: found["A room's"].value(in_step), 40)
    until("central's figures", lambda: found["Central's"].value('hallpass_central_rooms{state="in_step"}'), 40)
    return found


def metrics_in(rules: str) -> set[str]:
    expressions = re.findall(r"expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*))", rules)
    return {name for one in expressions for name in re.findall(r"hallpass_\w+", "".join(one))}


@pytest.mark.parametrize("whose", TABLES)
def test_every_metric_of_the_table_is_exported_and_no_other(figures: dict[str, Figures], whose: str) -> None:
    names = {row.name for row in TABLES[whose]}
    until("every metric", lambda: figures[whose].names() >= names - RARE)
    assert figures[whose].names() <= names


@pytest.mark.parametrize("whose", TABLES)
def test_promtool_finds_nothing_against_the_names(figures: dict[str, Figures], whose: str) -> None:
    said = figures[whose].read().encode()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=said, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_what_is_asked_is_counted(figures: dict[str, Figures], room: Room) -> None:
    allowed = 'hallpass_dns_answers_total{verdict="allowed"}'
    before = figures["A room's"].value(allowed) or 0
    for _ in range(5):
        room.dig.addresses("www.example.org")
    until("the answers", lambda: (figures["A room's"].value(allowed) or 0) >= before + 5)
    until("hits", lambda: re.search(r'cache_hits_total\{[^}]*"packet"[^}]*\} [1-9]', figures["A room's"].read()))
    assert figures["A room's"].value('hallpass_dns_worker_starts_total{worker="1"}') == 1
    assert figures["Central's"].value('hallpass_central_rooms{state="in_step"}') == 1


def test_no_label_names_a_person_a_device_a_room_or_a_site(figures: dict[str, Figures]) -> None:
    said = "".join(one.read() for one in figures.values())
    labels = set(re.findall(r'[{,](\w+)="', said))
    assert labels <= {"version", "process", "condition", "verdict", "worker", "cache", "upstream", "state"}
    assert "Room 4" not in said
    assert "example.org" not in said


def test_promtool_takes_the_alerts_and_every_metric_in_them_is_there(figures: dict[str, Figures]) -> None:
    path = ROOT / "docs" / "alerts.yml"
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(metrics_in(ALERTS)) > 20
    until("every metric", lambda: metrics_in(ALERTS) <= figures["A room's"].names() | figures["Central's"].names())


@pytest.mark.parametrize("whose", TABLES)
def test_the_document_repeats_the_table(whose: str) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text().split(f"## {whose}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines() if "| `" in line
    ]
    assert rows == [as_row(one) for one in TABLES[whose]]


def as_row(metric: Metric) -> tuple[str, ...]:
    labels = ", ".join(f"`{one}`" for one in metric.labels)
    return (f"`{metric.name}`", metric.kind, labels or "", metric.words)
