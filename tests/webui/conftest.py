import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from werkzeug.serving import make_server

from tests.fakes.school import FakeSchool
from webui.central.app import create_central_app


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=None, help="made-up calls an operation, at most")


class ServedSchool(FakeSchool):
    """A school whose central is served on a port of this machine."""

    def __init__(self, folder: Path, *, database: str = "", port: int = 0) -> None:
        super().__init__(folder, database=database)
        self.central.start_feed()
        self._server = make_server("127.0.0.1", port, create_central_app(self.central), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def as_room(self, name: str = "Room 4") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.enrol(name)}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=20, trust_env=False)

    def close(self) -> None:
        self.central.feed.stop()
        self.central.health.stop()
        self.central.publisher.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        super().close()


@pytest.fixture
def school(tmp_path: Path) -> Iterator[ServedSchool]:
    served = ServedSchool(tmp_path / "central")
    yield served
    served.close()
