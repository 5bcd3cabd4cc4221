"""`hallpass recorder` as a process, and what others ask of it while it runs."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import Incident
from appliance.room.agent import rpc
from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.lamp.controller import LampController
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.log_key import NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.service import QueryLogService
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.querylog.records import FrameReader, QueryRecord, RecordBatch, ack_decoder, encode_frame
from hardware.lamp import SimulatedLamp

NOW = 1_795_000_000
ALLOWED = QueryRecord(NOW, "192.0.2.7", "pupils", "example.org", 1, "allowed", "default", "", "", "", 0, 3, 1.5)
LOCKED = QueryRecord(
    NOW, "192.0.2.8", "pupils", "hate.example", 1,
    "refused", "locked", "extremism", "own", "hate.example", 0, 1, 0.1,
)  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    yield path
    shutil.rmtree(path)


@pytest.fixture
def settings(folder: Path) -> RoomSettings:
    (folder / "policy.toml").write_text('version = 1\nlocked_categories = ["extremism"]\n')
    (folder / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[led]\ndriver = "simulated"\n[log]\ncommit_seconds = 60\n[policy]\ndocument = "policy.toml"\n'
    )
    return load_settings(folder / "room.toml", RoomSettings)


class Process:
    """A recorder of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "recorder", "--config", str(folder / "room.toml")],
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )

    def end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        return self._process.wait(timeout=20)


def connect(path: Path) -> socket.socket:
    """Connect as soon as somebody serves there."""
    end = time.monotonic() + 30
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            assert time.monotonic() < end, f"nobody serves {path}"
            time.sleep(0.02)
        else:
            connection.settimeout(20)
            return connection


def sequences(connection: socket.socket, count: int) -> list[int]:
    """Return the numbers of so many batches that the recorder says are stored."""
    frames = FrameReader()
    found: list[int] = []
    while len(found) < count:
        data = connection.recv(65536)
        assert data, "the recorder closed the connection"
        found += [ack_decoder.decode(body).sequence for body in frames.feed(data)]
    return found


def test_what_is_pending_is_stored_when_it_is_told_to_stop(folder: Path, settings: RoomSettings) -> None:
    paths = RoomPaths.from_settings(settings)
    recorder = Process(folder)
    connect(paths.query_log_control_socket).close()  # which is there a moment after the other
    with connect(paths.query_log_socket) as worker:
        worker.sendall(encode_frame(RecordBatch("w", 1, (ALLOWED,))))
        control.send_control_request(
            paths.query_log_control_socket, control.FlushRequest()
        )  # it has certainly read what was sent before
        assert sequences(worker, 1) == [1]
        worker.sendall(encode_frame(RecordBatch("w", 2, (ALLOWED,))))
        control.send_control_request(paths.query_log_control_socket, control.AcknowledgeRequest())
        assert recorder.end(signal.SIGTERM) == 0
        assert sequences(worker, 1) == [2]
    assert QueryLogReader(paths.query_log).read_stats().queries == 6


def test_after_a_kill_it_serves_again_where_the_old_sockets_stand(folder: Path, settings: RoomSettings) -> None:
    paths = RoomPaths.from_settings(settings)
    first = Process(folder)
    with connect(paths.query_log_socket) as worker:
        worker.sendall(encode_frame(RecordBatch("w", 1, (LOCKED,))))
        assert sequences(worker, 1) == [1], "a refusal is not kept waiting"
    first.end(signal.SIGKILL)
    assert paths.query_log_socket.exists()
    again = Process(folder)
    with connect(paths.query_log_socket) as worker:
        worker.sendall(encode_frame(RecordBatch("w", 1, (LOCKED,))) + encode_frame(RecordBatch("w", 2, (LOCKED,))))
        assert sequences(worker, 2) == [1, 2]
    again.end(signal.SIGTERM)
    assert QueryLogReader(paths.query_log).read_stats().refused == 2


