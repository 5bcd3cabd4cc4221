"""Nobody else on a machine reads what a room or central keeps, whatever the umask of whoever started them."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.commands.demo import school_folder
from appliance.files import INDEX_SUFFIX, keep_files_private
from tests.appliance.room.test_reliability import wait_until_healed
from tests.fakes.central import FakeCentral
from tests.fakes.central_command import until_answering
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream
from tests.fakes.whole_room import WholeRoom

SECRETS = {"state.db", "log.db", "log.spool", "device-tokens.key", "pages.key", "policy.last-good"}


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of each file and folder, but for sockets, links, and indexes of public lists.

    What is gone when it is looked at is nobody's to read: central compiles meanwhile.
    """
    found = {}
    below = (Path(at) / name for at, folders, files in os.walk(folder) for name in (*folders, *files))
    for path in (folder, *below):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and path.suffix != INDEX_SUFFIX:
            found[str(path.relative_to(folder))] = stat.S_IMODE(mode)
    return found


def open_to_others(folder: Path) -> dict[str, str]:
    return {name: oct(mode) for name, mode in modes(folder).items() if mode & 0o077}


@pytest.mark.parametrize("umask", [0, 0o022])
def test_a_whole_room_keeps_its_files_to_itself(short_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with FakeCentral() as central, FakeUpstream() as upstream:
            room = WholeRoom(short_path, upstream, central)
            room.paths.data.chmod(0o755)
            try:
                room.start_room()
                wait_until_healed(room)
                assert open_to_others(room.paths.data) == {}
                assert {Path(name).name for name in modes(room.paths.data)} >= SECRETS
            finally:
                room.stop()
    finally:
        os.umask(before)


@pytest.mark.parametrize("umask", [0, 0o022])
def test_central_keeps_its_files_to_itself(tmp_path: Path, umask: int) -> None:
    config = tmp_path / "central.toml"
    config.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'rooms_listen = "127.0.0.1:{free_port()}"\n'
    )
    with subprocess.Popen(
        [sys.executable, "-m", "appliance", "central", "--config", str(config)],
        stderr=subprocess.DEVNULL,
        text=True,
        umask=umask,
    ) as process:
        try:
            until_answering(process, config)
            found, all_modes = open_to_others(tmp_path / "central"), modes(tmp_path / "central")
        finally:
            process.send_signal(signal.SIGTERM)
    assert found == {}
    assert "central.db" in all_modes


def test_what_an_older_hallpass_left_open_is_closed_and_a_group_keeps_what_is_its(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        for name, mode in (("own", 0o755), ("shared", 0o770)):
            (tmp_path / name).mkdir(mode=mode)
            (tmp_path / name / "log.db").touch(mode=0o664)
        keep_files_private(tmp_path / "own")
        assert modes(tmp_path / "own") == {".": 0o700, "log.db": 0o600}
        assert os.umask(0) == 0o077
        keep_files_private(tmp_path / "shared")
        assert modes(tmp_path / "shared") == {".": 0o770, "log.db": 0o660}
        assert os.umask(0) == 0o007
    finally:
        os.umask(before)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_demo_keeps_what_it_makes_to_itself_from_the_first_file_on(tmp_path: Path, *, is_kept: bool) -> None:
    before = os.umask(0)
    try:
        with school_folder(tmp_path / "kept" if is_kept else None) as folder:
            (folder / "central").mkdir()
            (folder / "central/central.db").touch()  # made before any of its processes runs
            assert open_to_others(folder) == {}
    finally:
        os.umask(before)
