"""The worker of our web servers: gunicorn's, with gevent's event loop in the main thread and a few native threads.

gunicorn brings what surrounds it: settings, sockets, signals, the parser of HTTP/1.1 (`appliance.web_process`).
Its own gevent worker would replace the standard library's threads and locks by greenlets: then one `fsync`, one
look at SQLite or one hash of a password stops every connection. Here nothing is replaced. The sockets of clients
are gevent's (`appliance.web_connection`), and everything else is as it was.
"""

import errno
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
import gevent.event
import gevent.hub
import gevent.socket
import gevent.ssl
import msgspec
from gunicorn.workers.base import Worker

from appliance.allocator import HeapTrimmer
from appliance.cpu_scheduling import CHECK_SECONDS, AdaptiveScheduling, SchedulingPolicy
from appliance.pinned_tls import PinnedContexts
from appliance.sd_notify import sd_notify
from appliance.settings.values import CertificateFiles
from appliance.web_certificate import WebCertificate
from appliance.web_connection import WebConnection
from appliance.web_connections import ConnectionTable, client_address
from appliance.web_server import (
    CERTIFICATE_VARIABLE,
    CLEAR_PORT_VARIABLE,
    GRACEFUL_SECONDS,
    LIMITS_VARIABLE,
    ROOMS_TLS_VARIABLE,
    STANDS_BY_VARIABLE,
    STEPS_ASIDE_VARIABLE,
    StepsAside,
    WebLimits,
)
from appliance.web_standby import IdleTimer, StandsBy, ended_by_signals
from appliance.web_threads import WebThreads

gevent.config.track_greenlet_tree = False  # who made which greenlet: each would keep it, and nobody asks

_LOOK_SECONDS = 1.0
_ACCEPTED_AT_ONCE = 16
_RESERVED_FILES = 128  # for databases, logs, bodies of requests and whatever else the process opens
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_ROOM_PAUSE_SECONDS = 0.1
_SECONDS_BETWEEN_COMPLAINTS = 60.0


