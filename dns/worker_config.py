"""What a worker is given to work with, and what it says of itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dns.cache import MessageCache
from dns.forward.health import UpstreamState
from dns.forward.server import UpstreamAddress
from dns.forward.upstreams import ForwardZone
from dns.pipeline.local_zones import LocalZoneLookup
from dns.policy.verdict import Policy
from dns.server.connection_limiter import ConnectionLimits
from dns.server.tls import Certificate


class PolicySource(Protocol):
    """Where the policy comes from."""

    def current(self) -> Policy:
        """Return the policy that was loaded last."""

    def has_changed(self) -> bool:
        """Tell whether the files differ from those that were tried last. Cheap: called four times a second."""

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file that is mapped. Cheap: called at each tick."""

    def load(self) -> Policy:
        """Load the policy anew. Called outside the loop's thread. Raises ValueError that says why, in one line."""

    def is_whole(self) -> bool:
        """Read what is mapped; tell whether it is what was opened. Called outside the loop's thread."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a room works with."""

    networks: tuple[str, ...]
    link_networks: Callable[[], tuple[str, ...]] = tuple  # who may ask besides; called again and again
    upstreams: tuple[UpstreamAddress, ...]
    forward_zones: tuple[ForwardZone, ...] = ()
    rate_limit: int = 0
    query_log_socket: Path | None = None
    page_addresses: Callable[[], Sequence[str]] = tuple
    cookie_secret: bytes = b""
    make_cache: Callable[[], MessageCache] = MessageCache
    local_zones: LocalZoneLookup | None = None
    limits: ConnectionLimits = ConnectionLimits()
    certificate: Certificate | None = None  # for the sockets of TLS and HTTPS


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is."""

    upstreams_down_since: float | None = None
    upstream_states: tuple[UpstreamState, ...] = ()
    policy_problem: str = ""
    certificate_problem: str = ""  # what is wrong with the one of TLS and HTTPS
    policy_version: int = 0
    unconfirmed_records: int = 0
    nameless_answers: int = 0  # logged without their names: there were too many; this and what follows grow
    packet_cache_hits: int = 0
    message_cache_hits: int = 0
    forwarded_queries: int = 0
