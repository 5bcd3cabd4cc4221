"""What every site of ours has in common."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import flash, render_template

from webui.shared.base_app import create_base_app


def test_a_site_says_how_its_cookie_is_called_wherever_its_module_lives(tmp_path: Path) -> None:
    for cookie in ("hallpass-room", "hallpass-central"):
        app = create_base_app("somewhere.else", tmp_path, cookie=cookie, tls=False)
        assert app.config["SESSION_COOKIE_NAME"] == cookie


BACKGROUND = [{"X-Refresh": "1"}, {"Accept": "text/event-stream"}]


@pytest.mark.parametrize("headers", BACKGROUND)
def test_a_page_renewed_in_the_background_takes_no_message_and_sets_no_cookie(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    app = create_base_app("somewhere.else", tmp_path, cookie="hallpass-room", tls=False)
    app.config["WTF_CSRF_ENABLED"] = False

    @app.post("/press")
    def press() -> str:
        flash("It is done.")
        return ""

    @app.get("/page")
    def page() -> str:
        return render_template("shared/problem.html", words="A page.", current_user=None)

    browser = app.test_client()
    browser.post("/press")
    renewed = browser.get("/page", headers=headers)
    assert "It is done." not in renewed.text
    assert "Set-Cookie" not in renewed.headers
    assert "It is done." in browser.get("/page").text
    assert "It is done." not in browser.get("/page").text


def test_servers_that_start_together_share_one_key(tmp_path: Path) -> None:
    """Any of them may be the first, and none may read a key that is half written."""
    servers = 8
    together = threading.Barrier(servers)

    def start(folder: Path) -> bytes:
        together.wait()
        key: bytes = create_base_app("somewhere.else", folder, cookie="test", tls=False).config["SECRET_KEY"]
        return key

    with ThreadPoolExecutor(servers) as pool:
        for number in range(10):
            folder = tmp_path / str(number)
            keys = set(pool.map(start, [folder] * servers))
            assert {len(key) for key in keys} == {32}
            assert len(keys) == 1
            assert [path.name for path in folder.iterdir()] == ["pages.key"]
            assert (folder / "pages.key").stat().st_mode & 0o777 == 0o600
