"""The room's resolver: composes `dns` with the room's settings, its policy and its health."""

import contextlib
import importlib
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from appliance.errors import HallpassError
from appliance.files import remove_whatever
from appliance.room import start_up
from appliance.room.addresses import outbound_addresses
from appliance.room.capacity import cache_megabytes, worker_count
from appliance.room.link_networks import link_networks
from appliance.room.local_zones import make_local_zones, own_names
from appliance.room.paths import RoomPaths
from appliance.room.policy_source import RoomPolicySource
from appliance.room.resolver_health import make_health_writer
from appliance.room.resolver_metrics import WorkerStarts
from appliance.room.settings_reload import SettingsReload
from appliance.sd_notify import sd_notify
from appliance.settings.dns import PRIVATE_NETWORKS, DnsCacheSection, DnsTlsSection, with_switches
from appliance.settings.room import RoomSettings
from appliance.settings.values import Endpoint
from dns.cache import MessageCache
from dns.forward.upstreams import ForwardZone
from dns.heartbeats import WorkerHeartbeats
from dns.local_zones.local_zones import LocalZones
from dns.server.listen_sockets import ListenAddresses, ListenSockets
from dns.server.session_tickets import TicketKeys
from dns.server.sockets import SocketAddress, WorkerSockets
from dns.server.tls import ALPN_PROTOCOL, HTTPS_ALPN_PROTOCOL, Certificate
from dns.shared_usage import SharedUsage
from dns.supervisor import Supervisor
from dns.worker import Worker, run_worker
from dns.worker_config import WorkerSettings
from dns.worker_group import WorkerGroup

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)
_ADDRESS_SECONDS = 30.0

T = TypeVar("T")


class PageAddresses:
    """The addresses at which a room's devices find its pages."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._host = settings.web.listen.host
        self._now = now
        self._known: tuple[str, ...] = ()
        self._until = 0.0

    def current_addresses(self) -> tuple[str, ...]:
        """Return them; where the pages are served on every address, the one that leads out of this machine."""
        if self._host not in _WILDCARDS:
            return (self._host,)
        if self._now() >= self._until:
            self._known = outbound_addresses()
            self._until = self._now() + _ADDRESS_SECONDS
        return self._known


def run_resolver(settings: RoomSettings, file: Path | None = None) -> int:
    """Run the resolver until it is told to stop; return the exit status. Raises HallpassError.

    Where the settings' `file` is given, it is followed from then on.
    """
    paths = RoomPaths.from_settings(settings)
    factory = WorkerGroupFactory(paths)
    with start_up.report_starting(paths.health_folder):
        group = factory.make_group(settings, None)
    with contextlib.suppress(OSError):  # a disk that takes nothing keeps nobody from answering
        for old in paths.health_folder.glob("resolver-*.json"):
            remove_whatever(old)  # of a run with more workers
    shown = ", ".join(_format_address(*address) for address in group.listen_sockets.addresses)
    group_source = None
    if file is not None:
        group_source = SettingsReload(
            file, settings, group, factory.make_group, health_folder=paths.health_folder, log=_print_line
        )

    def ready() -> None:
        start_up.report_started(paths.health_folder)
        sd_notify("READY=1")
        _print_line(f"answering on {shown}")

    def keepalive() -> None:
        factory.reload_certificate()
        sd_notify("WATCHDOG=1")

    supervisor = Supervisor(
        group,
        log=_print_line,
        ready=ready,
        group_source=group_source,
        heartbeats=factory.heartbeats,
        keepalive=keepalive,
    )
    return supervisor.supervise()


class WorkerGroupFactory:
    """Makes out of settings what workers do, the first time and whenever the settings have changed."""

    def __init__(self, paths: RoomPaths) -> None:
        self.heartbeats = WorkerHeartbeats()
        self._usage = SharedUsage()
        self._starts = WorkerStarts()
        self._paths = paths
        self._secret = secrets.token_bytes(16)  # devices keep their cookies (RFC 7873) through new settings
        self._certificate: Certificate | None = None
        self._ticket_keys: TicketKeys | None = None

    def make_group(self, settings: RoomSettings, before: WorkerGroup | None) -> WorkerGroup:
        """Return a plan that holds on to the sockets of the one before. Raises HallpassError: every mistake."""
        problems: list[str] = []
        worker_settings = _collect_problems(problems, partial(self._worker_settings, settings))
        policy_source = _collect_problems(problems, partial(RoomPolicySource, settings, self._paths))
        listen_sockets = _collect_problems(problems, partial(open_listen_sockets, settings, before))
        if worker_settings is None or policy_source is None or listen_sockets is None:
            if listen_sockets is not None:
                listen_sockets.close_except(before.listen_sockets.all_sockets() if before is not None else ())
            raise HallpassError("\n".join(problems))

        if isinstance(zones := worker_settings.local_zones, LocalZones):
            policy_source.on_load = lambda: zones.replace_own_names(own_names(settings))

        def run_numbered_worker(number: int, sockets: WorkerSockets, ready: Callable[[], None]) -> None:
            policy_source.load_if_changed()
            starts = self._starts.count_start(number)
            report_status = make_health_writer(
                number, self._paths.health_folder, policy_source, starts if settings.metrics is not None else None
            )
            beat = partial(self.heartbeats.record_heartbeat, number)
            usage = self._usage.column(number, worker_count(settings.dns.workers))
            run_worker(
                lambda: Worker(
                    worker_settings, sockets, policy_source, report_status=report_status, beat=beat, usage=usage
                ),
                ready,
            )

        return WorkerGroup(listen_sockets, worker_count(settings.dns.workers), run_numbered_worker)

    def _worker_settings(self, settings: RoomSettings) -> WorkerSettings:
        page_addresses = PageAddresses(settings)
        dns = settings.dns
        certificate = self._load_certificate(dns.tls)
        if dns.tls is not None and dns.tls.https:
            importlib.import_module("dns.server.https")  # here, once: each worker would have it for itself
        return WorkerSettings(
            networks=tuple(str(network) for network in dns.clients),
            # Whoever writes down who may ask means those, and nobody else.
            link_networks=link_networks if dns.clients == PRIVATE_NETWORKS else tuple,
            upstreams=with_switches(dns.upstreams, dns.upstream),
            rate_limit=dns.rate_limit,
            query_log_socket=self._paths.query_log_socket,
            page_addresses=page_addresses.current_addresses,
            forward_zones=tuple(
                ForwardZone(str(one.domain), with_switches(one.upstreams, dns.upstream)) for one in dns.forward
            ),
            local_zones=make_local_zones(settings, page_addresses.current_addresses, certificate),
            make_cache=partial(_make_cache, dns.cache, worker_count(dns.workers)),
            certificate=certificate,
            cookie_secret=self._secret,
        )

    def reload_certificate(self) -> None:
        """Look at the certificate's files, so that a worker which begins later begins with what was read last."""
        if self._certificate is not None:
            self._certificate.reload_if_due()

    def _load_certificate(self, encryption: DnsTlsSection | None) -> Certificate | None:
        """Return the certificate that the settings name, usable or not; the same one as long as they name it.

        So new settings leave the one in use that was read last, where its files are damaged by now.
        """
        if encryption is None:
            self._certificate = None
            return None
        if self._ticket_keys is None:
            self._ticket_keys = TicketKeys()
        files = (encryption.certificate, encryption.key)
        if self._certificate is None or (self._certificate.certificate, self._certificate.key) != files:
            protocols = (ALPN_PROTOCOL, HTTPS_ALPN_PROTOCOL)
            self._certificate = Certificate(*files, protocols, time.monotonic, ticket_keys=self._ticket_keys)
        else:
            self._certificate.reload_if_due(now=True)
        return self._certificate


