"""What every site of ours has in common."""

from pathlib import Path

from webui.shared.base_app import create_base_app


def test_a_site_says_how_its_cookie_is_called_wherever_its_module_lives(tmp_path: Path) -> None:
    for cookie in ("hallpass-room", "hallpass-central"):
        app = create_base_app("somewhere.else", tmp_path, cookie=cookie, tls=False)
        assert app.config["SESSION_COOKIE_NAME"] == cookie
