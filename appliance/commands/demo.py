"""`hallpass demo`: a whole school on this machine, to try things on."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.panel import Panel

from appliance.commands.room import PROCESSES, room_program
from appliance.demo import checks
from appliance.demo.lamp import TerminalLamp
from appliance.demo.school import DemoAddresses, DemoSchool, create_demo_school
from appliance.errors import HallpassError
from appliance.files import keep_files_private
from appliance.processes import ProcessGroup, Program, hallpass_program
from appliance.room.paths import RoomPaths
from appliance.settings.values import Endpoint, UpstreamSetting

LOOPBACK = "127.0.0.1"
STARTING_SECONDS = 60.0


@click.command()
@click.option("--offline", is_flag=True, help="Answer names from a stand-in instead of asking the internet.")
@click.option("--upstream", help="The DNS server to ask, such as 192.0.2.53; left out: this machine's own.")
@click.option("--dns-port", type=click.IntRange(1, 65535), default=5300, show_default=True)
@click.option("--web-port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--central-port", type=click.IntRange(1, 65535), default=8081, show_default=True)
@click.option("--rooms-port", type=click.IntRange(1, 65535), default=8082, show_default=True)
@click.option("--stand-in-port", type=click.IntRange(1, 65535), default=5302, show_default=True)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Keep the school in this folder; left out: it is forgotten at the end.",
)
def command(
    *,
    offline: bool,
    upstream: str | None,
    dns_port: int,
    web_port: int,
    central_port: int,
    rooms_port: int,
    stand_in_port: int,
    keep: Path | None,
) -> None:
    """Start central and one room on this machine: DNS, pages, and a lamp in the terminal. Ctrl-C ends it all."""
    console = Console()
    addresses = DemoAddresses(
        dns=Endpoint(LOOPBACK, dns_port),
        room=Endpoint(LOOPBACK, web_port),
        central=Endpoint(LOOPBACK, central_port),
        central_rooms=Endpoint(LOOPBACK, rooms_port),
    )
    checks.require_free_ports(
        addresses.dns,
        {
            "--web-port": addresses.room,
            "--central-port": addresses.central,
            "--rooms-port": addresses.central_rooms,
        },
    )
    upstreams = () if offline else _upstreams(upstream, console)
    stand_in = Endpoint(LOOPBACK, stand_in_port)
    if not upstreams:
        checks.require_free_ports(stand_in, {}, "--stand-in-port")
    with school_folder(keep) as folder:
        console.print("Starting a school: the first time its lists are compiled…", highlight=False)
        used_upstreams = upstreams or (UpstreamSetting("plain", stand_in.host, stand_in.port),)
        school = create_demo_school(folder, addresses, used_upstreams)
        group = ProcessGroup(say=lambda text: console.print(f"[yellow]demo:[/] {text}", highlight=False))
        try:
            if not upstreams:
                group.start_programs([_stand_in_program(stand_in)])
            group.start_programs([hallpass_program("central", "--config", str(school.central_config))])
            _wait_until(group, lambda: _is_serving(addresses.central))
            group.start_programs([room_program(name, school.room_config) for name in PROCESSES])
            dns = UpstreamSetting("plain", addresses.dns.host, addresses.dns.port)
            _wait_until(group, lambda: _is_serving(addresses.room) and checks.is_answering(dns))
            console.print(_welcome(addresses, school, online=bool(upstreams)))
            lamp = TerminalLamp(RoomPaths.from_settings(school.room_settings).simulated_lamp, console)
            status = group.run_until_signal(on_tick=lamp.show_changes)
        except KeyboardInterrupt:
            status = 0
        finally:
            group.stop_programs()
    console.print("Everything has stopped.")
    sys.exit(status)


def _upstreams(wanted: str | None, console: Console) -> tuple[UpstreamSetting, ...]:
    """Return the servers to ask; empty, having said so, where this machine's own do not answer."""
    if wanted is not None:
        try:
            upstream = UpstreamSetting.parse(wanted)
        except ValueError as problem:
            raise click.BadParameter(str(problem), param_hint="--upstream") from None
        if upstream.transport == "plain" and not checks.can_resolve(upstream):
            raise HallpassError(
                f"{wanted} does not resolve example.org; name another --upstream, or try --offline"
            )
        return (upstream,)
    own = checks.system_upstreams()
    found = tuple(one for one in own if checks.can_resolve(one))
    if not found:
        tried = ", ".join(one.host for one in own) or "none in /etc/resolv.conf"
        console.print(
            f"[yellow]No upstream resolves names[/] (tried: {tried}); starting offline, a stand-in answers "
            "unlisted names. To ask a server of yours: hallpass demo --upstream ADDRESS",
            highlight=False,
            soft_wrap=True,
        )
    return found


@contextmanager
def school_folder(keep: Path | None) -> Iterator[Path]:
    """Give the folder for a school, and let nobody else read what this process and its children make there."""
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise HallpassError(f"{keep} is not empty; name another folder to keep the school in")
        keep_files_private(keep)
        yield keep.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="hallpass-demo-"))
    keep_files_private(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stand_in_program(where: Endpoint) -> Program:
    serve = f"serve_dns({where.host!r}, {where.port})"
    code = f"import asyncio; from appliance.demo.stand_in import serve_dns; asyncio.run({serve})"
    return Program("stand-in", (sys.executable, "-c", code))


def _wait_until(group: ProcessGroup, ready: Callable[[], bool]) -> None:
    """Wait until a part of the school is ready. Raises HallpassError where it does not come up."""
    end = time.monotonic() + STARTING_SECONDS
    while not ready():
        if (failed := group.failed_program()) is not None:
            raise HallpassError(f"{failed} did not start; see what it said above")
        if time.monotonic() > end:
            raise HallpassError("the school did not come up in a minute; is this machine very busy?")
        time.sleep(0.1)


def _is_serving(where: Endpoint) -> bool:
    try:
        return httpx.get(f"http://{where}/sign-in", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _welcome(addresses: DemoAddresses, school: DemoSchool, *, online: bool) -> Panel:
    dig = f"dig @{addresses.dns.host} -p {addresses.dns.port}"
    names = "" if online else "; a stand-in for the internet"
    lines = [
        f"DNS                 {addresses.dns}, UDP and TCP{names}",
        f"teacher's page      http://{addresses.room}",
        f"                    teacher       {school.passwords['teacher']}",
        f"coordinator's page  http://{addresses.central}",
        f"                    coordinator   {school.passwords['coordinator']}",
        f"                    lead          {school.passwords['lead']}, for what pupils tell",
        "",
        "Three things to try:",
        f"1. {dig} example.org +short",
        f"   {dig} coolmathgames.com",
        "   The first is answered. The second is refused, and the lamp lights below.",
        "2. Sign in as the teacher, see the refusal, and ask to open the site.",
        "3. Sign in as the coordinator and open it; ask dig again.",
        "   Then press End now, and ask once more.",
        "",
        f"Settings and log    {school.room_config.parent}",
        "Ctrl-C stops everything.",
    ]
    return Panel("\n".join(lines), title="Hallpass", title_align="left", highlight=False)
