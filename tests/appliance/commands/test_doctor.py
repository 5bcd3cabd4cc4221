"""`hallpass doctor` on a room of real processes, and what it says when they are not well."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from appliance.doctor import dns_client
from appliance.doctor.resolution import check_resolution
from appliance.doctor.room import RoomDoctor
from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.index_age import note_confirmed_index
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.message.constants import Rcode
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import EnrolledRoom
from tests.fakes.living_room import LivingRoom
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS, run
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import failing, never

MACHINE = ("disk", "memory", "versions", "root", "file systems", "heat", "power", "card", "data partition")


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [
        line for line in done.stdout.splitlines() if line.split(" ", 1)[1].strip().split(":")[0] not in MACHINE
    ]


def test_a_room_that_is_well_is_told_so_without_anybodys_browsing(room: LivingRoom) -> None:
    dns_client.query_server("127.0.0.1", room.dns, "somebody-asked-this.example")
    done = run("doctor", "--config", str(room.config))
    said = lines(done)
    assert not [line for line in said if line.startswith("problem")], done.stdout
    for words in (
        "services: agent, recorder, resolver-1 run",
        "DNS over UDP: answers in",
        "DNS over TCP: answers in",
        "canary: browsers are told",
        "filter: a listed name is refused (the lamp lit up just now); the answer is",
        "resolving: names are asked outside and answered",
        "upstream: 127.0.0.1 (plain) answers in",
        "pages: served",
        "pages: without TLS; nobody signs in to a room that works alone",
        "central: this room works alone",
        "log: can be written",
        "lamp: simulated",
    ):
        assert any(words in line for line in said), (words, done.stdout)
    assert done.returncode == int("problem" in done.stdout)
    assert "somebody-asked-this" not in done.stdout + done.stderr
    afar = run("doctor", "127.0.0.1", "--port", str(room.dns), "--web-port", str(room.web))
    assert afar.returncode == 0, afar.stdout
    assert [line.split()[0] for line in afar.stdout.splitlines()] == [*["ok"] * 8, "-", "-"]
    assert "resolving: names are asked outside and answered" in afar.stdout
    assert "clock: agrees with this machine's" in afar.stdout


def test_what_is_not_well_is_said_with_what_to_do(room: LivingRoom) -> None:
    room.stop("resolver", "recorder", "web")
    done = run("doctor", "--config", str(room.config))
    assert done.returncode == 1
    problems = [line for line in lines(done) if line.startswith("problem")]
    for words in ("DNS over UDP: 127.0.0.1", "DNS over TCP: 127.0.0.1", "pages: 127.0.0.1", "log: this room's"):
        [line] = [line for line in problems if words in line]
        assert " -> " in line
    afar = run("doctor", "127.0.0.1", "--port", str(room.dns), "--web-port", str(room.web))
    assert afar.returncode == 1
    assert "connection refused" in afar.stdout


def test_a_room_that_resolves_nothing_is_not_well_however_well_it_filters(short_path: Path) -> None:
    with FakeUpstream() as upstream:
        upstream.behave = never
        config, port = short_path / "room.toml", free_port()
        config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{port}"]\nupstreams = ["127.0.0.1:{upstream.port}"]\nworkers = 1\n'
        )
        process = subprocess.Popen(
            [*HALLPASS, "resolver", "--config", str(config)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            while "answering on" not in process.stderr.readline():
                assert process.poll() is None
            found = {one.what: one for one in check_resolution("127.0.0.1", port)}
        finally:
            process.terminate()
            process.wait(20)
            process.stderr.close()
    assert found["filter"].state == found["canary"].state == "ok"
    assert found["resolving"].state == "problem"
    assert "SERVFAIL" in found["resolving"].words


@pytest.mark.parametrize("rcode", [Rcode.REFUSED, Rcode.SERVFAIL])
def test_an_upstream_that_fails_a_real_question_is_a_problem(tmp_path: Path, rcode: Rcode) -> None:
    config = tmp_path / "room.toml"
    with FakeUpstream(behave=failing(rcode)) as ill, FakeUpstream() as well, FakeUpstream() as own:
        config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nupstreams = ["127.0.0.1:{ill.port}", "127.0.0.1:{well.port}"]\n'
            f'[[dns.forward]]\ndomain = "school.example"\nupstreams = ["127.0.0.1:{own.port}"]\n'
        )
        settings = load_settings(config, RoomSettings)
        found = list(RoomDoctor(settings)._upstreams())
        assert [one.state for one in found] == ["problem", "ok", "ok"]
        assert f"answers with {rcode.name}" in found[0].words
        assert own.names() == ["school.example"]
        folder = RoomPaths.from_settings(settings).health_folder
        details = {f"upstream 127.0.0.1:{well.port}": "sends malformed answers since 10:31"}
        health.write_health(folder, ProcessHealth(process="resolver-1", time=time.time(), details=details))
        said = [one.words for one in RoomDoctor(settings)._upstreams() if one.state == "problem"]
        assert any("sends malformed answers since 10:31" in words for words in said)


@pytest.mark.parametrize("condition", Condition)
def test_the_doctor_is_silent_about_nothing_that_a_room_says_of_itself(
    tmp_path: Path, condition: Condition
) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["127.0.0.1:9"]\n')
    settings = load_settings(config, RoomSettings)
    folder = RoomPaths.from_settings(settings).health_folder
    details = {condition.value: "since 10:31"}
    for process in ("resolver-1", "resolver-2"):  # each worker says the same
        said = ProcessHealth(process=process, time=time.time(), conditions=(condition,), details=details)
        health.write_health(folder, said)
    doctor = RoomDoctor(settings)
    [found] = doctor.check_said(set())
    assert (found.state, found.what) == ("problem", condition.row.doctor_check)
    assert found.words in {"since 10:31", condition.row.words}
    assert found.todo
    assert list(doctor.check_said({condition.row.doctor_check})) == []  # it was found by looking already


def test_a_store_that_was_set_aside_and_damaged_decisions_are_problems_for_the_doctor(room: LivingRoom) -> None:
    folder = room.config.parent / "data/run/health"
    both = (Condition.STORE_SET_ASIDE, Condition.DECISIONS_DAMAGED)
    health.write_health(folder, ProcessHealth(process="another", time=time.time(), conditions=both, lasting=True))
    done = run("doctor", "--config", str(room.config))
    assert done.returncode == 1
    for condition in both:
        assert f"problem  {condition.row.doctor_check}: {condition.row.words}" in done.stdout


def test_a_server_that_filters_nothing_is_a_problem(upstream: int) -> None:
    done = run("doctor", "127.0.0.1", "--port", str(upstream), "--web-port", str(free_port()))
    assert done.returncode == 1
    assert "a listed name is not refused" in done.stdout
    assert "browsers are not told to keep to this DNS" in done.stdout


def test_mistakes_in_the_settings_are_findings(tmp_path: Path) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nnmae = "x"\n[dns]\nupstreams = []\n')
    done = run("doctor", "--config", str(config))
    assert done.returncode == 1
    assert done.stdout.count("problem  settings: ") == len(done.stdout.splitlines()) >= 4
    assert run("doctor", "127.0.0.1", "--config", "x").returncode == 2


def test_lists_are_old_for_the_doctor_when_they_are_for_the_lamp(short_path: Path) -> None:
    with FakeUpstream() as upstream, FakeCentral() as central:
        room = EnrolledRoom(short_path, upstream, central)
    now = time.time()
    fetched_at = now - 9 * 86_400
    os.utime(room.index, (fetched_at, fetched_at))
    look = dict(RoomDoctor(load_settings(room.file, RoomSettings), lambda: now).checks())["policy"]
    assert [one.words for one in look() if one.state == "problem"] == ["are 9 days old"]
    note_confirmed_index(room.paths, room.version, now - 7200)
    assert [(one.state, one.words) for one in look() if one.what == "lists"] == [("ok", "are 2 hours old")]