def test_a_reader_sees_what_was_received_a_moment_ago(folder: Path, settings: RoomSettings) -> None:
    paths = RoomPaths.from_settings(settings)
    recorder = Process(folder)
    connect(paths.query_log_control_socket).close()  # which is there a moment after the other
    with connect(paths.query_log_socket) as worker:
        worker.sendall(encode_frame(RecordBatch("w", 1, (LOCKED,))))
        sequences(worker, 1)
        log = QueryLogReader.from_settings(settings)
        assert [entry.name for entry in log.read_tail(5)] == ["hate.example"]
        token = log.read_tail(1)[0].device
        answer = control.send_control_request(
            paths.query_log_control_socket,
            control.LookupRequest(token=token, who="m.lead", reason="what was asked for"),
        )
        assert answer.address == "192.0.2.8"
        with pytest.raises(control.ControlRequestRejected, match="reason"):
            control.send_control_request(
                paths.query_log_control_socket, control.PurgeRequest(who="office", reason=" ")
            )
    with connect(paths.query_log_control_socket) as asker:
        asker.sendall(b"what?\n")
        assert "not a question" in json.loads(asker.recv(4096))["error"]
    recorder.end(signal.SIGTERM)


class Agent:
    """The agent's end: takes incidents, or says no."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.asked: list[Incident] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = rpc.request_decoder.decode(await reader.readline())
        assert isinstance(question, rpc.IncidentRequest)
        self.asked.append(question.incident)
        writer.write(msgspec.json.encode(rpc.RpcResponse(error="" if self.takes else "no central yet")) + b"\n")
        writer.close()


@pytest.mark.parametrize(("pins", "stands_in"), [("mock", False), ("native-but-unknown", True)])
def test_the_simulated_lamps_file_is_there_only_while_no_pin_can_be_used(
    folder: Path, settings: RoomSettings, pins: str, *, stands_in: bool
) -> None:
    paths = RoomPaths.from_settings(settings)
    paths.simulated_lamp.parent.mkdir(parents=True)
    paths.simulated_lamp.write_text("on trouble\n")  # left by a run that had no pin
    text = (folder / "room.toml").read_text()
    (folder / "room.toml").write_text(text.replace('driver = "simulated"', 'driver = "gpio"'))
    recorder = Process(folder, GPIOZERO_PIN_FACTORY=pins)
    try:
        with connect(paths.query_log_socket):
            assert paths.simulated_lamp.exists() == stands_in
    finally:
        assert recorder.end(signal.SIGTERM) == 0


def test_an_incident_reaches_the_agent_once_and_is_kept_until_it_does(
    folder: Path, settings: RoomSettings
) -> None:
    paths = RoomPaths.from_settings(settings)
    paths.sockets.mkdir(parents=True)

    async def story() -> None:
        tokens = Pseudonyms(b"s" * 32)
        live = LiveFeed(tokens)
        light = LampController(SimulatedLamp(paths.simulated_lamp), asyncio.get_running_loop())
        ledger = QueryLogWriter(paths.query_log, paths.query_log_journal, settings.log, tokens, NoKey())
        watch = IncidentMonitor(settings, paths, tokens)
        recorder = QueryLogService(ledger, live, light, watch, commit_seconds=0.05, now=lambda: float(NOW))
        server = await asyncio.start_unix_server(recorder.serve_worker, paths.query_log_socket)
        reader, writer = await asyncio.open_unix_connection(paths.query_log_socket)
        writer.write(encode_frame(RecordBatch("w", 1, (LOCKED, ALLOWED))))
        async with asyncio.timeout(10):
            await reader.read(100)
        await recorder.send_incidents()  # nobody is there
        agent = Agent(takes=False)
        agents = await asyncio.start_unix_server(agent.serve, paths.agent_socket)
        await recorder.send_incidents()
        assert len(agent.asked) == 1
        agent.takes = True
        await recorder.send_incidents()
        await recorder.send_incidents()
        assert len(agent.asked) == 2, "once it was taken it is not sent again"
        later = msgspec.structs.replace(LOCKED, device="192.0.2.9")
        writer.write(encode_frame(RecordBatch("w", 2, (later,))))
        async with asyncio.timeout(10):
            await reader.read(100)
        await recorder.send_incidents()
        assert len(agent.asked) == 3, "what is found after a look that found nothing is sent"
        agent.asked.pop()
        kept = next(one for one in QueryLogReader(paths.query_log).read_incidents() if one == agent.asked[-1])
        assert kept.kind == "locked-category"
        assert kept.device == tokens.pseudonym_of("192.0.2.8")
        writer.close()
        agents.close()
        server.close()
        await recorder.close()
        light.close()

    asyncio.run(story())
