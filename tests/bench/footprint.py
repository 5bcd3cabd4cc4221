"""`python -m tests.bench.footprint`: what a whole room takes at rest: memory, processor time to start, wake-ups.

The four units of a card (recorder, resolver, agent, pages) run as the card runs them, each a process family of its
own, without docstrings (PYTHONOPTIMIZE=2), enrolled with a central that answers on loopback, with one worker, DNS
over TLS, an index of a million names. Nobody needs the pages, which stand by as they do on a board with 512 MB
(`appliance.web_standby`), though sooner; as soon as names are asked (`--fill`, `--soak`) they are awake.
What is read: PSS of every process (`smaps_rollup`, proc(5)), processor seconds until the first DNS answer and the
first page, and voluntary context switches, which are what a unit does when nobody asks anything.

All of it is measured at the second start: the first makes keys and tables, and on a machine of a developer the
bytecode of our own modules, which a card has since it was built (it is kept in a folder of this program's own,
whatever PYTHONDONTWRITEBYTECODE says).

`--fill NAMES`: so many different names are asked by 64 devices before memory is read; with `--workers` and
`--cache-megabytes` as `appliance.room.capacity` would choose them for another machine.

`--soak MINUTES`: instead, a room that is asked so many names a second (`--rate`), of which every tenth is new and
every twentieth closed. Once a minute a line: memory of each unit, records that wait, answers.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import socket
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
from tests.bench import load
from tests.bench.dns import build_index
from tests.bench.servers import cpu_seconds, family, pss, wait_until_answering
from tests.fakes.authority import Authority
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.enrolled import gives, policy
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream

UNITS = ("recorder", "resolver", "agent", "web")  # as systemd starts them: the recorder makes the sockets' folder
SETTLE_SECONDS = 12.0
STANDBY_MINUTES = 0.1  # a board with 512 MB waits for fifteen
FILLING_DEVICES = 64  # each may ask a thousand names a second
SETTINGS = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:{dns}"]
upstreams = ["127.0.0.1:{upstream}"]
workers = {workers}
{cache}[dns.tls]
certificate = "{certificate}"
key = "{key}"
listen = ["127.0.0.1:{tls}"]
https = ["127.0.0.1:{https}"]
[web]
listen = "127.0.0.1:{web}"
standby_minutes = {standby}
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
        bytecode = str(config.with_name("bytecode"))
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONOPTIMIZE": "2"}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "appliance", name, "--config", str(self._config)]
        self._running[name] = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(30)
        self._running.clear()

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
def room(
    folder: Path, names: int, workers: int = 1, cache_megabytes: int | None = None
) -> Iterator[tuple[Units, int, int]]:
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
                certificate=certificate, key=key, workers=workers, standby=STANDBY_MINUTES,
                cache="" if cache_megabytes is None else f"[dns.cache]\nmegabytes = {cache_megabytes}\n",
            )
        )  # fmt: skip
        paths = RoomPaths.from_settings(load_settings(config, RoomSettings))
        paths.data.mkdir()
        asyncio.run(installer.install_index(paths, version, gives(content)))
        central.indexes[version] = content
        content = policy()
        digest = hashlib.sha256(content).hexdigest()
        central.target = Target(policy=7, index=version, requests=0)
        central.set_policy(content, digest, inline=True, version=7)
        installer.install_policy(paths, content, digest)
        units = Units(config)
        try:
            yield units, dns, web
        finally:
            units.stop()


def measure(units: Units, dns: int, web: int, seconds: float, names: int) -> dict[str, float]:
    """Start everything, let it come to rest, and return the figures."""
    found: dict[str, float] = {}
    start_warm(units, dns, web)
    wait_until_answering(dns)
    found["CPU s of all units at the first DNS answer"] = units.cpu()
    _wait_for_page(web)
    found["CPU s of all units at the first page"] = units.cpu()
    _wait_for_standby(units)
    time.sleep(SETTLE_SECONDS)
    before, cpu = units.wake_ups(), units.cpu()
    time.sleep(seconds)
    after = units.wake_ups()
    for name in UNITS:
        found[f"wake-ups a second, {name}"] = (after[name] - before[name]) / seconds
    found["wake-ups a second, all"] = (sum(after.values()) - sum(before.values())) / seconds
    found["of a core, %"] = 100 * (units.cpu() - cpu) / seconds
    fill(dns, names)
    for name in UNITS:
        each = [pss(pid) / 1e6 for pid in units.processes(name)]
        found[f"MB (PSS), {name} ({len(each)} processes)"] = sum(each)
    found["MB (PSS), all"] = sum(pss(pid) for name in UNITS for pid in units.processes(name)) / 1e6
    return found


def start_warm(units: Units, dns: int, web: int) -> None:
    """Start everything as a card that has run before."""
    for is_second in (False, True):
        for name in UNITS:
            units.start(name)
        if not is_second:
            wait_until_answering(dns)
            _wait_for_page(web)
            units.stop()


def fill(dns: int, names: int) -> None:
    """Have so many names asked, each once, no faster than they are answered."""
    with contextlib.ExitStack() as stack:
        devices = [stack.enter_context(_device(f"127.0.0.{2 + number}", dns)) for number in range(FILLING_DEVICES)]
        for number in range(0, names, len(devices)):
            for at, device in enumerate(devices):
                device.send(_query(number + at, f"new-{number + at:09d}.example.org"))
            for device in devices:
                with contextlib.suppress(TimeoutError):
                    device.recv(4096)


def _device(address: str, dns: int) -> socket.socket:
    device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    device.bind((address, 0))
    device.connect(("127.0.0.1", dns))
    device.settimeout(1.0)
    return device


def soak(units: Units, dns: int, web: int, minutes: float, rate: int) -> None:
    """Ask for so long, and say once a minute what it comes to."""
    start_warm(units, dns, web)
    wait_until_answering(dns)
    _wait_for_page(web)
    sys.stdout.write("minutes  " + "  ".join(f"{name:>9s}" for name in UNITS) + "        all  answers a second\n")
    began = time.monotonic()
    asked = answered = minute = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", dns))
        sock.setblocking(False)
        while (passed := time.monotonic() - began) < minutes * 60 + 1:
            if passed >= minute * 60:
                each = [sum(pss(pid) for pid in units.processes(name)) / 1e6 for name in UNITS]
                line = "  ".join(f"{one:9.1f}" for one in (*each, sum(each)))
                sys.stdout.write(f"{minute:7d}  {line}  {answered / max(passed, 1.0):9.1f}\n")
                sys.stdout.flush()
                minute += 1
            while asked < passed * rate:
                sock.send(_soak_query(asked))
                asked += 1
            answered += _received(sock)
            time.sleep(0.02)


def _soak_query(number: int) -> bytes:
    if number % 20 == 0:
        name = load.listed_name(number % 997)
    elif number % 10 == 1:
        name = f"new-{number:09d}.example.org"
    else:
        name = f"known-{number % 2003:04d}.example.org"
    return _query(number, name)


def _query(number: int, name: str) -> bytes:
    labels = b"".join(bytes((len(label),)) + label for label in name.encode().split(b".")) + b"\0"
    return number.to_bytes(4)[2:] + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\1\0\1"


def _received(sock: socket.socket) -> int:
    count = 0
    while True:
        try:
            sock.recv(4096)
        except BlockingIOError:
            return count
        count += 1


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


def _wait_for_standby(units: Units) -> None:
    until = time.monotonic() + 60
    (pid,) = units.processes("web")
    while b"appliance.standby" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        if time.monotonic() > until:
            raise TimeoutError("the room's pages do not stand by")
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.footprint", description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000, help="listed")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long wake-ups are counted")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cache-megabytes", type=int, help="of each worker (default: as the resolver chooses)")
    parser.add_argument("--fill", type=int, default=0, metavar="NAMES", help="asked before memory is read")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="ask for so long instead")
    parser.add_argument("--rate", type=int, default=300, help="names a second of the soak")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder,
        room(Path(folder), asked.names, asked.workers, asked.cache_megabytes) as (units, dns, web),
    ):
        if asked.soak:
            soak(units, dns, web, asked.soak, asked.rate)
            return 0
        found = measure(units, dns, web, asked.seconds, asked.fill)
    if asked.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0
    for what, value in found.items():
        sys.stdout.write(f"{what:46s} {value:8.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