def _collect_problems(problems: list[str], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except HallpassError as problem:
        problems += str(problem).splitlines()
        return None


def open_listen_sockets(settings: RoomSettings, before: WorkerGroup | None) -> ListenSockets:
    """Open what the resolver listens on, beside what is open already. Raises HallpassError."""
    encryption = settings.dns.tls
    addresses = ListenAddresses(
        plain=_addresses(settings.dns.listen),
        tls=_addresses(encryption.listen) if encryption else (),
        https=_addresses(encryption.https) if encryption else (),
    )
    try:
        return (before.listen_sockets if before is not None else ListenSockets()).with_addresses(
            addresses, worker_count(settings.dns.workers)
        )
    except OSError as problem:
        raise HallpassError(f"DNS cannot listen on {problem.filename}: {_bind_advice(problem)}") from None


def _addresses(endpoints: Iterable[Endpoint]) -> tuple[SocketAddress, ...]:
    return tuple((endpoint.host, endpoint.port) for endpoint in endpoints)


def _bind_advice(problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return "ports below 1024 need CAP_NET_BIND_SERVICE or root; see [dns] listen"
    return f"{problem.strerror or problem}; see [dns] listen"


def _make_cache(settings: DnsCacheSection, workers: int) -> MessageCache:
    return MessageCache(
        max_bytes=cache_megabytes(settings.megabytes, workers) * 1024 * 1024,
        minimum_ttl=settings.minimum_ttl,
        maximum_ttl=settings.maximum_ttl,
        stale_seconds=settings.stale_hours * 3600.0,
    )


def _format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _print_line(text: str) -> None:
    sys.stderr.write(f"hallpass resolver: {text}\n")
    sys.stderr.flush()
