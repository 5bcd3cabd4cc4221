"""What every site of ours has in common."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webui.shared.base_app import create_base_app


def test_a_site_says_how_its_cookie_is_called_wherever_its_module_lives(tmp_path: Path) -> None:
    for cookie in ("hallpass-room", "hallpass-central"):
        app = create_base_app("somewhere.else", tmp_path, cookie=cookie)
        assert app.config["SESSION_COOKIE_NAME"] == cookie


def test_servers_that_start_together_share_one_key(tmp_path: Path) -> None:
    """Any of them may be the first, and none may read a key that is half written."""
    servers = 8
    together = threading.Barrier(servers)

    def start(folder: Path) -> bytes:
        together.wait()
        key: bytes = create_base_app("somewhere.else", folder, cookie="test").config["SECRET_KEY"]
        return key

    with ThreadPoolExecutor(servers) as pool:
        for number in range(10):
            folder = tmp_path / str(number)
            keys = set(pool.map(start, [folder] * servers))
            assert {len(key) for key in keys} == {32}
            assert len(keys) == 1
            assert [path.name for path in folder.iterdir()] == ["pages.key"]
            assert (folder / "pages.key").stat().st_mode & 0o777 == 0o600
