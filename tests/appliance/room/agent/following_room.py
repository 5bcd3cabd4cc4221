"""A room that follows central over mutual TLS, in this process."""

import asyncio
import gc
import hashlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from appliance.central.models import RoomRow
from appliance.central.room_keys import find_authority
from appliance.central.rooms_authority import unseal_authority
from appliance.central.x509_certificates import sign_room
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.identity_key import make_identity_key
from appliance.room.agent.link_chain import LinkChain
from appliance.room.agent.pinned_connection import PinnedCentral
from appliance.room.agent.store import AgentStore
from appliance.room.paths import RoomPaths
from appliance.settings.room import CentralLink
from tests.appliance.room.agent.conftest import until
from tests.webui.api.test_room_certificates import Served


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story. A handshake that was cancelled keeps its socket for as long as its loop is there (httpcore)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(story)
        gc.collect()


class Room:
    """What a room's agent does towards central, in this process."""

    def __init__(
        self,
        folder: Path,
        served: Served,
        token: str,
        *,
        port: int = 0,
        authority: str = "",
        has_key: bool = True,
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(f"{token}\n")
        (folder / "authority.pem").write_text(authority)
        self.paths = RoomPaths(data=folder / "data", sockets=folder / "run")
        for made in (self.paths.data, self.paths.sockets):
            made.mkdir(exist_ok=True)
        self.link = CentralLink(
            url=f"http://127.0.0.1:{port or served.port}",
            token_file=folder / "token",
            authority=folder / "authority.pem" if authority else None,
        )
        if has_key:
            self._make_key(token)
        self.clock: Callable[[], float] = time.time
        self.is_clock_trusted = True

    def _make_key(self, token: str) -> None:
        """Make the key in this process: one of its own for each room costs more than all the rest."""
        folder = self.paths.identity
        if not folder.exists():
            folder.mkdir(mode=0o700)
            make_identity_key(folder)
            (folder / "token.sha256").write_text(hashlib.sha256(token.encode()).hexdigest())

    @asynccontextmanager
    async def following(self) -> AsyncIterator[CentralSync]:
        store = AgentStore(self.paths.agent_store)
        client = CentralClient(
            CentralConnection(self.link, links=LinkChain(store), identity_folder=self.paths.identity)
        )
        assert client.connection.identity is not None
        self.client, self.identity = client, client.connection.identity
        self.identity._now = self.clock
        self.identity._is_clock_trusted = lambda: self.is_clock_trusted
        sync = CentralSync(client, store, self.paths, "0.0.0", self.clock, index_spread_seconds=0.0)
        tasks = [asyncio.create_task(work) for work in sync.tasks()]
        try:
            yield sync
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.connection.close()
            store.close()

    async def come_in(self) -> None:
        """Follow until central has taken this room's own certificate."""
        async with self.following() as sync:
            await until("the certificate", lambda: self.identity.is_proven and sync.is_reachable)


def put_certificate(served: Served, room: Room, *, ended_days_ago: float) -> None:
    """Give a room a certificate that ended so long ago, as if it had been off since it got it."""
    with served.central.store.read_session() as session:
        row = find_authority(session)
        rooms = session.query(RoomRow).all()
    assert row is not None
    key: Any = serialization.load_pem_private_key((room.paths.identity / "key.pem").read_bytes(), None)
    at = datetime.now(UTC) - timedelta(days=30 + ended_days_ago)
    made, _ = sign_room(unseal_authority(served.central.keys, row), at, key.public_key(), rooms[0].id)
    (room.paths.identity / "certificate.pem").write_text(made + row.certificate)


def shake_hands(context: ssl.SSLContext, way: PinnedCentral) -> str:
    """Return what was wrong with a server, or ""."""
    here, there = socket.socketpair()

    def serve() -> None:
        with suppress(OSError), context.wrap_socket(there, server_side=True):
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with way.make_context().wrap_socket(here, server_hostname=way.server_name):
            return ""
    except ssl.SSLCertVerificationError as problem:
        return str(problem)
    finally:
        here.close()
        thread.join()
