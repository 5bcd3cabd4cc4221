"""`hallpass card settle`: at each boot, from what is on the card to what the machine's services read.

A list of steps, in their order. Each may be interrupted anywhere and done again: power is cut when it is cut. A
step that fails is said, and the others go on: a room whose host name could not be set still filters.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.card import status_file, system_files, upstreams
from appliance.card.config_choice import Chosen, Source, choose
from appliance.card.machine import Machine
from appliance.card.paths import Places
from appliance.room import health
from appliance.room.health import Condition, ProcessHealth
from blocklists import builtin_list

GROUP = "hallpass"
AGENT = "hallpass-agent"
WEB = "hallpass-web"
RESOLVER = "hallpass-resolver"
SECRET_BYTES = 32

Step = tuple[str, Callable[[], None]]


class Settling:
    """One boot."""

    def __init__(self, places: Places, machine: Machine, say: Callable[[str], None]) -> None:
        self._places = places
        self._machine = machine
        self._say = say
        self.troubles: list[str] = []
        self.chosen = choose(places)

    def run(self) -> None:
        """Do every step."""
        for name, step in self._steps():
            try:
                step()
            except Exception as problem:  # noqa: BLE001 (whatever it is: the room must come up with what the others made)
                self.troubles.append(f"{name}: {problem}")
                self._say(f"{name}: {problem}")

    def _steps(self) -> Iterator[Step]:
        yield "folders", self._make_folders  # everything below stands in them
        yield "clock", self._set_clock  # certificates are judged by it
        yield (
            "secrets",
            self._take_secrets,
        )  # before anything is made of them, they are safe from the next power cut
        yield "settings", self._keep_settings
        yield "room", self._write_room
        yield "starter list", self._make_starter_list  # the resolver writes nothing here
        yield "pages", self._make_pages_key
        yield "network", self._write_network
        yield "firewall", self._open_ports
        yield "host name", self._name_host
        yield "time servers", self._write_time_servers
        yield "ssh", self._let_technician_in
        yield "report", self._report  # last: it says what became of the others

    def _make_folders(self) -> None:
        places, machine = self._places, self._machine
        machine.folder(places.made)
        machine.folder(places.firewall.parent)
        for shared in (places.run, places.run / "health", places.room):
            machine.folder(shared, mode=0o1770, group=GROUP)  # sticky: each removes only what it made
        machine.folder(places.room / "resolver", mode=0o700, owner=RESOLVER, group=GROUP)  # its last good policy
        machine.folder(places.kept, mode=0o700)

    def _set_clock(self) -> None:
        if self._places.clock.exists():
            self._machine.set_clock_forward(self._places.clock.stat().st_mtime)

    def _take_secrets(self) -> None:
        """Move the enrolment and the certificate from where every laptop reads them to where root alone does."""
        places, machine, chosen = self._places, self._machine, self.chosen
        if not machine.is_mounted(places.data):
            return  # what is written there would be gone at the next boot: they stay where they are
        for is_new, secret, kept in (
            (chosen.bundle_is_new, places.bundle, places.enrolment),
            (chosen.certificate_is_new, places.certificate, places.kept_certificate),
        ):
            taken = places.taken(secret)
            if is_new:
                machine.write(kept, secret.read_bytes(), mode=0o600)
                with machine.boot_writable(places.boot):
                    machine.rename(secret, taken)
                    machine.wipe(taken)
            elif taken.exists():
                with machine.boot_writable(places.boot):
                    machine.wipe(taken)

    def _keep_settings(self) -> None:
        if self.chosen.source is Source.BOOT:
            self._machine.write(self._places.last_settings, self._places.settings.read_bytes(), mode=0o600)

    def _write_room(self) -> None:
        write_room(self._places, self._machine, self.chosen)

    def _make_starter_list(self) -> None:
        folder = self._places.room / "starter"
        builtin_list.open_builtin_index(folder)
        for path in (folder, *folder.rglob("*")):
            self._machine.give(path, 0o755 if path.is_dir() else 0o644, "root", GROUP)

    def _make_pages_key(self) -> None:
        path = self._places.room / "pages.key"
        if not path.exists() or path.stat().st_size < SECRET_BYTES:
            self._machine.write(path, self._machine.secret(SECRET_BYTES), mode=0o400, owner=WEB, group=GROUP)

    def _write_network(self) -> None:
        self._machine.write(self._places.network, system_files.network_file(self.chosen.settings.network))

    def _open_ports(self) -> None:
        encrypted = self.chosen.certificate is not None
        ports = system_files.firewall_file(self.chosen.settings, encrypted=encrypted)
        self._write_or_remove(self._places.firewall, ports)

    def _name_host(self) -> None:
        name = self.chosen.host
        self._machine.write(self._places.host_name, f"{name}\n".encode())
        self._machine.write(self._places.hosts, system_files.hosts_file(name))
        self._machine.set_host_name(name)

    def _write_time_servers(self) -> None:
        self._write_or_remove(self._places.time_servers, system_files.time_file(self.chosen.settings.time))

    def _let_technician_in(self) -> None:
        keys = system_files.keys_file(self.chosen.settings)
        if keys is not None:
            self._make_host_key(self._places.host_key)
        self._write_or_remove(self._places.authorized_keys, keys, mode=0o600)

    def _make_host_key(self, path: Path) -> None:
        if path.exists() and path.with_suffix(".pub").exists():
            return
        self._machine.folder(path.parent, mode=0o700)
        for half in (path, path.with_suffix(".pub")):
            self._machine.remove(half)  # of a making that was cut off; ssh-keygen would ask about it
        self._machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path))

    def _write_or_remove(self, path: Path, content: bytes | None, mode: int = 0o644) -> None:
        if content is None:
            self._machine.remove(path)
        else:
            self._machine.write(path, content, mode=mode)

    def _report(self) -> None:
        chosen, places = self.chosen, self._places
        conditions = []
        details = {}
        if chosen.problems or self.troubles:
            conditions.append(Condition.SETTINGS_WRONG)
            details["problem"] = "\n".join((*chosen.problems, *self.troubles))
        if chosen.waits_for:
            conditions.append(Condition.NOT_ENROLLED)
            details["waits"] = chosen.waits_for
        said = ProcessHealth(process="card", time=0.0, conditions=tuple(conditions), details=details, lasting=True)
        self._machine.write(places.run / "health/card.json", health.encode(said), group=GROUP)
        write_on_boot(places, self._machine, places.problem, status_file.problem_text(chosen, self.troubles))


def write_room(places: Places, machine: Machine, chosen: Chosen) -> bool:
    """Write the settings that the room's processes read; tell whether they are others than before."""
    bundle = chosen.bundle
    if bundle is not None:
        machine.write(places.token, f"{bundle.token}\n".encode(), mode=0o400, owner=AGENT, group=GROUP)
        if bundle.certificate:
            machine.write(places.authority, bundle.certificate.encode(), group=GROUP)
    if chosen.certificate is not None:
        machine.write(places.certificate_in_use, chosen.certificate, mode=0o400, owner=RESOLVER, group=GROUP)
    follows = not chosen.settings.dns.upstreams
    servers = upstreams.remembered(places.last_upstreams) if follows else ()
    encrypted = chosen.certificate is not None
    content = system_files.toml(
        system_files.room_table(chosen.written, chosen.settings, bundle, servers, places, encrypted=encrypted)
    )
    before = places.room_settings.read_bytes() if places.room_settings.exists() else b""
    machine.write(places.room_settings, content, mode=0o640, group=GROUP)
    if follows:
        machine.write(places.follows_network, b"")
    else:
        machine.remove(places.follows_network)
    return content != before


def follow_network(places: Places, machine: Machine, *, has_settled: bool) -> bool:
    """Ask the servers that the network offers now; tell whether they are others than before.

    A network that has only just come up may offer none yet: only one that has settled makes the card forget. The
    resolver follows its settings by itself, without a question lost.
    """
    if not places.follows_network.exists():
        return False
    offered = upstreams.offered(places.network_state, machine.has_address)
    if offered == upstreams.remembered(places.last_upstreams) or not (offered or has_settled):
        return False
    machine.write(places.last_upstreams, "".join(f"{server}\n" for server in offered).encode(), mode=0o600)
    return write_room(places, machine, choose(places))


def write_on_boot(places: Places, machine: Machine, path: Path, content: bytes | None) -> None:
    """Let a file of the boot partition say this, or (None) not be there. Without need nothing is written."""
    there = path.read_bytes() if path.exists() else None
    half_written = path.with_suffix(".new")  # when the power was cut
    if (there == content and not half_written.exists()) or not machine.is_mounted(places.boot):
        return
    with machine.boot_writable(places.boot):
        machine.remove(half_written)
        if content is None:
            machine.remove(path)
        else:
            machine.write_on_boot(path, content)
