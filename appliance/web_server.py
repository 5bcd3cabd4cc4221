"""How our pages and central's feed are served: one process with a worker of ours (`appliance.web_worker`).

A connection costs a greenlet, a request that is worked on costs a native thread of a small pool, and a stream that
waits for news costs no thread at all. What a client may take of the server stands here, for each site.
"""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.allocator import freeze_heap
from appliance.sd_notify import sd_notify
from appliance.settings.values import CertificateFiles, Endpoint
from appliance.web_standby import StandsBy

GRACEFUL_SECONDS = 2  # for pages that are under way when the server is told to stop

# A client that closed its socket is noticed at once, one that vanished within ten seconds: after five without a
# packet the kernel asks whether it is there (RFC 1122, section 4.2.3.6), which costs no line of ours.
KEEPALIVE_SECONDS = 8.0  # after so long without news a stream says that it still stands
TCP_USER_TIMEOUT_SECONDS = 6.0  # RFC 5482
TCP_KEEPALIVE_IDLE_SECONDS = 5
TCP_KEEPALIVE_INTERVAL_SECONDS = 2

WORKER = "appliance.web_worker.WebWorker"
_SERVER_MODULES = ("appliance.web_process", "gunicorn.glogging", "gevent.threadpool", "encodings.idna")
STREAM = "hallpass.stream"  # set in a request's environ: its response waits with `appliance.signal` only
OWN_ADDRESS = "hallpass.own_address"  # in a request's environ: ours, at which its connection came in
LIMITS_VARIABLE = "HALLPASS_WEB_LIMITS"
CERTIFICATE_VARIABLE = "HALLPASS_WEB_CERTIFICATES"  # whose files; gunicorn itself would not start without them
ROOMS_TLS_VARIABLE = "HALLPASS_WEB_ROOMS_TLS"  # a folder: what rooms are shown (`appliance.pinned_tls`)
STEPS_ASIDE_VARIABLE = "HALLPASS_WEB_STEPS_ASIDE"  # `StepsAside`; left out: it does not
STANDS_BY_VARIABLE = "HALLPASS_WEB_STANDS_BY"  # `appliance.web_standby.StandsBy`; left out: it never does
CLEAR_PORT_VARIABLE = "HALLPASS_WEB_CLEAR_PORT"  # where a server with a certificate speaks plain HTTP


class WebLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What clients may take of a server. Trusted proxies speak for many, and have no share of their own.

    What a client has begun is timed as a whole: a byte now and then gains nobody time.
    """

    max_connections: int = 512
    max_connections_per_address: int = 32  # without streams
    max_streams_per_address: int = 16
    max_body_bytes: int = 1024 * 1024
    trusted_proxies: tuple[str, ...] = ()  # networks; who comes from there says for whom (X-Forwarded-For)
    handshake_seconds: float = 5.0
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    min_body_rate: float = 100 * 1024  # bytes a second: so much longer may a large file take
    idle_seconds: float = 20.0  # between two requests
    send_seconds: float = 20.0  # for a piece of at most 64 KiB


class StepsAside(msgspec.Struct, frozen=True, kw_only=True):
    """When a server lets everybody else have a processor first (`appliance.cpu_scheduling`)."""

    after_seconds: float  # for which it was on time
    most_load: float  # how many may wait for a processor


def gunicorn_arguments(
    app: str,
    listen: Endpoint,
    *,
    threads: int,
    tls: Sequence[CertificateFiles] = (),
    clear: Endpoint | None = None,
    rooms_tls: Path | None = None,
    limits: WebLimits | None = None,
    steps_aside: StepsAside | None = None,
    stands_by: StandsBy | None = None,
) -> list[str]:
    """Return what gunicorn is told so that it serves an application (`module:factory()`).

    `tls`: certificates, of which the first that can be used is shown; none: plain HTTP. `clear`: where the same
    application is served without TLS beside it; it tells the two apart by the scheme of a request. `rooms_tls`:
    the folder of the certificates that rooms ask for. `steps_aside`: when whoever else
    wants a processor has it first. `stands_by`: when it gives its memory back and waits to be needed.
    """
    limits = limits or WebLimits()
    arguments = [
        app,
        "--bind", str(listen),
        "--backlog", "4096",
        "--workers", "1",
        "--worker-class", WORKER,
        "--threads", str(threads),
        "--env", f"{LIMITS_VARIABLE}={msgspec.json.encode(limits).decode()}",
        "--forwarded-allow-ips", ",".join(limits.trusted_proxies),
        "--log-level", "warning",
        "--no-control-socket",
    ]  # fmt: skip
    if tls:
        files = [{"certificate": str(one.certificate), "key": str(one.key)} for one in tls]
        arguments += ["--env", f"{CERTIFICATE_VARIABLE}={msgspec.json.encode(files).decode()}"]
    if clear is not None:
        arguments += ["--bind", str(clear), "--env", f"{CLEAR_PORT_VARIABLE}={clear.port}"]
    if steps_aside is not None:
        arguments += ["--env", f"{STEPS_ASIDE_VARIABLE}={msgspec.json.encode(steps_aside).decode()}"]
    if stands_by is not None:
        arguments += ["--env", f"{STANDS_BY_VARIABLE}={msgspec.json.encode(stands_by).decode()}"]
    if rooms_tls is not None:
        arguments += ["--env", f"{ROOMS_TLS_VARIABLE}={rooms_tls}"]
    return arguments


def import_server(*apps: str) -> None:
    """Import gunicorn and applications (`module:factory()`), so that processes forked later need not."""
    leave_removed_folder()
    for module in _SERVER_MODULES:
        importlib.import_module(module)
    for app in apps:
        importlib.import_module(app.partition(":")[0])


def leave_removed_folder() -> None:
    """Be in a folder that is there: gunicorn cannot be imported in one that somebody has removed."""
    try:
        Path.cwd()
    except OSError:
        os.chdir("/")


def run_server(arguments: Sequence[str], opened: Sequence[int] = ()) -> None:
    """Serve in this process, until it is told to stop; `arguments` are those of `gunicorn_arguments`.

    `opened`: its sockets, where it goes on after it stood by.
    """
    leave_removed_folder()
    from appliance.web_process import WebProcess  # noqa: PLC0415 (others only want the limits)

    process = WebProcess(arguments, opened)
    if opened:
        sd_notify("WATCHDOG=1")  # whoever watches heard it before it stood by, and goes on counting
    import_server(arguments[0])
    if opened:
        sd_notify("WATCHDOG=1")
    freeze_heap()
    process.serve()
