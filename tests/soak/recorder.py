"""Whether every answer is accounted for, whatever dies: `python -m tests.soak.recorder saturate|kill`.

* `saturate [SECONDS]`: dnsperf as fast as it can, the recorder killed and started again twice in between. In the
  end the log must hold every answer that dnsperf got. Answers that were under way when dnsperf stopped are in the
  log too, and are shown beside it.
* `kill [TIMES]`: the resolver and the recorder are killed together (SIGKILL) at a moment by chance while somebody
  asks up to 200 names a second, every second of them refused. Then the database must be whole, no refusal older
  than 500 ms and no allowed answer older than two seconds may be missing, and nothing may be counted twice.

Everything happens on loopback. Needs dnsperf (`apt-get install dnsperf`).
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from dnslib import DNSRecord

from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.room.query_log.database import check_database, open_database_for_reading
from appliance.room.query_log.offline_control import handle_without_service
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

CLOSED = "gambling.example"
REFUSAL_SECONDS, ALLOWED_SECONDS = 0.5, 2.0
A_SECOND = 200


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class SmallRoom:
    """A resolver and a recorder, each a process that can be killed by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, upstream = free_port(), free_port()
        (folder / "closed.txt").write_text(CLOSED + "\n")
        (folder / "sources.toml").write_text(
            '[[source]]\nname = "own"\ncategory = "gambling"\nlocation = "closed.txt"\nformat = "domains"\n'
            'match = "subdomains"\n'
        )
        self.config = folder / "room.toml"
        self.config.write_text(
            f'[room]\nname = "Soak"\ndata = "data"\n[dns]\nlisten = ["127.0.0.1:{self.port}"]\n'
            f'upstreams = ["127.0.0.1:{upstream}"]\nclients = ["127.0.0.0/8"]\nworkers = 1\nrate_limit = 0\n'
            '[led]\ndriver = "simulated"\n[lists]\nindex = "index"\n[policy]\nclosed = ["gambling"]\n'
        )
        run("lists", "build", str(folder / "sources.toml"), "--output", str(folder / "index"))
        self.settings = load_settings(self.config, RoomSettings)
        self.paths = RoomPaths.from_settings(self.settings)
        self.upstream = subprocess.Popen([sys.executable, "-m", "tests.bench.answerer", f"127.0.0.1:{upstream}"])
        self.recorder = self.start("recorder")
        self.resolver = self.start("resolver")

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.said").open("ab") as said:
            return subprocess.Popen([*HALLPASS, name, "--config", str(self.config)], stdout=said, stderr=said)

    def wait_until_answering(self) -> None:
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            if ask(self.port, "hello.example"):
                return
        raise TimeoutError("the resolver does not answer")

    def kill(self) -> None:
        # The supervisor's own workers die with it: they are killed first, so that nobody hands anything over.
        for worker in children(self.resolver.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        for process in (self.resolver, self.recorder):
            process.kill()
        for process in (self.resolver, self.recorder):
            process.wait()

    def stop(self) -> None:
        for process in (self.resolver, self.recorder, self.upstream):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)


def saturate(folder: Path, seconds: int) -> bool:
    """Run dnsperf while the recorder dies twice; compare."""
    room = SmallRoom(folder)
    try:
        room.wait_until_answering()
        before = stats(room)["queries"]
        names = folder / "names.txt"
        chance = Random(5)
        with names.open("w") as lines:
            for number in range(20_000):
                lines.write(f"n{chance.randrange(3000)}.example A\n" if number % 20 else f"n{number}.{CLOSED} A\n")
        dnsperf = subprocess.Popen(
            ["dnsperf", "-s", "127.0.0.1", "-p", str(room.port), "-d", str(names), "-l", str(seconds), "-c", "8"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        for _ in range(2):
            time.sleep(seconds / 3)
            room.recorder.kill()
            room.recorder.wait()
            time.sleep(seconds / 20)
            room.recorder = room.start("recorder")
        said = dnsperf.communicate()[0]
        got, lost = _queries(said, "completed"), _queries(said, "lost")
    finally:
        room.stop()
    logged = stats(room)["queries"] - before
    say(f"dnsperf got {got} answers ({got // seconds} a second) and missed {lost}; the log has {logged}")
    say(f"  {logged - got} answers were under way when dnsperf stopped or gave up on them")
    return 0 <= logged - got <= lost + 100  # dnsperf does not count what was under way when it stopped


def kill(folder: Path, times: int) -> bool:
    """Kill everything at moments by chance; look what is missing."""
    room = SmallRoom(folder)
    chance = Random(6)
    worst = {True: 0.0, False: 0.0}
    kept = True
    try:
        for turn in range(times):
            room.wait_until_answering()
            answered = ask_for_a_while(room, turn, chance.uniform(0.7, 4.0))
            room.kill()
            died = time.monotonic()
            handle_without_service(room.settings, control.FlushRequest())  # what a restart does first
            connection = open_database_for_reading(room.paths.query_log, None)
            check_database(connection)
            found = dict(
                connection.execute(
                    "SELECT name, sum(count) FROM query_log WHERE name LIKE ? GROUP BY name", (f"t{turn}-%",)
                )
            )
            connection.close()
            for refused, limit in ((True, REFUSAL_SECONDS), (False, ALLOWED_SECONDS)):
                missing = [died - at for name, at, closed in answered if closed is refused and name not in found]
                worst[refused] = max([worst[refused], *missing])
                kept &= worst[refused] <= limit
            kept &= set(found.values()) <= {1}
            room.recorder = room.start("recorder")
            room.resolver = room.start("resolver")
    finally:
        room.stop()
    say(f"killed {times} times: the database was whole each time, and nothing was counted twice")
    say(f"  the oldest refusal that was missing was {worst[True] * 1000:.0f} ms old (bar 500 ms)")
    say(f"  the oldest allowed answer that was missing was {worst[False]:.2f} s old (bar 2 s)")
    return kept


def _queries(said: str, word: str) -> int:
    """Return the number of queries that dnsperf's summary gives for a word."""
    found = re.search(rf"Queries {word}:\s+(\d+)", said)
    assert found is not None, said
    return int(found[1])


def ask_for_a_while(room: SmallRoom, turn: int, seconds: float) -> list[tuple[str, float, bool]]:
    """Ask names that nobody asked before; return those answered, when, and whether they are refused."""
    answered = []
    ends = time.monotonic() + seconds
    number = 0
    while time.monotonic() < ends:
        refused = number % 2 == 0
        name = f"t{turn}-{number}." + (CLOSED if refused else "open.example")
        if ask(room.port, name):
            answered.append((name, time.monotonic(), refused))
        number += 1
        time.sleep(1 / A_SECOND)
    return answered


def ask(port: int, name: str) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.5)
        asker.connect(("127.0.0.1", port))
        with contextlib.suppress(OSError):
            asker.send(DNSRecord.question(name).pack())
            return bool(asker.recv(4096))
    return False


def stats(room: SmallRoom) -> dict[str, int]:
    found: dict[str, int] = json.loads(run("log", "stats", "--config", str(room.config), "--json"))
    return found


def run(*arguments: str) -> str:
    return subprocess.run([*HALLPASS, *arguments], capture_output=True, text=True, check=True).stdout


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return []


def main(asked: list[str]) -> int:
    soaks = {"saturate": (saturate, 60), "kill": (kill, 50)}
    if not asked or asked[0] not in soaks:
        sys.stderr.write(f"which: {', '.join(soaks)}\n")
        return 2
    soak, size = soaks[asked[0]]
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        return 0 if soak(Path(folder), int(asked[1]) if len(asked) > 1 else size) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
