"""Whether the index in use is whole is known without reading it for as long as nobody seems to have touched it."""

import os
from pathlib import Path

from appliance.room.agent.installer import FULL_CHECK_SECONDS, InstalledIndex
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists import builtin_list
from blocklists.container import INDEX_NAME


def test_it_is_read_once_and_again_when_it_was_touched_or_time_has_passed(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nlisten = ["127.0.0.1:5300"]\n'
        'upstreams = ["127.0.0.1:5302"]\n'
    )
    paths = RoomPaths.from_settings(load_settings(tmp_path / "room.toml", RoomSettings))
    paths.indexes.mkdir(parents=True)
    now = 1000.0
    installed = InstalledIndex(paths, lambda: now)
    assert installed.known_version() == installed.verified_version() == "", "there is none: nothing to read"

    version = builtin_list.build_builtin_index(tmp_path / "made").version
    (tmp_path / "made").rename(paths.indexes / version)
    paths.index.symlink_to(paths.indexes / version)
    assert installed.known_version() is None
    assert installed.verified_version() == version == installed.known_version()

    now += FULL_CHECK_SECONDS
    assert installed.known_version() is None
    assert installed.verified_version() == version

    file = paths.index / INDEX_NAME
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    os.utime(file, (1, 1))
    assert installed.known_version() is None
    assert installed.verified_version() == "" == installed.known_version()
