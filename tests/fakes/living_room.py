"""The four processes of a room, started by the commands that a card has."""

import signal
import subprocess
import threading
from pathlib import Path

import httpx

from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS


class LivingRoom:
    """The four processes of a room."""

    def __init__(self, folder: Path, upstream: int, tls: str = "") -> None:
        self.dns, self.web = free_port(), free_port()
        self.config = folder / "room.toml"
        self.config.write_text(
            f'[room]\nname = "Room 4"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{self.dns}"]\nupstreams = ["127.0.0.1:{upstream}"]\nworkers = 1\n'
            f'[web]\nlisten = "127.0.0.1:{self.web}"\n[led]\ndriver = "simulated"\n{tls}'
        )
        self.processes = {
            name: subprocess.Popen([*HALLPASS, name, "--config", str(self.config)], stderr=subprocess.DEVNULL)
            for name in ("recorder", "resolver", "agent", "web")
        }

    def is_well(self) -> bool:
        names = [path.stem for path in (self.config.parent / "data/run/health").glob("*.json")]
        try:
            httpx.get(f"http://127.0.0.1:{self.web}/", trust_env=False, timeout=20)
        except httpx.TransportError:
            return False
        return {"agent", "recorder", "resolver-1"} <= set(names)

    def wait_until_well(self) -> None:
        pause = threading.Event()
        while not self.is_well() and not pause.wait(0.1):
            assert all(process.poll() is None for process in self.processes.values())

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            process.send_signal(signal.SIGTERM)
            process.wait(20)
