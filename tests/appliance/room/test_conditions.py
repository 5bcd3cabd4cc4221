"""Every condition of a room has a row, a line in the documents, and a producer that a real fault sets off.

The faults: parts of a room are started as they are on a card, and something about them is really broken.
"""

import asyncio
import contextlib
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.room import health, local_overrides
from appliance.room.agent import service
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.signed_lists import TRUSTED_FILE
from appliance.room.conditions import Condition, describe_condition
from appliance.room.health import STALE_SECONDS, ProcessHealth
from appliance.room.local_overrides import LocalOverrides
from appliance.room.query_log.database import open_database_for_writing
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.message.constants import Rcode
from tests.fakes.authority import Authority
from tests.fakes.card import FakeCard
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.clock import FakeClock
from tests.fakes.enrolled import EnrolledRoom, wait_until
from tests.fakes.network_between import opening_proxy
from tests.fakes.ports import free_port
from tests.fakes.signing_central import SigningCentral
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import failing, never

ROOT = Path(__file__).parents[3]
DAY_SECONDS = 86_400.0


class Faults:
    """A room, and each way of breaking it: `fault_NAME` returns how its health is read afterwards."""

    def __init__(self, folder: Path, central: FakeCentral, upstream: FakeUpstream) -> None:
        self._folder = folder
        self.central = central
        self._upstream = upstream
        self.room = EnrolledRoom(folder, upstream, central)

    def disk_trouble(self) -> tuple[ProcessHealth, ...]:
        recorder = self.room.start_process("recorder")
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (4096, unlimited))  # as full as a disk can be
        return self._said_by("recorder", Condition.DISK_TROUBLE)

    def upstream_down(self) -> tuple[ProcessHealth, ...]:
        self._upstream.behave = never
        self.room.start()
        self.room.ask("www.example.org", seconds=1)
        return self._said_by("resolver", Condition.UPSTREAM_DOWN)

    def upstream_failing(self) -> tuple[ProcessHealth, ...]:
        self._upstream.behave = failing(Rcode.REFUSED)
        with FakeUpstream() as well:
            text = self.room.file.read_text()
            own = f'"127.0.0.1:{self._upstream.port}"'
            self.room.file.write_text(text.replace(own, f'{own}, "127.0.0.1:{well.port}"'))
            self.room.start()
            for number in range(40):
                self.room.ask(f"n{number}.example.org", seconds=5)
            return self._said_by("resolver", Condition.UPSTREAM_FAILING)

    def policy_damaged(self) -> tuple[ProcessHealth, ...]:
        content = self.room.paths.policy.read_bytes()
        self.room.paths.policy.write_bytes(content[: len(content) // 2])
        self.room.start()
        return self._said_by("resolver", Condition.POLICY_DAMAGED)

    def lists_damaged(self) -> tuple[ProcessHealth, ...]:
        os.truncate(self.room.index, 100)
        self.room.start()
        return self._said_by("resolver", Condition.LISTS_DAMAGED)

    def settings_wrong(self) -> tuple[ProcessHealth, ...]:
        return self._card_said('[room]\nnmae = "Room 4"\n')

    def not_enrolled(self) -> tuple[ProcessHealth, ...]:
        return self._card_said('[room]\nname = "Room 4"\n')

    def central_unreachable(self) -> tuple[ProcessHealth, ...]:
        self.central.stop()
        clock = FakeClock()

        async def run_agent_without_central() -> None:
            agent = asyncio.create_task(service.run_agent(self._settings(), now=clock))
            async with asyncio.timeout(30):
                while not self._has_spoken("agent"):
                    await asyncio.sleep(0.02)
                clock.now += service.UNREACHABLE_SECONDS + 1
                while Condition.CENTRAL_UNREACHABLE not in self._conditions_of("agent", clock.now):
                    await asyncio.sleep(0.02)
            agent.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await agent

        asyncio.run(run_agent_without_central())
        return health.read_health(self.room.paths.health_folder, clock.now)

    def no_longer_enrolled(self) -> tuple[ProcessHealth, ...]:
        self.central.token = "another"
        self.room.start_agent()
        return self._said_by("agent", Condition.NO_LONGER_ENROLLED)

    def connection_opened(self) -> tuple[ProcessHealth, ...]:
        (self._folder / "proxy").mkdir()
        with opening_proxy(self._folder / "proxy", self.central.port) as port:
            text = self.room.file.read_text()
            self.room.file.write_text(text.replace(self.central.url, f"https://127.0.0.1:{port}"))
            self.room.start_agent()
            return self._said_by("agent", Condition.CONNECTION_OPENED)

    def copy_stopped(self) -> tuple[ProcessHealth, ...]:
        self.central.feed_answer = (403, "application/problem+json")
        self.central.feed_problem = b'{"type": "urn:hallpass:problem:copy-stopped", "detail": "another one works"}'
        self.room.start_agent()
        return self._said_by("agent", Condition.COPY_STOPPED)

    def clock_differs(self) -> tuple[ProcessHealth, ...]:
        self.central.clock_ahead = 120.0
        self.room.start_agent()
        return self._said_by("agent", Condition.CLOCK_DIFFERS)

    def certificate_ends(self) -> tuple[ProcessHealth, ...]:
        (self._folder / "authority").mkdir()
        certificate, key = Authority(self._folder / "authority", days=5).sign("127.0.0.1")
        port = free_port()
        tls = f'[dns.tls]\nname = "room4.example"\ncertificate = "{certificate}"\nkey = "{key}"\n'
        with self.room.file.open("a") as file:
            file.write(f'{tls}listen = ["127.0.0.1:{port}"]\nhttps = []\n')
        self.room.start()
        self.room.start_agent()
        return self._said_by("agent", Condition.CERTIFICATE_ENDS)

    def encrypted_dns(self) -> tuple[ProcessHealth, ...]:
        with self.room.file.open("a") as file:
            file.write(
                f'[dns.tls]\ncertificate = "c"\nkey = "k"\nlisten = ["127.0.0.1:{free_port()}"]\nhttps = []\n'
            )
        self.room.start()
        return self._said_by("resolver", Condition.ENCRYPTED_DNS)

    def pages_certificate(self) -> tuple[ProcessHealth, ...]:
        with self.room.file.open("a") as file:
            file.write('[web.tls]\ncertificate = "none.pem"\nkey = "none.key"\nlisten = "127.0.0.1:8443"\n')
        self.room.start_agent()
        return self._said_by("agent", Condition.PAGES_CERTIFICATE)

    def lists_not_trusted(self) -> tuple[ProcessHealth, ...]:
        """Central signed its lists before, and names others now that nobody has signed."""
        signing = SigningCentral(self._folder / "signing")
        signing.sign("a1" * 32, b"an index")
        identity = RoomIdentity(self.room.paths.identity, TOKEN)
        identity.lists_folder.mkdir(parents=True)
        (identity.lists_folder / TRUSTED_FILE).write_bytes(signing.read("root.json") or b"")
        with self.room.file.open("a") as file:
            file.write("index_spread_seconds = 0\n")
        self.central.target = msgspec.structs.replace(self.central.target, index="b2" * 32)
        self.room.start_agent()
        return self._said_by("agent", Condition.LISTS_NOT_TRUSTED)

    def passwords_clear(self) -> tuple[ProcessHealth, ...]:
        text = self.room.file.read_text().replace('"127.0.0.1:8080"', '"0.0.0.0:8080"')  # no loopback, no HTTPS
        self.room.file.write_text(text)
        self.room.start_agent()
        return self._said_by("agent", Condition.PASSWORDS_CLEAR)

    def decisions_damaged(self) -> tuple[ProcessHealth, ...]:
        local_overrides.write_overrides(self.room.paths.local_overrides, LocalOverrides())
        self.room.paths.local_overrides.write_bytes(b"[")
        self.room.start()
        return self._said_by("resolver", Condition.DECISIONS_DAMAGED)

    def store_set_aside(self) -> tuple[ProcessHealth, ...]:
        self.room.paths.agent_store.write_bytes(b"no database at all" * 1000)
        self.room.start_agent()
        return self._said_by("agent", Condition.STORE_SET_ASIDE)

    def lists_stale(self) -> tuple[ProcessHealth, ...]:
        self.central.stop()
        fetched_at = time.time() - 30 * DAY_SECONDS
        os.utime(self.room.index, (fetched_at, fetched_at))
        self.room.start_agent()
        return self._said_by("agent", Condition.LISTS_STALE)

    def starting(self) -> tuple[ProcessHealth, ...]:
        process = self.room.start_process("resolver")
        while Condition.STARTING not in self._conditions_of("resolver", time.time()):
            assert process.poll() is None
        process.send_signal(signal.SIGSTOP)  # as for a card that takes its time
        try:
            return self.room.said()
        finally:
            process.send_signal(signal.SIGCONT)

    def stopped(self) -> tuple[ProcessHealth, ...]:
        process = self.room.start_process("agent")
        wait_until("the agent", self.room.said)
        process.kill()
        process.wait(20)
        return health.read_health(self.room.paths.health_folder, time.time() + STALE_SECONDS + 1)

    def _has_spoken(self, process: str) -> bool:
        return (self.room.paths.health_folder / f"{process}.json").exists()

    def _settings(self) -> RoomSettings:
        return load_settings(self.room.file, RoomSettings)

    def _said_by(self, process: str, condition: Condition) -> tuple[ProcessHealth, ...]:
        wait_until(condition.value, lambda: condition in self._conditions_of(process, time.time()))
        return self.room.said()

    def _conditions_of(self, process: str, now: float) -> set[Condition]:
        said = health.read_health(self.room.paths.health_folder, now)
        return {condition for one in said if one.process.startswith(process) for condition in one.conditions}

    def _card_said(self, settings: str) -> tuple[ProcessHealth, ...]:
        card = FakeCard(self._folder / "card")
        card.write_settings(settings)
        card.boot()
        return health.read_health(card.paths.runtime / "health", time.time())


@pytest.fixture
def faults(short_path: Path) -> Iterator[Faults]:
    with FakeCentral() as central, FakeUpstream() as upstream:
        made = Faults(short_path, central, upstream)
        yield made
        made.room.stop()


@pytest.mark.parametrize("condition", Condition)
def test_a_real_fault_raises_every_condition(faults: Faults, condition: Condition) -> None:
    break_something: Callable[[], tuple[ProcessHealth, ...]] = getattr(faults, condition.name.lower())
    said = [one for one in break_something() if condition in one.conditions]
    assert said
    if condition is not Condition.STOPPED:  # nobody says that of itself
        assert {one.process.partition("-")[0] for one in said} == {condition.row.raised_by}


def test_a_failing_upstream_is_named_with_how_it_fails(faults: Faults) -> None:
    said = [one for one in faults.upstream_failing() if Condition.UPSTREAM_FAILING in one.conditions]
    title = f"upstream 127.0.0.1:{faults._upstream.port}"
    assert all(one.details[title].startswith("answers with REFUSED since ") for one in said)


def test_a_room_is_starting_until_its_resolver_answers(faults: Faults) -> None:
    faults.starting()
    wait_until("an answer of the resolver", lambda: {one.process for one in faults.room.said()} >= {"resolver-1"})
    wait_until("all of them", lambda: Condition.STARTING not in faults.room.conditions())


def test_a_resolver_that_cannot_start_has_stopped_and_starts_no_longer(faults: Faults) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        tls = f'[dns.tls]\ncertificate = "c"\nkey = "k"\nlisten = ["127.0.0.1:{port}"]\nhttps = []\n[web]'
        faults.room.file.write_text(faults.room.file.read_text().replace("[web]", tls))
        assert faults.room.start_process("resolver").wait(20) == 1
    assert faults.room.conditions() == {Condition.STOPPED}


def test_the_most_urgent_stands_first_and_values_and_rhythms_are_told_apart() -> None:
    rows = [condition.row for condition in Condition]
    assert len({row.rhythm for row in rows}) == len({row.words for row in rows}) == len(rows)
    assert next(iter(Condition)).value == "disk-trouble"


def test_what_a_newer_room_says_has_a_name_and_no_words() -> None:
    assert describe_condition("disk-trouble") == ("disk trouble", "the log cannot be written")
    assert describe_condition("roof-on-fire") == ("roof on fire", "")


def test_the_table_of_the_lamp_in_the_documents_is_the_table_of_conditions() -> None:
    text = (ROOT / "docs/lamp.md").read_text()
    table = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE)
    first = next(at for at, (rhythm, *_) in enumerate(table) if rhythm == next(iter(Condition)).row.rhythm)
    rows = [(row.rhythm, row.raised_by) for row in (condition.row for condition in Condition)]
    assert [(rhythm, raised_by) for rhythm, _, raised_by in table[first:]] == rows
    for condition, (_, means, _) in zip(Condition, table[first:], strict=True):
        assert means.startswith(condition.row.words)


def test_lists_that_central_still_names_are_not_old_and_stay_so_while_it_is_away(faults: Faults) -> None:
    old = time.time() - 30 * DAY_SECONDS
    os.utime(faults.room.index, (old, old))
    faults.room.start_agent()
    wait_until("what central says", faults.room.paths.confirmed_index.exists)
    faults.central.stop()
    faults.room.stop()
    (faults.room.paths.health_folder / "agent.json").unlink()
    faults.room.start_agent()
    wait_until("the agent", faults.room.said)
    assert [one.conditions for one in faults.room.said()] == [()]


def test_a_log_that_a_newer_hallpass_wrote_is_said_and_left_alone(faults: Faults) -> None:
    with contextlib.closing(open_database_for_writing(faults.room.paths.query_log, None)) as connection:
        connection.execute("PRAGMA user_version = 99")
    faults.room.start_process("recorder")
    wait_until("the recorder", lambda: any(Condition.DISK_TROUBLE in one.conditions for one in faults.room.said()))
    (said,) = faults.room.said()
    assert "version 99" in said.details["log"]
    assert list(faults.room.paths.data.glob("*set-aside*")) == []


def test_technician_lists_are_applied_and_updated_on_a_regular_basis_or_the_lamp_shows_that_they_are_old(
    faults: Faults,
) -> None:
    faults.lists_stale()
    faults.room.start_process("recorder")
    lamp = faults.room.paths.simulated_lamp
    wait_until("the lamp", lambda: lamp.exists() and lamp.read_text().strip() == "on lists-stale")
