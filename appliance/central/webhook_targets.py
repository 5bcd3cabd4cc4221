"""Where a webhook may connect to: the internet, or inside the school what was said to be inside; nothing else.

On top of what holds for downloads (`blocklists.download_targets`): never a link-local address, at which machines
in a cloud keep their secrets, and never central's own ports on this machine, where a call could pass for a room's
or a person's. Each address is looked at just before it is connected to, whatever the name said before.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable
from typing import Any

import httpcore

from appliance.settings.central import CentralSettings
from blocklists.download_targets import GuardedBackend, TargetGuard, TargetPolicy
from blocklists.errors import FetchFailed
from dns.policy.special_addresses import address_forms


class WebhookGuard(TargetGuard):
    """Which addresses one webhook may reach."""

    def __init__(self, policy: TargetPolicy, host: str, own_ports: Collection[int]) -> None:
        super().__init__(policy, host)
        self._own_ports = frozenset(own_ports)

    def reachable_addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be connected to. Raises FetchFailed, OSError."""
        found = super().reachable_addresses(host, port)
        for address in found:
            self._check_address(host, address, port)
        return found

    def _check_address(self, host: str, address: str, port: int) -> None:
        *_, inner = address_forms(ipaddress.ip_address(address))
        if inner.is_link_local:
            raise FetchFailed(f"{host} leads to a link-local address, which no webhook may reach")
        if port in self._own_ports and is_own_address(str(inner)):
            raise FetchFailed(f"{host} leads to central itself, which no webhook may reach")


def own_ports(settings: CentralSettings) -> frozenset[int]:
    """Return the ports at which central itself is served."""
    figures = settings.metrics
    ports = {settings.central.listen.port, settings.central.rooms_endpoint.port}
    return frozenset(ports | ({figures.listen.port} if figures is not None else set()))


def is_own_address(address: str) -> bool:
    """Tell whether an address is one of this machine's: only there can something listen."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((address, 0))
    except OSError:
        return False
    return True


class DeadlineBackend(GuardedBackend):
    """Connects as guarded downloads do, and ends every call at one moment: a byte now and then gains no time."""

    def __init__(self, guard: TargetGuard, deadline: float) -> None:
        """`deadline`: on the steady clock (`time.monotonic`)."""
        super().__init__(guard)
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 (the deadline is what counts)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect. Raises FetchFailed, or one of httpcore's errors."""
        left = _seconds_left(self._deadline)
        return _DeadlineStream(
            super().connect_tcp(host, port, left, local_address, socket_options), self._deadline
        )


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 (as above)
        return self._stream.read(max_bytes, _seconds_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 (as above)
        self._stream.write(buffer, _seconds_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 (as above)
    ) -> httpcore.NetworkStream:
        left = _seconds_left(self._deadline)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _seconds_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("it took too long")
    return left
