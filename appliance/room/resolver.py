"""The room's resolver: composes `dns` with the room's settings, its policy and its health."""

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from appliance.errors import HallpassError
from appliance.room import health
from appliance.room.addresses import way_out
from appliance.room.file_state import FileState, state_of
from appliance.room.health import Condition, ProcessHealth
from appliance.room.heartbeat import Pulse
from appliance.room.local_zones import certificate_files, local_names
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.room.room_policy import depends_on
from appliance.room.settings_reload import Follower
from appliance.sd_notify import notify, watchdog_seconds
from appliance.settings.dns import DnsCacheSection
from appliance.settings.room import RoomSettings
from appliance.settings.values import Endpoint
from dns import worker
from dns.cache import MessageCache
from dns.forward import health as upstream_health
from dns.forward.upstreams import ForwardZone
from dns.policy.compiled import CompiledPolicy
from dns.server.listen_sockets import ListenAddresses, ListenSockets
from dns.server.sockets import SocketAddress, WorkerSockets
from dns.supervisor import Supervisor, WorkerGroup
from dns.worker import Worker, WorkerSettings, run_worker

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)
_ADDRESS_SECONDS = 30.0
_log = logging.getLogger(__name__)

State = tuple[FileState, ...]
T = TypeVar("T")


class Files:
    """The room's policy as it stands on its disk (`dns.worker.PolicySource`)."""

    def __init__(self, settings: RoomSettings, paths: RoomPaths) -> None:
        """Load the policy. Raises HallpassError."""
        self._settings = settings
        self._paths = paths
        self._loader = PolicyLoader(settings, paths, keeps=True)
        tried = self._state()
        self._policy: CompiledPolicy = self._loader.load()
        self._tried = (tried, self._loader.lists_state())

    @property
    def troubles(self) -> dict[Condition, str]:
        """What is not as it should be about the files, and what is used instead."""
        return self._loader.troubles

    def current(self) -> CompiledPolicy:
        """Return the policy that was loaded last."""
        return self._policy

    def has_changed(self) -> bool:
        """Tell whether a file was put in another's place since the last attempt to load."""
        return (self._state(), self._loader.lists_state()) != self._tried

    def load(self) -> CompiledPolicy:
        """Load the policy anew. Raises ValueError with one line that says why it cannot be used."""
        tried = self._state()
        try:
            self._policy = self._loader.load()
        except (HallpassError, OSError) as problem:
            raise ValueError(str(problem)) from problem
        finally:  # where it fails, it is not tried again until something changes
            self._tried = (tried, self._loader.lists_state())
        return self._policy

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file of the index in use."""
        return self._loader.is_touched()

    def is_whole(self) -> bool:
        """Read the index in use and tell whether it is what was opened. Where not, load."""
        return self._loader.is_whole()

    def catch_up(self) -> None:
        """Load what has changed since the last attempt; where that fails the last policy stays.

        A worker that takes the place of another begins with this process's policy, which may be hours old; and
        what ended the other one may have been an index that was damaged where it lies.
        """
        if self.has_changed() or not self.is_whole():
            try:
                self.load()
            except ValueError as problem:
                _log.warning("keeping the policy as it was: %s", problem)
            except Exception:  # a mistake of ours must not keep a worker from answering  # noqa: BLE001
                _log.exception("keeping the policy as it was")

    def _state(self) -> State:
        return tuple(state_of(path) for path in depends_on(self._settings, self._paths))


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
            self._known = way_out()
            self._until = self._now() + _ADDRESS_SECONDS
        return self._known


def serve(settings: RoomSettings, file: Path | None = None) -> int:
    """Run the resolver until it is told to stop; return the exit status. Raises HallpassError.

    Where the settings' `file` is given, it is followed from then on.
    """
    paths = RoomPaths.of(settings)
    composing = Composing(paths)
    plan = composing.plan(settings, None)
    for old in paths.health.glob("resolver-*.json"):
        old.unlink(missing_ok=True)  # of a run with more workers
    shown = ", ".join(_shown(*address) for address in plan.listen_sockets.addresses)
    planner, pulse = None, composing.pulse
    if file is not None:
        planner = Follower(file, settings, plan, composing.plan, health_folder=paths.health, say=_say)

    def ready() -> None:
        notify("READY=1")
        _say(f"answering on {shown}")

    supervisor = Supervisor(
        plan,
        log=_say,
        ready=ready,
        group_source=planner,
        heartbeat=pulse.feed_watchdog,
        heartbeat_seconds=watchdog_seconds() or 60.0,
    )
    return supervisor.supervise()


class Composing:
    """Makes out of settings what workers do, the first time and whenever the settings have changed."""

    def __init__(self, paths: RoomPaths) -> None:
        self.pulse = Pulse()
        self._paths = paths
        self._secret = secrets.token_bytes(16)  # devices keep their cookies (RFC 7873) through new settings

    def plan(self, settings: RoomSettings, before: WorkerGroup | None) -> WorkerGroup:
        """Return a plan that holds on to the sockets of the one before. Raises HallpassError: every mistake."""
        problems: list[str] = []
        work = _or_noted(problems, partial(self._worker_settings, settings))
        files = _or_noted(problems, partial(Files, settings, self._paths))
        shares = _or_noted(problems, partial(_shares, settings, before))
        if work is None or files is None or shares is None:
            if shares is not None:
                shares.close_except(before.listen_sockets.all_sockets() if before is not None else ())
            raise HallpassError("\n".join(problems))

        def run(number: int, own: WorkerSockets, ready: Callable[[], None]) -> None:
            files.catch_up()
            tell = _teller(number, self._paths.health, files)

            def say(condition: worker.WorkerStatus) -> None:
                self.pulse.beats(number)
                tell(condition)

            run_worker(lambda: Worker(work, own, files, report_status=say), ready)

        return WorkerGroup(shares, _workers(settings), run)

    def _worker_settings(self, settings: RoomSettings) -> WorkerSettings:
        page = Page(settings)
        dns = settings.dns
        certificate = certificate_files(dns.tls)
        return WorkerSettings(
            networks=tuple(str(network) for network in dns.clients),
            upstreams=dns.upstreams,
            rate_limit=dns.rate_limit,
            query_log_socket=self._paths.recorder_socket,
            page_addresses=page.addresses,
            forward_zones=tuple(ForwardZone(str(one.domain), one.upstreams) for one in dns.forward),
            local_zones=local_names(settings, page.addresses),
            make_cache=partial(_cache, dns.cache),
            certificate=certificate,
            cookie_secret=self._secret,
        )


def _or_noted(problems: list[str], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except HallpassError as problem:
        problems += str(problem).splitlines()
        return None


def _workers(settings: RoomSettings) -> int:
    return settings.dns.workers or len(os.sched_getaffinity(0))


def _shares(settings: RoomSettings, before: WorkerGroup | None) -> ListenSockets:
    encryption = settings.dns.tls
    where = ListenAddresses(
        plain=_addresses(settings.dns.listen),
        tls=_addresses(encryption.listen) if encryption else (),
        https=_addresses(encryption.https) if encryption else (),
    )
    try:
        return (before.listen_sockets if before is not None else ListenSockets()).with_addresses(
            where, _workers(settings)
        )
    except OSError as problem:
        raise HallpassError(f"DNS cannot listen on {problem.filename}: {_advice(problem)}") from None


def _addresses(endpoints: Iterable[Endpoint]) -> tuple[SocketAddress, ...]:
    return tuple((endpoint.host, endpoint.port) for endpoint in endpoints)


def _advice(problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return "ports below 1024 need CAP_NET_BIND_SERVICE or root; see [dns] listen"
    return f"{problem.strerror or problem}; see [dns] listen"


def _teller(number: int, folder: Path, files: Files) -> Callable[[worker.WorkerStatus], None]:
    def tell(condition: worker.WorkerStatus) -> None:
        troubles = files.troubles
        conditions = list(troubles)
        details = {"policy": str(condition.policy_version), "unconfirmed": str(condition.unconfirmed_records)}
        if condition.upstreams_down_since is not None:
            conditions.append(Condition.UPSTREAM_DOWN)
            since = time.strftime("%H:%M", time.localtime(condition.upstreams_down_since))
            details["upstreams"] = f"no upstream has answered since {since}"
        details |= {
            f"upstream {state.server}": _trouble(state) for state in condition.upstream_states if state.down_since
        }
        details |= {trouble.value: words for trouble, words in troubles.items()}
        if condition.policy_problem:
            details["policy-problem"] = condition.policy_problem
        if entries := files.current().too_wide:
            details["policy-too-wide"] = "; ".join(entries)
        health.report(
            folder,
            ProcessHealth(
                process=f"resolver-{number}", time=time.time(), conditions=tuple(conditions), details=details
            ),
        )

    return tell


def _trouble(state: upstream_health.UpstreamState) -> str:
    """Say what is wrong with an upstream that is down."""
    since = time.strftime("%H:%M", time.localtime(state.down_since))
    return f"has not answered since {since}" + (f" ({state.trouble})" if state.trouble else "")


def _cache(memory: DnsCacheSection) -> MessageCache:
    return MessageCache(
        max_bytes=memory.megabytes * 1024 * 1024,
        minimum_ttl=memory.minimum_ttl,
        maximum_ttl=memory.maximum_ttl,
        stale_seconds=memory.stale_hours * 3600.0,
    )


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(text: str) -> None:
    click.echo(f"hallpass resolver: {text}", err=True)
    sys.stderr.flush()