class WebWorker(Worker):  # type: ignore[misc]  # gunicorn publishes no types
    """One process that serves."""

    alive: bool
    enter_standby: Callable[[IdleTimer], None]  # given by who made it; returns only by OSError

    def init_process(self) -> None:
        """Make ready, and serve until told to stop."""
        gevent.hub.reinit()  # we were forked
        limits = msgspec.json.decode(self.cfg.env.get(LIMITS_VARIABLE, "{}"), type=WebLimits)
        self.limits = msgspec.structs.replace(limits, max_connections=_allow_files(limits.max_connections))
        self.connections = ConnectionTable(self.limits, time.monotonic)
        self.threads = WebThreads(self.cfg.threads)
        self._certificates = self._read_certificates()
        rooms_tls = self.cfg.env.get(ROOMS_TLS_VARIABLE, "")
        self.rooms_tls = PinnedContexts(Path(rooms_tls), gevent.ssl.SSLContext) if rooms_tls else None
        self._clear_port = int(self.cfg.env.get(CLEAR_PORT_VARIABLE, "0"))
        said = self.cfg.env.get(STEPS_ASIDE_VARIABLE, "")
        self._scheduling = _wait_for_others(msgspec.json.decode(said, type=StepsAside)) if said else None
        said = self.cfg.env.get(STANDS_BY_VARIABLE, "")
        self._stands_by = msgspec.json.decode(said, type=StandsBy) if said else None
        self._has_accepted = False
        self._stopping = gevent.event.Event()
        self._complained_at = -_SECONDS_BETWEEN_COMPLAINTS
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop."""
        sd_notify("READY=1")
        acceptors = self._start_accepting()
        idle = self._stands_by and IdleTimer(self._stands_by, time.monotonic())
        trimmer = HeapTrimmer(time.monotonic)
        while self.alive:
            trimmer.trim_if_due()
            if not self.threads.is_stuck():
                sd_notify("WATCHDOG=1")  # who is silent for a minute, or what systemd's unit says, is replaced
            if self.ppid != os.getppid():
                self.log.warning("the server that started this one is gone: stopping")
                break
            self._wait()
            if idle and idle.is_over(time.monotonic(), is_busy=self._is_busy()):
                gevent.killall(acceptors)
                self._stand_by(idle)
                acceptors = self._start_accepting()
        self.alive = False
        gevent.killall(acceptors)
        self.connections.evict_unanswered()
        until = time.monotonic() + GRACEFUL_SECONDS
        while len(self.connections) and time.monotonic() < until:
            gevent.sleep(0.05)

    def _start_accepting(self) -> list[gevent.Greenlet]:
        return [gevent.spawn(self._accept_connections, self._listener(one)) for one in self.sockets]

    def _is_busy(self) -> bool:
        """Tell whether somebody is connected, or was since this was asked last."""
        has_accepted, self._has_accepted = self._has_accepted, False
        return has_accepted or bool(len(self.connections)) or self.threads.is_working()

    def _stand_by(self, idle: IdleTimer) -> None:
        """Become the program that waits; this returns where somebody has just connected, or where it cannot be."""
        if self._is_busy():
            return
        if self._scheduling:
            self._scheduling.take_ordinary_place()  # who comes back must not begin in the last one
        try:
            with ended_by_signals():
                if self.alive:
                    self.enter_standby(idle)
        except OSError as problem:
            self.log.warning("the pages cannot stand by (%s)", problem)

    def _wait(self) -> None:
        """Wait a moment, or until told to stop; and see how late this loop is, where that is for DNS's sake."""
        seconds = CHECK_SECONDS if self._scheduling and self.threads.is_working() else _LOOK_SECONDS
        due = time.monotonic() + seconds
        self._stopping.wait(seconds)
        if self._scheduling:
            now = time.monotonic()
            self._scheduling.adapt(now - due, now)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish what is under way, and stop."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._stopping.set)  # a signal's handler must not switch by itself

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (a signal handler's signature)
        """Stop at once."""
        sys.exit(0)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Open the log files anew."""
        gevent.spawn(super().handle_usr1, sig, frame)

    def name_client(self, environ: dict[str, Any]) -> None:
        """Put the client's address where a trusted proxy's stands; nobody else's word is taken for it."""
        said = environ.pop("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = self.connections.resolve_client(environ["REMOTE_ADDR"], said)

    def _accept_connections(self, listener: gevent.socket.socket) -> None:
        local = listener.getsockname()
        accepted = 0
        while True:
            try:
                connection, client = listener.accept()
            except OSError as problem:
                # With no descriptor left Linux refuses even where nobody waits: nobody need be evicted for that.
                gevent.socket.wait_read(listener.fileno())
                self._make_room(problem)
                continue
            self._has_accepted = True
            self._admit(connection, client, local)
            accepted += 1
            if accepted % _ACCEPTED_AT_ONCE == 0:
                gevent.sleep(0.001)  # a flood of newcomers waits for those who are here

    def _admit(self, accepted: gevent.socket.socket, client: Any, local: Any) -> None:
        client = (client_address(client), *client[1:])  # IPv4 as such: proxies, tries and devices are known by it
        is_clear = not self._certificates or local[1] == self._clear_port
        tls = None if is_clear else self._current_context()
        connection = WebConnection(self, accepted, client, local, tls=tls)
        if not is_clear and tls is None:  # nothing to speak TLS with: closed, as a port that nobody listens on
            accepted.close()
        elif self.connections.admit(connection, client[0]):
            gevent.spawn(connection.run)
        else:
            connection.evict(reset=True)
            accepted.close()

    def _make_room(self, problem: OSError) -> None:
        """Go on after a newcomer could not be accepted: it may have gone already, or there is no room for it."""
        if problem.errno in _NO_ROOM:
            if time.monotonic() - self._complained_at >= _SECONDS_BETWEEN_COMPLAINTS:
                self._complained_at = time.monotonic()
                self.log.warning("no more connections can be accepted (%s)", problem.strerror)
            self.connections.evict_least()
            gevent.sleep(_NO_ROOM_PAUSE_SECONDS)
        elif problem.errno != errno.ECONNABORTED:
            gevent.sleep(_NO_ROOM_PAUSE_SECONDS)

    def _listener(self, opened: Any) -> gevent.socket.socket:
        return gevent.socket.socket(opened.sock.family, opened.sock.type, fileno=os.dup(opened.sock.fileno()))

    def _read_certificates(self) -> tuple[WebCertificate, ...]:
        """Return the certificates that may be used, the first one that can be used first; none: plain HTTP."""
        files = msgspec.json.decode(
            self.cfg.env.get(CERTIFICATE_VARIABLE, "[]"), type=tuple[CertificateFiles, ...], dec_hook=_decode_path
        )
        return tuple(WebCertificate(one, create_context=self._create_context) for one in files)

    def _current_context(self) -> gevent.ssl.SSLContext | None:
        contexts = (one.current_context() for one in self._certificates)
        return next((one for one in contexts if one is not None), None)

    def _create_context(self) -> gevent.ssl.SSLContext:
        context = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_SERVER)
        if self.cfg.ca_certs:
            context.load_verify_locations(self.cfg.ca_certs)
        context.verify_mode = self.cfg.cert_reqs
        if self.cfg.env.get(ROOMS_TLS_VARIABLE):
            context.num_tickets = 0  # no room takes a session up again (RFC 8446, section 4.6.1)
        return context


def _wait_for_others(when: StepsAside) -> AdaptiveScheduling:
    policy = SchedulingPolicy(when.after_seconds, time.monotonic() + when.after_seconds)
    return AdaptiveScheduling(policy, has_short_slice=True, most_load=when.most_load)


def _decode_path(kind: type, text: Any) -> Any:
    return kind(text)


def _allow_files(connections: int) -> int:
    """Ask for as many open files as so many connections need, and return for how many they suffice."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVED_FILES
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):
            pass  # systemd's filter of system calls forbids it: with what there is, then
    return min(connections, max(soft - _RESERVED_FILES, soft // 2))
