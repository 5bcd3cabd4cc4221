"""A central that the command serves: its settings, where it is reached, and a room that it has enrolled."""

import subprocess
import threading
from pathlib import Path

import httpx

from tests.fakes.programs import run


def address(config: Path) -> str:
    return "http://" + config.read_text().split('\nlisten = "')[1].split('"')[0]


def rooms_address(config: Path) -> str:
    return "http://" + config.read_text().split('\nrooms_listen = "')[1].split('"')[0]


def until_answering(process: subprocess.Popen[str], config: Path) -> None:
    """Wait until pages and rooms are served."""
    for url in (address(config) + "/sign-in", rooms_address(config) + "/api/v1/feed"):
        answers = threading.Event()
        while process.poll() is None and not answers.wait(0.1):
            try:
                httpx.get(url, trust_env=False, timeout=20)
                answers.set()
            except httpx.TransportError:
                continue


def enrolled(config: Path, name: str = "Room 4") -> dict[str, str]:
    """Enrol a room, and return the headers by which it is known."""
    done = run("central", "enrol", name, "--config", str(config))
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}
