"""A server that is measured: how it is started, and what the kernel says of it. Ours, and the upstream."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.ports import free_port

TICKS = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 60.0
_IDLE_SECONDS = 0.02  # of processor time in half a second

ROOM = """
[room]
name = "Bench"
data = "{folder}/room"
[dns]
listen = ["127.0.0.1:{port}"]
upstreams = ["127.0.0.1:{upstream}"]
clients = ["127.0.0.0/8"]
workers = 1
rate_limit = 0
[led]
driver = "simulated"
[lists]
index = "{index}"
[policy]
closed = ["gambling"]
safe_search = true
"""


class Server:
    """A running server: where it answers, and which processes are its own."""

    def __init__(self, name: str, port: int, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.port = port
        self.processes = list(processes)
        self.beside: list[subprocess.Popen[bytes]] = []  # the recorder: printed apart
        self.start_seconds = 0.0

    def cpu_seconds(self) -> float:
        """Return the processor time, user and system, of all the server's processes."""
        return sum(cpu_seconds(pid) for process in self.processes for pid in family(process.pid))

    def beside_seconds(self) -> float:
        """Return the processor time of what runs beside it."""
        return sum(cpu_seconds(pid) for process in self.beside for pid in family(process.pid))

    def proportional_bytes(self) -> int:
        """Return the memory of the server's largest process, shared pages counted in proportion (PSS)."""
        return max(pss(pid) for process in self.processes for pid in family(process.pid))

    def settle(self, patience: float = 60.0) -> None:
        """Wait until the recorder has written what it was given: it would take a core from whoever is measured."""
        until = time.monotonic() + patience
        before = -1.0
        while time.monotonic() < until and (now := self.beside_seconds()) - before > _IDLE_SECONDS:
            before = now
            time.sleep(0.5)

    def keep_to(self, cores: set[int]) -> None:
        """Let every thread of the server, and of what runs beside it, run on these cores only."""
        for process in (*self.processes, *self.beside):
            for pid in family(process.pid):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)

    def is_compiled(self) -> bool:
        """Tell whether a process of it, of ours, runs what mypyc made."""
        pids = [pid for process in self.processes for pid in family(process.pid)]
        return any("__mypyc" in Path(f"/proc/{pid}/maps").read_text() for pid in pids)

    def is_whole(self) -> bool:
        """Tell whether everything that was started still runs."""
        return all(process.poll() is None for process in (*self.processes, *self.beside))

    def stop(self) -> None:
        """End every process."""
        for process in (*self.processes, *self.beside):
            process.terminate()
        for process in (*self.processes, *self.beside):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def upstream() -> Iterator[int]:
    """Run the upstream that all servers ask; yield its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.answerer", f"127.0.0.1:{port}"])
    try:
        wait_until_answering(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def hallpass(folder: Path, upstream_port: int, index: Path, environment: Mapping[str, str] = os.environ) -> Server:
    """Start a room's resolver with its recorder: filtering, policy and the query log on."""
    port = free_port()
    (folder / "room" / "run").mkdir(parents=True, exist_ok=True)
    config = folder / f"room-{port}.toml"
    config.write_text(ROOM.format(folder=folder, port=port, upstream=upstream_port, index=index))
    command = [sys.executable, "-m", "appliance"]
    recorder = subprocess.Popen(
        [*command, "recorder", "--config", str(config)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        server = start_server("hallpass", port, [*command, "resolver", "--config", str(config)], environment)
    except (OSError, TimeoutError):
        recorder.terminate()
        recorder.wait()
        raise
    server.beside.append(recorder)
    return server


def wait_until_answering(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when a server answers. Raises TimeoutError, at once where its process ended."""
    until = time.monotonic() + READY_SECONDS
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0\5ready\7example\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.05)
        sock.connect(("127.0.0.1", port))
        while time.monotonic() < until and (process is None or process.poll() is None):
            try:
                sock.send(query)
                sock.recv(4096)
            except OSError:
                time.sleep(0.01)
            else:
                return
    raise TimeoutError(f"nothing answers on port {port}")


def family(pid: int) -> list[int]:
    """Return a process and all below it; those that end meanwhile have no children."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for child in (thread / "children").read_text().split():
                    found += family(int(child))
    return found


def pss(pid: int) -> int:
    """Return a process's memory in bytes, shared pages counted in proportion."""
    return _from_smaps(pid, "Pss:")


def anonymous(pid: int) -> int:
    """Return a process's own memory in bytes: without files, which other interpreters may have mapped too.

    Pages that it shares (with copies of itself) count in proportion.
    """
    return _from_smaps(pid, "Pss_Anon:")


def rss(pid: int) -> int:
    """Return a process's memory in bytes, shared pages counted whole."""
    return _from_smaps(pid, "Rss:")


def _from_smaps(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def start_server(
    name: str, port: int, arguments: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Server:
    """Start a server and wait until it answers. Raises OSError where it cannot be started, or TimeoutError."""
    begun = time.monotonic()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(arguments, env=environment, stdout=silent, stderr=silent)
    server = Server(name, port, [process])
    try:
        wait_until_answering(port, process)
    except TimeoutError:
        server.stop()
        raise
    server.start_seconds = time.monotonic() - begun
    return server
