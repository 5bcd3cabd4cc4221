"""`hallpass card settle`: at each boot, from what is on the card to what the machine's services read.

A list of steps, in their order. Each may be interrupted anywhere and done again: power is cut when it is cut. A
step that fails is said, and the others go on: a room whose host name could not be set still filters.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.card import status_file, system_files, upstreams
from appliance.card.config_choice import ChosenConfig, ConfigSource, choose_config
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from blocklists import builtin_list

GROUP = "hallpass"
AGENT = "hallpass-agent"
WEB = "hallpass-web"
RESOLVER = "hallpass-resolver"
SECRET_BYTES = 32

Step = tuple[str, Callable[[], None]]


class Provisioning:
    """One boot."""

    def __init__(self, paths: CardPaths, machine: Machine, say: Callable[[str], None]) -> None:
        self._paths = paths
        self._machine = machine
        self._say = say
        self.failures: list[str] = []
        self.config = choose_config(paths)

    def run_steps(self) -> None:
        """Do every step."""
        for name, step in self._steps():
            try:
                step()
            except Exception as problem:  # noqa: BLE001 (whatever it is: the room must come up with what the others made)
                self.failures.append(f"{name}: {problem}")
                self._say(f"{name}: {problem}")

    def _steps(self) -> Iterator[Step]:
        yield "folders", self._make_folders  # everything below stands in them
        yield "clock", self._set_clock  # certificates are judged by it
        yield (
            "secrets",
            self._move_secrets,
        )  # before anything is made of them, they are safe from the next power cut
        yield "settings", self._keep_good_settings
        yield "room", self._write_room_settings
        yield "starter list", self._make_builtin_index  # the resolver writes nothing here
        yield "pages", self._make_pages_key
        yield "network", self._write_network
        yield "firewall", self._open_ports
        yield "host name", self._set_host_name
        yield "time servers", self._write_time_servers
        yield "ssh", self._authorize_ssh_keys
        yield "report", self._write_report  # last: it says what became of the others

    def _make_folders(self) -> None:
        paths, machine = self._paths, self._machine
        machine.make_folder(paths.generated)
        machine.make_folder(paths.firewall_file.parent)
        for shared in (paths.runtime, paths.runtime / "health", paths.room_data):
            machine.make_folder(shared, mode=0o1770, group=GROUP)  # sticky: each removes only what it made
        machine.make_folder(
            paths.room_data / "resolver", mode=0o700, owner=RESOLVER, group=GROUP
        )  # its last good policy
        machine.make_folder(paths.room_data / "web", mode=0o700, owner=WEB, group=GROUP)  # who is signed in
        machine.make_folder(paths.card_state, mode=0o700)

    def _set_clock(self) -> None:
        if self._paths.last_clock.exists():
            self._machine.set_clock_forward(self._paths.last_clock.stat().st_mtime)

    def _move_secrets(self) -> None:
        """Move the enrolment and the certificate from where every laptop reads them to where root alone does."""
        paths, machine, config = self._paths, self._machine, self.config
        is_kept = machine.is_mounted(paths.data)  # else what is written there would be gone at the next boot
        for is_new, secret, name, kept in (
            (
                config.is_enrolment_new,
                paths.find_boot_enrolment(),
                paths.boot_enrolment,  # whatever it was called: what is half wiped is found by one name
                paths.kept_enrolment,
            ),
            (config.is_certificate_new, paths.boot_certificate, paths.boot_certificate, paths.kept_certificate),
        ):
            if not is_kept:
                if is_new:
                    self._say(f"{secret.name} stays where everybody can read it: {paths.data} is not mounted")
                continue
            taken = paths.taken_secret(name)
            if is_new:
                machine.write_file(kept, secret.read_bytes(), mode=0o600)
                with machine.mount_boot_writable(paths.boot):
                    machine.rename_file(secret, taken)
                    machine.wipe_file(taken)
            elif taken.exists():
                with machine.mount_boot_writable(paths.boot):
                    machine.wipe_file(taken)

    def _keep_good_settings(self) -> None:
        if self.config.source is ConfigSource.BOOT:
            self._machine.write_file(self._paths.last_settings, self._paths.boot_settings.read_bytes(), mode=0o600)

    def _write_room_settings(self) -> None:
        write_room_settings(self._paths, self._machine, self.config)

    def _make_builtin_index(self) -> None:
        folder = self._paths.room_data / "starter"
        self._machine.make_folder(folder, group=GROUP)  # which also sees that it is where it should be
        builtin_list.open_builtin_index(folder)
        for path in (folder, *folder.rglob("*")):
            self._machine.set_owner(path, 0o755 if path.is_dir() else 0o644, "root", GROUP)

    def _make_pages_key(self) -> None:
        path = self._paths.room_data / "pages.key"
        if not path.exists() or path.stat().st_size < SECRET_BYTES:
            self._machine.write_file(
                path, self._machine.random_bytes(SECRET_BYTES), mode=0o400, owner=WEB, group=GROUP
            )

    def _write_network(self) -> None:
        self._machine.write_file(self._paths.network_file, system_files.network_file(self.config.settings.network))

    def _open_ports(self) -> None:
        encrypted = self.config.certificate is not None
        ports = system_files.firewall_file(self.config.settings, encrypted=encrypted)
        self._write_or_remove(self._paths.firewall_file, ports)

    def _set_host_name(self) -> None:
        name = self.config.host_name
        self._machine.write_file(self._paths.hostname_file, f"{name}\n".encode())
        self._machine.write_file(self._paths.hosts_file, system_files.hosts_file(name))
        self._machine.set_host_name(name)

    def _write_time_servers(self) -> None:
        self._write_or_remove(self._paths.timesyncd_file, system_files.time_file(self.config.settings.time))

    def _authorize_ssh_keys(self) -> None:
        keys = system_files.authorized_keys_file(self.config.settings)
        if keys is not None:
            self._make_host_key(self._paths.host_key)
        self._write_or_remove(self._paths.authorized_keys, keys, mode=0o600)

    def _make_host_key(self, path: Path) -> None:
        if path.exists() and path.with_suffix(".pub").exists():
            return
        self._machine.make_folder(path.parent, mode=0o700)
        for half in (path, path.with_suffix(".pub")):
            self._machine.remove_file(half)  # of a making that was cut off; ssh-keygen would ask about it
        self._machine.run_command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path))

    def _write_or_remove(self, path: Path, content: bytes | None, mode: int = 0o644) -> None:
        if content is None:
            self._machine.remove_file(path)
        else:
            self._machine.write_file(path, content, mode=mode)

    def _write_report(self) -> None:
        config, paths = self.config, self._paths
        conditions = []
        details = {}
        if config.problems or self.failures:
            conditions.append(Condition.SETTINGS_WRONG)
            details["problem"] = "\n".join((*config.problems, *self.failures))
        if config.waits_for:
            conditions.append(Condition.NOT_ENROLLED)
            details["waits"] = config.waits_for
        card_health = ProcessHealth(
            process="card", time=0.0, conditions=tuple(conditions), details=details, lasting=True
        )
        self._machine.write_file(
            paths.runtime / "health/card.json", health.encode_health(card_health), group=GROUP
        )
        write_boot_text(paths, self._machine, paths.problem_file, status_file.problem_text(config, self.failures))


def write_room_settings(paths: CardPaths, machine: Machine, config: ChosenConfig) -> bool:
    """Write the settings that the room's processes read; tell whether they are others than before."""
    enrolment = config.enrolment
    if enrolment is not None:
        machine.write_file(paths.token_file, f"{enrolment.token}\n".encode(), mode=0o400, owner=AGENT, group=GROUP)
        if enrolment.certificate:
            machine.write_file(paths.authority_file, enrolment.certificate.encode(), group=GROUP)
        if enrolment.authority:
            machine.write_file(paths.rooms_authority_file, enrolment.authority.encode(), group=GROUP)
    if config.certificate is not None:
        machine.write_file(paths.certificate_in_use, config.certificate, mode=0o400, owner=RESOLVER, group=GROUP)
    follows_network = not config.settings.dns.upstreams
    servers = upstreams.read_last_upstreams(paths.last_upstreams) if follows_network else ()
    encrypted = config.certificate is not None
    content = system_files.encode_room_toml(
        system_files.room_table(config.table, config.settings, enrolment, servers, paths, encrypted=encrypted)
    )
    before = paths.room_settings.read_bytes() if paths.room_settings.exists() else b""
    machine.write_file(paths.room_settings, content, mode=0o640, group=GROUP)
    if follows_network:
        machine.write_file(paths.follows_network, b"")
    else:
        machine.remove_file(paths.follows_network)
    return content != before


