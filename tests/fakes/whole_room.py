"""A whole enrolled room under `hallpass room`.

Its processes run without root's rights over other people's files, also where root runs the tests: a file of
another owner is as closed to them as it is on a card.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dnslib
import httpx
import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RequestState, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent import installer, rpc
from appliance.room.agent.store import AgentStore
from appliance.room.guarded_file import write_guarded_file
from appliance.room.local_overrides import LocalOverrides
from appliance.room.query_log.reader import LogUnreadable, QueryLogReader
from blocklists.errors import ListError
from blocklists.index import verify_index
from dns.policy.document import PolicyDocument, Suspension, json_decoder
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import FAILED, OPEN, REFUSED, SCHOOLS_OWN, SILENT, EnrolledRoom, policy
from tests.fakes.ports import free_port
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

TUNNEL = "tunnel.example"
OPEN_NAME = "www.example.org"
SUSPENDED_DEVICE = "127.0.0.66"
REQUEST_ID = "0123456789abcdef0123456789abcdef"

_PR_CAPBSET_DROP = 24
_CAPABILITIES = range(4)  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
_libc = ctypes.CDLL(None)


def _give_up_roots_rights() -> None:
    for capability in _CAPABILITIES:
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # who is not root has none of them anyway


class WholeRoom(EnrolledRoom):
    """All four processes, with things decided and kept that must not be lost."""

    def __init__(self, folder: Path, upstream: FakeUpstream, central: FakeCentral) -> None:
        super().__init__(folder, upstream, central)
        self.port, self.web_port = free_port(), free_port()
        text = self.file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.web_port}")
        text = text.replace('token_file = "token"', 'token_file = "token"\nindex_spread_seconds = 0')
        self.file.write_text(text + '[led]\ndriver = "simulated"\n')
        document = msgspec.structs.replace(json_decoder.decode(policy()), tunnels="close")
        central.set_policy(msgspec.json.encode(document), "d7", inline=True, version=7)
        central.target = msgspec.structs.replace(central.target, index=self.version)
        installer.install_policy(self.paths, central.policy, "d7")
        self.document: PolicyDocument = document
        self._decide()
        self.has_lost_state = False  # a test took state.db away while nothing had it open
        self._room: subprocess.Popen[bytes] | None = None

    def _decide(self) -> None:
        now = datetime.now(UTC)
        suspension = Suspension(id="s", device=SUSPENDED_DEVICE, until=now + timedelta(hours=8), by="Tess")
        local_overrides.write_overrides(self.paths.local_overrides, LocalOverrides(suspensions=(suspension,)))
        blocked = [{"parent": TUNNEL, "until": time.time() + 80_000}]
        write_guarded_file(self.paths.blocked_tunnels, msgspec.json.encode(blocked))
        write_guarded_file(self.paths.button_pause, b"null")
        with contextlib.closing(AgentStore(self.paths.agent_store)) as store:
            request = UnblockRequest(
                id=REQUEST_ID, site="kept.example", reason="a lesson", minutes=30, teacher="Tess", asked_at=now
            )
            store.save_request(RequestState(request=request, state="denied"))

    def start_room(self) -> None:
        """Start `hallpass room`, and wait until DNS answers."""
        with (self.file.parent / "said").open("ab") as said:
            self._room = subprocess.Popen(
                [sys.executable, "-m", "appliance", "room", "--config", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=_give_up_roots_rights,  # noqa: PLW1509 (nothing else runs here yet)
            )
        until = time.monotonic() + 60
        while self.ask(SCHOOLS_OWN[0], seconds=1) == SILENT:
            assert time.monotonic() < until, self.said_so_far()

    def stop(self) -> None:
        """Stop everything that runs."""
        if self._room is not None:
            self._room.send_signal(signal.SIGTERM)
            self._room.wait(30)
            self._room = None
        super().stop()

    def said_so_far(self) -> str:
        return (self.file.parent / "said").read_text()

    def is_running(self) -> bool:
        return self._room is not None and self._room.poll() is None

    def ask_from(self, device: str, name: str) -> str:
        """Ask as one device does, once more each second."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.bind((device, 0))
            sock.connect(("127.0.0.1", self.port))
            for _ in range(5):
                try:
                    sock.send(question(name))
                    answer = dnslib.DNSRecord.parse(sock.recv(2048))
                except (TimeoutError, ConnectionError):
                    continue
                if answer.header.rcode:
                    return FAILED
                return REFUSED if [str(one.rdata) for one in answer.rr] == ["0.0.0.0"] else OPEN
        return SILENT

    def troubles(self) -> list[str]:
        """Return what is not well, or lost: nothing where the room has healed."""
        checks: dict[str, Callable[[], bool]] = {
            "the policy": self._has_policy,
            "the index": self._has_index,
            "the lists in use": lambda: {self.ask("now.example") for _ in range(8)} == {REFUSED},
            "an open name": lambda: self.ask(OPEN_NAME) == OPEN,
            "a suspended device": lambda: self.ask_from(SUSPENDED_DEVICE, OPEN_NAME) == REFUSED,
            "a closed tunnel": lambda: self.ask(f"x.{TUNNEL}") == REFUSED,
            "the resolver's conditions": lambda: bool(self.said()) and not self.conditions(),
            "the agent": self._is_agent_well,
            "the request that was kept": self._is_request_kept,
            "the log": self._is_log_written,
            "the pages": self._are_pages_served,
            "the room itself": self.is_running,
        }
        return [what for what, is_well in checks.items() if not is_well()]

    def _has_policy(self) -> bool:
        return installer.read_installed_policy(self.paths).digest == "d7"

    def _has_index(self) -> bool:
        try:
            return verify_index(self.paths.index) == self.version
        except (ListError, OSError, RuntimeError):
            return False

    def _is_agent_well(self) -> bool:
        try:
            return rpc.send_rpc_request(self.paths.agent_socket, rpc.StatusRequest()).status is not None
        except HallpassError:
            return False

    def _is_request_kept(self) -> bool:
        if self.has_lost_state or list(self.paths.data.glob("state.set-aside-*")):
            return True  # it was damaged: what is left of it is kept there
        try:
            found = rpc.send_rpc_request(self.paths.agent_socket, rpc.ListRequestsRequest()).requests
        except HallpassError:
            return False
        return [one.request.id for one in found] == [REQUEST_ID]

    def _is_log_written(self) -> bool:
        def answers() -> int:
            return (
                QueryLogReader(self.paths.query_log, control_socket=self.paths.query_log_control_socket)
                .read_stats()
                .queries
            )

        try:
            before = answers()
            self.ask(OPEN_NAME)
            until = time.monotonic() + 3
            while answers() <= before:
                if time.monotonic() > until:
                    return False
        except (LogUnreadable, OSError):
            return False
        return True

    def _are_pages_served(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.web_port}/sign-in", timeout=3, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def is_root() -> bool:
    """Tell whether files can be given to another owner here."""
    return os.geteuid() == 0
