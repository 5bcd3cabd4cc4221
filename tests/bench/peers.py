"""The peers of the DNS benchmark: one worker or thread each, no log, no filter, a cache that holds the work.

Each is Debian's own package with a configuration of ours, on loopback, asking the benchmark's upstream; nothing of
the machine's own configuration is read. Written for the versions of Debian 12; one that is missing or does not
start is left out, and the benchmark says so.

* Unbound: the one that the bars are set beside; without validation.
* dnsmasq: what most small networks have.
* PowerDNS Recursor and Knot Resolver: without validation, everything forwarded.
* dnsdist: no resolver but a balancer with a packet cache. It looks at little and passes on the rest, which is the
  nearest to the limit of what a server can do here.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.bench.servers import Server, start_server
from tests.fakes.ports import free_port

_UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 0
  chroot: ""
  username: ""
  pidfile: "{folder}/unbound.pid"
  directory: "{folder}"
  module-config: "iterator"
  do-not-query-localhost: no
  msg-cache-size: 128m
  rrset-cache-size: 256m
  outgoing-range: 4096
  num-queries-per-thread: 2048
  so-rcvbuf: 4m
  so-sndbuf: 4m
  root-hints: ""
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
remote-control:
  control-enable: no
"""

# Without what asks the root's servers by itself, at the start and by the hour.
_KNOT = """
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
cache.open(1024 * MB, 'lmdb://{folder}/cache')
trust_anchors.remove('.')
for _, module in ipairs({{ 'priming', 'detect_time_skew', 'ta_update', 'ta_signal_query' }}) do
    modules.unload(module)
end
log_level('crit')
policy.add(policy.all(policy.FORWARD({{ '127.0.0.1@{upstream}' }})))
"""

_DNSDIST = """
setLocal('127.0.0.1:{port}')
setACL('127.0.0.0/8')
setSecurityPollSuffix('')
newServer({{ address = '127.0.0.1:{upstream}' }})
getPool(''):setCache(newPacketCache({entries}))
"""

# More than the new names of nine rounds. dnsmasq takes the room at once, and answers fewer.
_ENTRIES = 2_000_000
_DNSMASQ_ENTRIES = 1_000_000


class Peer(msgspec.Struct, frozen=True):
    """A server beside which we are measured."""

    name: str
    program: str
    package: str
    command: Callable[[Path, int, int], list[str]]  # of a folder of its own, its port and the upstream's

    def is_missing(self) -> bool:
        """Tell whether there is no such program on this machine."""
        return self._path() is None

    def start(self, folder: Path, upstream: int) -> Server:
        """Start it. Raises OSError where there is no such program, TimeoutError if it does not answer."""
        own = folder / self.name
        own.mkdir()
        port = free_port()
        return start_server(self.name, port, [self._path() or self.program, *self.command(own, port, upstream)])

    def _path(self) -> str | None:
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _unbound(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "unbound.conf"
    config.write_text(_UNBOUND.format(port=port, folder=folder, upstream=upstream))
    return ["-d", "-c", str(config)]


def _dnsmasq(_folder: Path, port: int, upstream: int) -> list[str]:
    return [
        *("--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"),
        *("--user=root", "--group=root", "--pid-file=", "--bind-interfaces", "--listen-address=127.0.0.1"),
        *(f"--port={port}", f"--server=127.0.0.1#{upstream}"),
        *(f"--cache-size={_DNSMASQ_ENTRIES}", "--dns-forward-max=4096"),
    ]


def _recursor(folder: Path, port: int, upstream: int) -> list[str]:
    (folder / "recursor.conf").touch()
    return [
        *(f"--config-dir={folder}", f"--socket-dir={folder}", "--daemon=no", "--write-pid=no"),
        *("--local-address=127.0.0.1", f"--local-port={port}"),
        *("--threads=1", "--distributor-threads=0", "--pdns-distributes-queries=no", "--max-mthreads=4096"),
        *(f"--forward-zones-recurse=.=127.0.0.1:{upstream}", "--dont-query=", "--dnssec=off"),
        *(f"--max-cache-entries={_ENTRIES}", f"--max-packetcache-entries={_ENTRIES}"),
        *("--quiet=yes", "--loglevel=0", "--disable-syslog=yes"),
        *("--hint-file=no", "--export-etc-hosts=no", "--security-poll-suffix="),  # asks nobody by itself
    ]


def _knot(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "kresd.conf"
    config.write_text(_KNOT.format(port=port, folder=folder, upstream=upstream))
    return ["--noninteractive", "--config", str(config), str(folder)]


def _dnsdist(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "dnsdist.conf"
    config.write_text(_DNSDIST.format(port=port, upstream=upstream, entries=_ENTRIES))
    return ["--supervised", "--disable-syslog", "--config", str(config)]


PEERS = (
    Peer("unbound", "unbound", "unbound", _unbound),  # the first: measured next to ours
    Peer("dnsmasq", "dnsmasq", "dnsmasq-base", _dnsmasq),
    Peer("recursor", "pdns_recursor", "pdns-recursor", _recursor),
    Peer("knot", "kresd", "knot-resolver", _knot),
    Peer("dnsdist", "dnsdist", "dnsdist", _dnsdist),
)
