"""What it costs central that rooms show certificates: handshakes of mutual TLS at the rooms' port.

Each connection shows a certificate and a key of its own, asks for an address that there is not (answered with
404), and is closed. The same is done without the room's certificate, and on one connection that is kept: what a
connection costs beyond its request, and what of that is the room's certificate. Central gives out no tickets, so
no connection resumes another's handshake (`appliance.pinned_tls`).
"""

import argparse
import asyncio
import ssl
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from appliance.central.rooms_authority import require_authority, unseal_authority
from appliance.central.service import open_central, utc_now
from appliance.central.x509_builder import encode_key
from appliance.central.x509_certificates import Issuer, sign_room
from appliance.pinned_tls import NO_CHECK_TIME, server_name
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.bench.central_service import HOST, SCHOOL_ROOMS, Central, percentile, report
from tests.bench.servers import cpu_seconds

_REQUEST = b"GET /nothing HTTP/1.1\r\nHost: central\r\nConnection: %s\r\n\r\n"
_ROUNDS = 4
_AT_ONCE = 50  # connections, where a handshake's cost is looked at and not how a crowd is served


async def handshakes(central: Central, _options: argparse.Namespace) -> None:
    """Connections with certificates: central's processor time for each; all at once: the last is answered."""
    count = len(central.rooms)
    authority = _read_authority(central)
    mutual = [_make_context(authority, number) for number in range(1, count + 1)]
    one_sided = [_make_context(authority)] * count
    await asyncio.to_thread(central.start)
    try:
        crowd = _Crowd(central, authority.id)
        await crowd.connect(one_sided[:_AT_ONCE], _AT_ONCE)  # the first ones pay for what is imported then
        spent: dict[str, list[float]] = {"a request": [], "central's certificate": [], "both certificates": []}
        for _ in range(_ROUNDS):  # the least of each counts: what else the machine does only adds to it
            for made, seconds in zip(
                (
                    crowd.keep_one(one_sided[0], count),
                    crowd.connect(one_sided, _AT_ONCE),
                    crowd.connect(mutual, _AT_ONCE),
                ),
                spent.values(),
                strict=True,
            ):
                begun = _cpu(central)
                await made
                seconds.append(_cpu(central) - begun)
        request = min(spent.pop("a request"))
        report("a request, ms", _each(request, count), "")
        for words, seconds in spent.items():
            report(f"{words}, ms", _each(min(seconds) - request, count), "")
        begun, cpu = time.monotonic(), _cpu(central)
        took = await crowd.connect(mutual, count)
        report("all at once, s: the last", round(time.monotonic() - begun, 2), "")
        report("all at once, s: median", round(percentile(took, 50), 2), "")
        report("all at once, of central, s", round(_cpu(central) - cpu, 2), "")
        report("resumed", crowd.resumed, "0")
        report("refused", crowd.refused, "0")
    finally:
        await asyncio.to_thread(central.stop)


class _Crowd:
    """Connections to the rooms' port, each from the address of a school."""

    def __init__(self, central: Central, authority_id: str) -> None:
        self._port = central.rooms_port
        self._name = server_name(authority_id)
        self.resumed = 0
        self.refused = 0

    async def connect(self, contexts: list[ssl.SSLContext], at_once: int) -> list[float]:
        """Make a connection with each, so many at once; return how long each took until it was answered."""
        turns = asyncio.Semaphore(at_once)

        async def one(number: int, context: ssl.SSLContext) -> float:
            async with turns:
                begun = time.monotonic()
                try:
                    await self._ask(context, 1, source=f"127.0.1.{number // SCHOOL_ROOMS + 1}")
                except (OSError, asyncio.IncompleteReadError):
                    self.refused += 1
                return time.monotonic() - begun

        return await asyncio.gather(*(one(number, context) for number, context in enumerate(contexts)))

    async def keep_one(self, context: ssl.SSLContext, times: int) -> None:
        """Ask so many times on one connection."""
        await self._ask(context, times, source=HOST)

    async def _ask(self, context: ssl.SSLContext, times: int, *, source: str) -> None:
        reader, writer = await asyncio.open_connection(
            HOST, self._port, ssl=context, server_hostname=self._name, local_addr=(source, 0),
            ssl_handshake_timeout=60,
        )  # fmt: skip
        self.resumed += writer.get_extra_info("ssl_object").session_reused
        try:
            for left in range(times - 1, -1, -1):
                writer.write(_REQUEST % (b"keep-alive" if left else b"close"))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        finally:
            writer.transport.abort()


def _read_authority(central: Central) -> Issuer:
    opened = open_central(load_settings(central.config, CentralSettings))
    with opened.store.write_session() as session:
        authority = unseal_authority(opened.keys, require_authority(session, opened.keys, opened.now()))
    opened.store.close()
    return authority


def _make_context(authority: Issuer, room_id: int | None = None) -> ssl.SSLContext:
    """Return what a room connects with; `room_id`: with a certificate and a key of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.certificate)
    context.verify_flags |= NO_CHECK_TIME
    if room_id is not None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, _ = sign_room(authority, utc_now(), key.public_key(), room_id)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "room.pem"
            file.write_bytes(certificate.encode() + encode_key(key))
            context.load_cert_chain(file)
    return context


def _cpu(central: Central) -> float:
    """Return the processor seconds of the process that serves rooms: others compile lists after the start."""
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in central.processes()}
    return sum(cpu_seconds(pid) for pid, name in names.items() if name == "central rooms")


def _each(seconds: float, count: int) -> float:
    return round(1000 * seconds / count, 2)
