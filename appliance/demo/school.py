"""Lays out a school in a folder: central with two accounts, one enrolled room, and the settings of both."""

import os
from pathlib import Path

import msgspec

from appliance.central import accounts, room_life, service
from appliance.rights import Role
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import Endpoint, UpstreamSetting

ROOM = "Room 4"
_ACCOUNTS: tuple[tuple[str, str, Role], ...] = (
    ("teacher", "Tess Teacher", "teacher"),
    ("coordinator", "Cory Coordinator", "coordinator"),
    ("lead", "Lena Lead", "safeguarding"),
)


class DemoAddresses(msgspec.Struct, frozen=True):
    """Where the demo is served."""

    dns: Endpoint
    room: Endpoint
    central: Endpoint
    central_rooms: Endpoint


class DemoSchool(msgspec.Struct, frozen=True):
    """A school that was laid out."""

    central_config: Path
    room_config: Path
    room_settings: RoomSettings
    passwords: dict[str, str]  # by user name


def create_demo_school(
    folder: Path, addresses: DemoAddresses, upstreams: tuple[UpstreamSetting, ...]
) -> DemoSchool:
    """Write a school's settings below `folder` and make its database. Raises HallpassError or OSError."""
    central_config = folder / "central.toml"
    central_config.write_text(
        f'[central]\nschool = "Example Primary School"\ndata = "central"\nlisten = "{addresses.central}"\n'
        f'rooms_listen = "{addresses.central_rooms}"\n'
    )
    central = service.Central(load_settings(central_config, CentralSettings))
    central.prepare_database()
    passwords: dict[str, str] = {}
    with central.store.write_session() as session:
        for username, name, role in _ACCOUNTS:
            passwords[username] = accounts.generate_password()
            accounts.add_account(
                session,
                central.now(),
                username=username,
                name=name,
                roles=(role,),
                password=passwords[username],
                by="demo",
            )
        token = room_life.enrol_room(session, central.now(), name=ROOM, by="demo", replace=True)
    central.store.close()
    token_file = folder / "room.token"
    handle = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(token + "\n")
    room_config = folder / "room.toml"
    upstream_list = ", ".join(f'"{Endpoint(one.host, one.port)}"' for one in upstreams)
    room_config.write_text(
        f'[room]\nname = "{ROOM}"\ndata = "room"\n\n'
        f'[dns]\nlisten = ["{addresses.dns}"]\nupstreams = [{upstream_list}]\n'
        f'clients = ["127.0.0.0/8"]\nworkers = 1\n\n'
        f'[web]\nlisten = "{addresses.room}"\n\n[led]\ndriver = "simulated"\n\n'
        f'[central]\nurl = "http://{addresses.central_rooms}"\ntoken_file = "room.token"\n'
        "index_spread_seconds = 1\n"  # two rooms need no spreading, and somebody is watching
    )
    return DemoSchool(central_config, room_config, load_settings(room_config, RoomSettings), passwords)
