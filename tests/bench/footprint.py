"""`python -m tests.bench.footprint`: what a whole room takes at rest: memory, processor time to start, wake-ups.

The four units of a card (recorder, resolver, agent, pages) run as the card runs them, each a process family of its
own, enrolled with a central that answers on loopback, with one worker, DNS over TLS, an index of a million names.
What is read: PSS of every process (`smaps_rollup`, proc(5)), processor seconds until the first DNS answer and the
first page, and voluntary context switches, which are what a unit does when nobody asks anything.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from appliance.protocol import Target
from appliance.room.agent import installer
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists.container import INDEX_NAME
from blocklists.index import open_index
from tests.bench.dns import build_index
from tests.bench.servers import cpu_seconds, family, pss, wait_until_answering
from tests.fakes.authority import Authority
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.enrolled import gives, policy
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream

UNITS = ("recorder", "resolver", "agent", "web")  # as systemd starts them: the recorder makes the sockets' folder
SETTLE_SECONDS = 12.0
SETTINGS = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:{dns}"]
upstreams = ["127.0.0.1:{upstream}"]
workers = 1
[dns.tls]
certificate = "{certificate}"
key = "{key}"
listen = ["127.0.0.1:{tls}"]
https = ["127.0.0.1:{https}"]
[web]
listen = "127.0.0.1:{web}"
[led]
driver = "simulated"
[central]
url = "{central}"
token_file = "token"
"""


class Units:
    """The processes of a room, by unit."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "appliance", name, "--config", str(self._config)]
        self._running[name] = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(30)

    def processes(self, name: str) -> list[int]:
        """Return a unit's processes."""
        return family(self._running[name].pid)

    def cpu(self) -> float:
        """Return the processor seconds of all units."""
        return sum(cpu_seconds(pid) for name in self._running for pid in self.processes(name))

    def wake_ups(self) -> dict[str, int]:
        """Return how often each unit's threads gave the processor back of themselves."""
        return {name: sum(_switches(pid) for pid in self.processes(name)) for name in self._running}


def _switches(pid: int) -> int:
    texts = [(thread / "status").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts)


@contextmanager
def room(folder: Path, names: int) -> Iterator[tuple[Units, int, int]]:
    """Give an enrolled room that runs nothing yet, the port of its DNS and that of its pages."""
    index = build_index(folder, names)
    version, content = open_index(index).version, (index / INDEX_NAME).read_bytes()
    authority = Authority(folder)
    certificate, key = authority.sign("room-4.example.org")
    dns, web = free_port(), free_port()
    with FakeCentral() as central, FakeUpstream() as upstream:
        (folder / "token").write_text(TOKEN)
        config = folder / "room.toml"
        config.write_text(
            SETTINGS.format(
                dns=dns, web=web, tls=free_port(), https=free_port(), upstream=upstream.port, central=central.url,
                certificate=certificate, key=key,
            )
        )  # fmt: skip
        paths = RoomPaths.from_settings(load_settings(config, RoomSettings))
        paths.data.mkdir()
        asyncio.run(installer.install_index(paths, version, gives(content)))
        central.indexes[version] = content
        central.policy = policy()
        central.target = Target(policy=7, index=version, requests=0)
        installer.install_policy(paths, central.policy)
        units = Units(config)
        try:
            yield units, dns, web
        finally:
            units.stop()


def measure(units: Units, dns: int, web: int, seconds: float) -> dict[str, float]:
    """Start everything, let it come to rest, and return the figures."""
    found: dict[str, float] = {}
    for name in UNITS:
        units.start(name)
    wait_until_answering(dns)
    found["CPU s of all units at the first DNS answer"] = units.cpu()
    _wait_for_page(web)
    found["CPU s of all units at the first page"] = units.cpu()
    time.sleep(SETTLE_SECONDS)
    before, cpu = units.wake_ups(), units.cpu()
    time.sleep(seconds)
    after = units.wake_ups()
    for name in UNITS:
        found[f"wake-ups a second, {name}"] = (after[name] - before[name]) / seconds
    found["wake-ups a second, all"] = (sum(after.values()) - sum(before.values())) / seconds
    found["of a core, %"] = 100 * (units.cpu() - cpu) / seconds
    for name in UNITS:
        each = [pss(pid) / 1e6 for pid in units.processes(name)]
        found[f"MB (PSS), {name} ({len(each)} processes)"] = sum(each)
    found["MB (PSS), all"] = sum(pss(pid) for name in UNITS for pid in units.processes(name)) / 1e6
    return found


def _wait_for_page(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/sign-in", trust_env=False, timeout=10)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the room's page does not answer")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.footprint", description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000, help="listed")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long wake-ups are counted")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder,
        room(Path(folder), asked.names) as (units, dns, web),
    ):
        found = measure(units, dns, web, asked.seconds)
    if asked.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0
    for what, value in found.items():
        sys.stdout.write(f"{what:46s} {value:8.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
