"""A card from its enrolment to its policy: a real central over TLS, a card below a folder, the room's agent."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.central.rooms_tls_files import FOLDER
from appliance.doctor.room import RoomDoctor
from appliance.pinned_tls import AUTHORITIES_FILE
from appliance.room.agent.installer import installed_policy_version
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.e2e.school import until
from tests.fakes.authority import Authority
from tests.fakes.card import FakeCard
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS, run

SHIPPED = Path(__file__).parents[2] / "image-build/boot/hallpass.toml"
CENTRAL = "central.example.org"  # as its bundles name it; here it is found on this machine


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as name:  # short: sockets live below it
        yield Path(name)


@pytest.fixture
def central(folder: Path) -> Iterator[Path]:
    authority = Authority(folder)
    certificate, key = authority.sign(CENTRAL, "127.0.0.1")
    port = free_port()
    config = folder / "central.toml"
    config.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{port}"\n'
        f'url = "https://{CENTRAL}:{port}"\n'
        f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\nauthority = "{authority.file}"\n'
    )
    process = subprocess.Popen([*HALLPASS, "central", "--config", str(config)], start_new_session=True)
    yield config
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def test_a_card_that_was_given_its_bundle_has_its_policy_and_says_that_it_is_well(
    folder: Path, central: Path
) -> None:
    card = FakeCard(folder / "c")
    shutil.copy(SHIPPED, card.paths.boot)
    bundle = folder / "room4.bundle"
    authorities = central.parent / "central" / FOLDER / AUTHORITIES_FILE
    until("central's authority, which the bundle names then", authorities.exists, 60)
    enrolled = run("central", "enrol", "Room 4", "--bundle", str(bundle), "--config", str(central))
    assert enrolled.returncode == 0, enrolled.stderr
    written = run("image", "personalise", str(card.paths.boot), "--bundle", str(bundle))
    assert written.returncode == 0, written.stderr

    settling = card.boot()
    assert (settling.failures, settling.config.problems, settling.config.waits_for) == ([], (), "")
    written_settings = card.paths.room_settings.read_text()
    assert f"https://{CENTRAL}:" in written_settings
    card.paths.room_settings.write_text(written_settings.replace(CENTRAL, "127.0.0.1"))
    settings = load_settings(card.paths.room_settings, RoomSettings)
    paths = RoomPaths.from_settings(settings)
    agent = subprocess.Popen([*HALLPASS, "agent", "--config", str(card.paths.room_settings)])
    pause = threading.Event()
    try:
        while not installed_policy_version(paths) or not paths.index.exists():
            assert agent.poll() is None
            pause.wait(0.1)
        found = list(dict(RoomDoctor(settings).checks())["central"]())
    finally:
        agent.terminate()
        agent.wait(20)
    assert [(one.what, one.state) for one in found if one.what == "central"] == [("central", "ok")]
    trusted = list(paths.identity.glob("lists-*/trusted-root.json"))
    assert len(trusted) == 1, "its first lists were signed, and it holds to that"
    assert "not trusted" not in " ".join(one.words for one in found)
