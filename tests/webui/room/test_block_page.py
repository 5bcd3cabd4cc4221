"""The page that stands where something is closed: calm, without a reason, with a way to tell a grown-up."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.protocol import Incident
from appliance.room.paths import RoomPaths
from appliance.room.query_log.reader import QueryLogReader
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.querylog.records import FrameReader, QueryRecord, RecordBatch, encode_frame
from tests.appliance.room.query_log.test_process import connect
from webui.room.app import create_app
from webui.room.block_page.views import PUPIL_REPORT_PATH

CLOSED = "www.casino.example"
THANKED = "Thank you for telling"


class WatchedRoom:
    """A room's recorder, which sees refusals, and its pages."""

    def __init__(self, folder: Path) -> None:
        (folder / "token").write_text("a-token")
        self._file = folder / "room.toml"
        self._file.write_text(
            '[room]\nname = "Room 4"\ndata = "data"\nrun = "run"\n[dns]\nupstreams = ["192.0.2.53"]\n'
            '[led]\ndriver = "simulated"\n[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
        )
        self.settings = load_settings(self._file, RoomSettings)
        paths = RoomPaths.from_settings(self.settings)
        self._recorder = subprocess.Popen(
            [sys.executable, "-m", "appliance", "recorder", "--config", str(self._file)], stderr=subprocess.DEVNULL
        )
        self._worker = connect(paths.query_log_socket)
        self._sent = 0
        self.app: Flask = create_app(self.settings)

    def refuse(self, device: str, *names: str, step: str = "list", category: str = "gambling") -> None:
        """Let the recorder know, and wait until it does."""
        self._sent += 1
        now = int(time.time())
        records = tuple(
            QueryRecord(now, device, "pupils", name, 1, "refused", step, category, "own", name, 0, 1, 0.1)
            for name in names
        )
        self._worker.sendall(encode_frame(RecordBatch("w", self._sent, records)))
        frames = FrameReader()
        while not list(frames.feed(self._worker.recv(65536))):
            pass

    def press(
        self, device: str, host: str = CLOSED, path: str = PUPIL_REPORT_PATH, **headers: str
    ) -> TestResponse:
        """Press a button of the page that stands at `host`, as a browser does."""
        told = {"Host": host, "Origin": f"http://{host}"} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        return self.app.test_client().post(path, headers=told, environ_base={"REMOTE_ADDR": device})

    def open(self, device: str, host: str = CLOSED) -> str:
        """Return the page that a device is shown at a name."""
        answer = self.app.test_client().get("/", headers={"Host": host}, environ_base={"REMOTE_ADDR": device})
        return answer.get_data(as_text=True)

    def incidents(self) -> list[Incident]:
        return QueryLogReader.from_settings(self.settings).read_incidents()

    def stop_recorder(self) -> None:
        self._worker.close()
        self._recorder.terminate()
        self._recorder.wait(20)


@pytest.fixture
def watched(short_path: Path) -> Iterator[WatchedRoom]:
    room = WatchedRoom(short_path)
    yield room
    room.stop_recorder()


def said(response: TestResponse) -> str:
    return response.get_data(as_text=True)


def test_pupil_without_teachers_being_too_explicit_a_closed_name_shows_a_calm_page_without_a_reason(
    watched: WatchedRoom,
) -> None:
    response = watched.app.test_client().get("/some/page", headers={"Host": CLOSED})
    page = said(response)
    assert response.status_code == 403
    assert "This page is closed here." in page
    assert re.search(r"<button[^>]*>Tell a grown-up", page)
    assert "casino" not in page
    assert "Sign in" not in page


def test_pupil_report_it_immediately_to_my_teacher_and_the_evidence_is_what_the_room_saw(
    watched: WatchedRoom,
) -> None:
    watched.refuse("192.0.2.7", CLOSED)
    response = watched.press("192.0.2.7")
    assert (response.status_code, THANKED in said(response)) == (200, True)
    [incident] = watched.incidents()
    assert incident.evidence == (CLOSED, "this room refused it to this device once just before")
    assert len(incident.device) == 12


def test_one_device_that_presses_thirty_times_drowns_nobody_and_nobody_is_thanked_for_nothing(
    watched: WatchedRoom,
) -> None:
    names = [f"n{number}.casino.example" for number in range(30)]
    watched.refuse("192.0.2.7", *names)
    watched.refuse("192.0.2.8", CLOSED)
    flood = [watched.press("192.0.2.7", name) for name in names]
    child = watched.press("192.0.2.8")
    assert THANKED in said(child)
    not_kept = [one for one in flood if one.status_code == 429]
    assert all("was not passed on" in said(one) and THANKED not in said(one) for one in not_kept)
    assert len(watched.incidents()) == len(flood) - len(not_kept) + 1 < 10


def test_a_page_that_was_not_closed_to_this_device_is_not_passed_on_whatever_the_host_header_says(
    watched: WatchedRoom,
) -> None:
    watched.refuse("192.0.2.7", CLOSED)
    for device, host in (("192.0.2.7", "words-of-a-prankster.example"), ("192.0.2.9", CLOSED)):
        response = watched.press(device, host)
        assert (response.status_code, "nothing was passed on" in said(response)) == (409, True)
    assert watched.incidents() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://a-website.example"},
        {"Origin": "null"},
        {"Origin": "http://[", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_another_pages_form_tells_nobody(watched: WatchedRoom, headers: dict[str, str]) -> None:
    watched.refuse("192.0.2.7", CLOSED)
    response = watched.press("192.0.2.7", **headers)
    assert response.status_code == 403
    assert "Nothing was passed on" in said(response)
    assert "<button" in said(response)
    assert watched.incidents() == []


def test_the_same_page_twice_is_one_incident_and_the_child_is_told_so(watched: WatchedRoom) -> None:
    watched.refuse("192.0.2.7", CLOSED)
    watched.press("192.0.2.7")
    assert "You have told about this page before" in said(watched.press("::ffff:192.0.2.7"))
    assert len(watched.incidents()) == 1


def test_while_nothing_can_be_kept_the_child_is_asked_to_tell_somebody(watched: WatchedRoom) -> None:
    watched.refuse("192.0.2.7", CLOSED)
    watched.stop_recorder()
    response = watched.press("192.0.2.7")
    assert (response.status_code, "could not be passed on" in said(response)) == (503, True)


def test_a_room_that_nobody_looks_after_offers_no_button(stranger: FlaskClient) -> None:
    page = said(stranger.get("/", headers={"Host": CLOSED}))
    assert "<button" not in page
    assert "tell a grown-up in the room" in page


@pytest.mark.parametrize("host", ["room-4.local", "room4", "192.0.2.4:8080", "[2001:db8::4]", "localhost:8080"])
def test_the_rooms_own_names_lead_to_the_teachers_page(stranger: FlaskClient, host: str) -> None:
    assert stranger.get("/sign-in", headers={"Host": host}).status_code == 200
