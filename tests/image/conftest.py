"""What the tests of the booted image need: the image, a name server outside, a technician's key."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.image import tools
from tests.fakes.ports import free_port
from tests.image.machine import OUTSIDE, Card, raw

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image", help="the image to boot; by default the newest in dist/")
    parser.addoption("--power-cuts", type=int, default=20, help="how often the plug is pulled")


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a raw file."""
    tools.require_tools(tools.BOOT_TOOLS | tools.READ_TOOLS)
    given = request.config.getoption("--image")
    found = [Path(given)] if given else sorted((ROOT / "dist").glob("hallpass-*-arm64.im*[gzt]"))
    assert found, "there is no image: hallpass image build"
    return raw(found[-1], tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """A name server on this machine, by the address that an emulated one has for it."""
    port = free_port()
    serve = "import asyncio; from appliance.demo.stand_in import serve_dns;"
    serve += f"asyncio.run(serve_dns('127.0.0.1', {port}))"
    process = subprocess.Popen([sys.executable, "-c", serve], cwd=ROOT)
    try:
        yield f"{OUTSIDE}:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A technician's private key; the public one lies beside it."""
    path = tmp_path_factory.mktemp("key") / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "technician", "-f", path], check=True)
    return path


@pytest.fixture(scope="session")
def personalised(image: Path, upstream: str, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of one room, made as a technician makes it."""
    output = tmp_path_factory.mktemp("room") / "room-4.img"
    public = key.with_suffix(".pub").read_text().strip()
    settings = {"dns.upstreams": upstream, "led.driver": "gpio", "ssh.keys": public}
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "appliance",
        "image",
        "personalise",
        image,
        "--room",
        "Room 4",
        "--output",
        output,
    ]
    subprocess.run([*command, *words], check=True, cwd=ROOT)
    return output


@pytest.fixture
def make_card(tmp_path: Path) -> Callable[[Path], Card]:
    """A new card of an image."""
    return lambda image: Card(image, tmp_path / f"card-{time.monotonic_ns()}")