def update_upstreams(paths: CardPaths, machine: Machine, *, is_network_up: bool) -> bool:
    """Ask the servers that the network offers now; tell whether they are others than before.

    A network that has only just come up may offer none yet: only one that has settled makes the card forget. The
    resolver follows its settings by itself, without a question lost.
    """
    if not paths.follows_network.exists():
        return False
    offered = upstreams.read_network_upstreams(paths.network_state, machine.has_address)
    if offered == upstreams.read_last_upstreams(paths.last_upstreams) or not (offered or is_network_up):
        return False
    machine.write_file(paths.last_upstreams, "".join(f"{server}\n" for server in offered).encode(), mode=0o600)
    return write_room_settings(paths, machine, choose_config(paths))


def write_boot_text(paths: CardPaths, machine: Machine, path: Path, content: bytes | None) -> None:
    """Let a file of the boot partition say this, or (None) not be there. Without need nothing is written."""
    there = path.read_bytes() if path.exists() else None
    half_written = path.with_suffix(".new")  # when the power was cut
    if (there == content and not half_written.exists()) or not machine.is_mounted(paths.boot):
        return
    with machine.mount_boot_writable(paths.boot):
        machine.remove_file(half_written)
        if content is None:
            machine.remove_file(path)
        else:
            machine.write_boot_file(path, content)
