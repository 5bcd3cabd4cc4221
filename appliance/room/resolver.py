"""The room's resolver: composes `dns` with the room's settings, its policy and its health."""

import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from appliance.errors import HallpassError
from appliance.room import health
from appliance.room.health import Condition, ProcessHealth
from appliance.room.names import certificate_files, local_names
from appliance.room.paths import RoomPaths
from appliance.room.policy import depends_on, load_policy
from appliance.settings.dns import Memory
from appliance.settings.room import RoomSettings
from dns import worker
from dns.cache import RecordCache
from dns.listeners.sockets import Sockets, ensure_free, open_sockets
from dns.supervisor import Supervisor
from dns.upstream import health as upstream_health
from dns.upstream.pool import Forward
from dns.verdict import Policy
from dns.worker import Worker, WorkerSettings, run_worker

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)
_ADDRESS_SECONDS = 30.0

State = tuple[tuple[int, int, int] | None, ...]


class Files:
    """The room's policy as it stands on its disk (`dns.worker.PolicySource`)."""

    def __init__(self, settings: RoomSettings, paths: RoomPaths) -> None:
        """Load the policy. Raises HallpassError."""
        self._settings = settings
        self._paths = paths
        self._tried = self._state()
        self._policy: Policy = load_policy(settings, paths)

    def current(self) -> Policy:
        """Return the policy that was loaded last."""
        return self._policy

    def has_changed(self) -> bool:
        """Tell whether a file was put in another's place since the last attempt to load."""
        return self._state() != self._tried

    def load(self) -> Policy:
        """Load the policy anew. Raises ValueError with one line that says why it cannot be used."""
        self._tried = self._state()
        try:
            self._policy = load_policy(self._settings, self._paths)
        except (HallpassError, OSError) as problem:
            raise ValueError(str(problem)) from problem
        return self._policy

    def _state(self) -> State:
        return tuple(_state_of(path) for path in depends_on(self._settings, self._paths))


class Page:
    """The addresses at which a room's devices find its pages."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._host = settings.web.listen.host
        self._now = now
        self._known: tuple[str, ...] = ()
        self._until = 0.0

    def addresses(self) -> tuple[str, ...]:
        """Return them; where the pages are served on every address, the one that leads out of this machine."""
        if self._host not in _WILDCARDS:
            return (self._host,)
        if self._now() >= self._until:
            self._known = tuple(_way_out())
            self._until = self._now() + _ADDRESS_SECONDS
        return self._known


def serve(settings: RoomSettings) -> int:
    """Run the resolver until it is told to stop; return the exit status. Raises HallpassError."""
    paths = RoomPaths.of(settings)
    certificate = certificate_files(settings.dns.tls)
    page = Page(settings)
    count = settings.dns.workers or len(os.sched_getaffinity(0))
    files = Files(settings, paths)
    sockets = _open(settings, count)
    addresses = sockets[0].addresses
    tls, https = sockets[0].tls_addresses, sockets[0].https_addresses
    for old in paths.health.glob("resolver-*.json"):
        old.unlink(missing_ok=True)  # of a run with more workers
    worker_settings = WorkerSettings(
        networks=tuple(str(network) for network in settings.dns.clients),
        upstreams=settings.dns.upstreams,
        rate_limit=settings.dns.rate_limit,
        recorder=paths.recorder_socket,
        page=page.addresses,
        forwards=tuple(Forward(str(one.domain), one.upstreams) for one in settings.dns.forward),
        local=local_names(settings, page.addresses),
        cache=partial(_cache, settings.dns.cache),
        certificate=certificate,
        cookie_secret=secrets.token_bytes(16),
    )

    def run(number: int, own: Sockets, ready: Callable[[], None]) -> None:
        run_worker(lambda: Worker(worker_settings, own, files, say=_teller(number, paths.health)), ready)

    supervisor = Supervisor(
        sockets,
        lambda: open_sockets(addresses, tls, https),
        run,
        say=_say,
        ready=lambda: _say("answering on " + ", ".join(_shown(*address) for address in addresses)),
    )
    return supervisor.run()


def _open(settings: RoomSettings, count: int) -> list[Sockets]:
    encryption = settings.dns.tls
    addresses = [(endpoint.host, endpoint.port) for endpoint in settings.dns.listen]
    tls = [(endpoint.host, endpoint.port) for endpoint in (encryption.listen if encryption else ())]
    https = [(endpoint.host, endpoint.port) for endpoint in (encryption.https if encryption else ())]
    try:
        for address in (*addresses, *tls, *https):
            ensure_free(address)
        first = open_sockets(addresses, tls, https)
        return [
            first,
            *(open_sockets(first.addresses, first.tls_addresses, first.https_addresses) for _ in range(count - 1)),
        ]
    except OSError as problem:
        raise HallpassError(f"DNS cannot listen on {problem.filename}: {_advice(problem)}") from None


def _advice(problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return "ports below 1024 need CAP_NET_BIND_SERVICE or root; see [dns] listen"
    return f"{problem.strerror or problem}; see [dns] listen"


def _teller(number: int, folder: Path) -> Callable[[worker.Condition], None]:
    def tell(condition: worker.Condition) -> None:
        conditions = []
        details = {"policy": str(condition.policy_version), "unconfirmed": str(condition.unconfirmed_records)}
        if condition.upstreams_down_since is not None:
            conditions.append(Condition.UPSTREAM_DOWN)
            since = time.strftime("%H:%M", time.localtime(condition.upstreams_down_since))
            details["upstreams"] = f"no upstream has answered since {since}"
        details |= {
            f"upstream {state.server}": _trouble(state) for state in condition.upstreams if state.down_since
        }
        if condition.policy_problem:
            details["policy-problem"] = condition.policy_problem
        health.report(
            folder,
            ProcessHealth(
                process=f"resolver-{number}", time=time.time(), conditions=tuple(conditions), details=details
            ),
        )

    return tell


def _trouble(state: upstream_health.State) -> str:
    """Say what is wrong with an upstream that is down."""
    since = time.strftime("%H:%M", time.localtime(state.down_since))
    return f"has not answered since {since}" + (f" ({state.trouble})" if state.trouble else "")


def _cache(memory: Memory) -> RecordCache:
    return RecordCache(
        limit=memory.megabytes * 1024 * 1024,
        minimum_ttl=memory.minimum_ttl,
        maximum_ttl=memory.maximum_ttl,
        stale_seconds=memory.stale_hours * 3600.0,
    )


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size


def _way_out() -> list[str]:
    found = []
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((somewhere, 9))  # sends nothing: it only asks the kernel for the way
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue  # no address of that family
    return found


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(text: str) -> None:
    click.echo(f"hallpass resolver: {text}", err=True)
    sys.stderr.flush()
