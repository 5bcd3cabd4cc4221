"""Debian's Chromium believes the school's authority for the room's name, and not for another site's."""

import datetime as dt
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

from appliance.central.page_authority import AUTHORITY_FILE, issue_certificate, make_authority
from tests.appliance.central.test_page_authority import forge
from tests.browser.chromium import CHROMIUM
from tests.fakes.nss_database import trust_authority

NOW = dt.datetime.now(dt.UTC)
ROOM = "room-4.rooms.school.example.org"


class Page(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>here</title>")


@contextmanager
def served(files: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a browser that turns away is no fault
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.timeout(120)
def test_chromium_takes_its_certificate_for_the_rooms_name_and_refuses_one_for_example_com(tmp_path: Path) -> None:
    folder, home = tmp_path / "authority", tmp_path / "home"
    make_authority(folder, NOW, school="Example Primary", suffixes=("school.example.org",))
    trust_authority(home, ssl.PEM_cert_to_DER_cert((folder / AUTHORITY_FILE).read_text()))
    rooms = issue_certificate(folder, NOW, names=(ROOM,), output=tmp_path)
    with served(rooms) as room, served(forge(folder, tmp_path, "example.com")) as other, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium",
            env={**os.environ, "HOME": str(home)},
            args=[*CHROMIUM, "--host-resolver-rules=MAP * 127.0.0.1"],
        )
        page = browser.new_page()
        page.goto(f"https://{ROOM}:{room}/")
        assert page.title() == "here"
        with pytest.raises(Error, match="ERR_CERT_INVALID"):
            page.goto(f"https://example.com:{other}/")
        browser.close()
