"""A mirror of signed lists on loopback: it hands out a folder, and files of it otherwise where a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from appliance.central.tuf_repository.list_export import export_lists
from tests.fakes.list_server import ListServer, list_server, until_the_client_leaves
from tests.fakes.signing_central import SigningCentral


class FakeMirror:
    """What stands at the other end of `[lists] mirrors`."""

    def __init__(self, server: ListServer) -> None:
        self._server = server
        self.url = f"{server.url}/lists/"

    @property
    def asked(self) -> list[str]:
        """What was asked for, below the folder."""
        return [path.removeprefix("/lists/") for path, _ in self._server.requests]

    def forget(self) -> None:
        self._server.requests.clear()

    def hold(self, folder: Path) -> None:
        """Hand out what stands in a folder."""
        self._server.answers.clear()
        for path in folder.rglob("*"):
            if path.is_file():
                self._server.gives(f"/lists/{path.relative_to(folder)}", path.read_bytes())

    def gives(self, name: str, content: bytes) -> None:
        self._server.gives(f"/lists/{name}", content)

    def says(self, name: str, status: int, **headers: str) -> None:
        self._server.says(f"/lists/{name}", status, **headers)

    def trickles(self, name: str, content: bytes) -> None:
        self._server.trickles(f"/lists/{name}", content, seconds=0.05)

    def never_ends(self, name: str) -> None:
        """Send more and more, of which nothing says how much it is."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not self._server.is_stopped.is_set():
                handler.wfile.write(b"x" * 65536)

        self._server.answers[f"/lists/{name}"] = until_the_client_leaves(answer)


def export(central: SigningCentral, folder: Path) -> Path:
    """Write what is signed into a folder, as `hallpass central signatures export-lists` does."""
    export_lists(central.folder.parent, central.folder, folder, central.now, lambda _done, _of: None)
    return folder


@contextmanager
def fake_mirror() -> Iterator[FakeMirror]:
    with list_server() as server:
        yield FakeMirror(server)
