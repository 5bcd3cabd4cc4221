"""Where the card has its things. Everything hangs from one root, so that a test may have a card of its own."""

from pathlib import Path

import msgspec

ENROLMENT_NAME = "hallpass.bundle"


class CardPaths(msgspec.Struct, frozen=True):
    """The folders and files of one card."""

    root: Path = Path("/")

    @property
    def release(self) -> Path:
        """What the image says of itself; there on every card, and on no other machine."""
        return self.root / "etc/hallpass-release"

    @property
    def boot(self) -> Path:
        """The FAT partition that a technician's laptop shows, mounted read-only."""
        return self.root / "boot/firmware"

    @property
    def boot_settings(self) -> Path:
        """What the technician wrote."""
        return self.boot / "hallpass.toml"

    @property
    def boot_enrolment(self) -> Path:
        """The enrolment, until the first boot takes it."""
        return self.boot / ENROLMENT_NAME

    def find_boot_enrolment(self) -> Path:
        """Return the enrolment that was put onto the card: as it is called, or the only file of its kind.

        Browsers call a second download `hallpass (1).bundle`, and central calls one among several by its room.
        """
        if self.boot_enrolment.exists():
            return self.boot_enrolment
        try:
            found = [
                one
                for one in self.boot.iterdir()
                if one.suffix.lower() == ".bundle" and not one.name.startswith(".") and one.is_file()
            ]
        except OSError:
            found = []
        return found[0] if len(found) == 1 else self.boot_enrolment

    @property
    def boot_certificate(self) -> Path:
        """For encrypted DNS: certificate, its chain and its private key, until the next boot takes them."""
        return self.boot / "hallpass-dns.pem"

    def taken_secret(self, secret: Path) -> Path:
        """Return where a secret is after it was taken and before it is wiped; never read."""
        return secret.with_name(f"{secret.name}.taken")

    @property
    def problem_file(self) -> Path:
        """What is wrong with the settings, in words; not there when nothing is."""
        return self.boot / "hallpass-problem.txt"

    @property
    def status_file(self) -> Path:
        """How the room is, in words."""
        return self.boot / "hallpass-status.txt"

    @property
    def data(self) -> Path:
        """The data partition."""
        return self.root / "data"

    @property
    def card_state(self) -> Path:
        """What the card itself must remember; for root alone."""
        return self.data / "card"

    @property
    def last_settings(self) -> Path:
        """The settings that were good last."""
        return self.card_state / "hallpass.toml"

    @property
    def kept_enrolment(self) -> Path:
        """The bundle that was taken last."""
        return self.card_state / ENROLMENT_NAME

    @property
    def kept_certificate(self) -> Path:
        """The certificate that was taken last, with its key."""
        return self.card_state / "dns.pem"

    @property
    def last_upstreams(self) -> Path:
        """The name servers that the network offered last, one a line."""
        return self.card_state / "upstreams"

    @property
    def last_clock(self) -> Path:
        """A file whose time of change is the latest time that this card knew."""
        return self.card_state / "clock"

    @property
    def host_key(self) -> Path:
        """The SSH server's key."""
        return self.card_state / "ssh/ssh_host_ed25519_key"

    @property
    def room_data(self) -> Path:
        """The room's data (`appliance.room.paths`)."""
        return self.data / "hallpass"

    @property
    def runtime(self) -> Path:
        """The room's sockets."""
        return self.root / "run/hallpass"

    @property
    def room_settings(self) -> Path:
        """The settings in use, as the room's processes read them."""
        return self.runtime / "room.toml"

    @property
    def token_file(self) -> Path:
        """The room's token, for the agent alone."""
        return self.runtime / "token"

    @property
    def authority_file(self) -> Path:
        """The authority that central's certificate is checked against."""
        return self.runtime / "central.pem"

    @property
    def rooms_authority_file(self) -> Path:
        """Central's own authority for its rooms."""
        return self.runtime / "rooms-authority.pem"

    @property
    def certificate_in_use(self) -> Path:
        """The certificate with its key, for the resolver alone."""
        return self.runtime / "dns.pem"

    @property
    def generated(self) -> Path:
        """What was made of the settings for the machine's own services; anew at each boot."""
        return self.root / "run/hallpass-card"

    @property
    def follows_network(self) -> Path:
        """There where the name servers to ask are those that the network offers."""
        return self.generated / "upstreams-from-dhcp"

    @property
    def authorized_keys(self) -> Path:
        """Who may come in by SSH; not there: nobody, and no server runs."""
        return self.generated / "authorized_keys"

    @property
    def firewall_file(self) -> Path:
        """Ports that are open beside those of every card."""
        return self.generated / "firewall/ports.nft"

    @property
    def network_file(self) -> Path:
        """systemd-networkd's settings."""
        return self.root / "run/systemd/network/20-hallpass.network"

    @property
    def timesyncd_file(self) -> Path:
        """systemd-timesyncd's settings."""
        return self.root / "run/systemd/timesyncd.conf.d/20-hallpass.conf"

    @property
    def network_state(self) -> Path:
        """What systemd-networkd says of the network."""
        return self.root / "run/systemd/netif/state"

    @property
    def hostname_file(self) -> Path:
        """The machine's name."""
        return self.root / "etc/hostname"

    @property
    def hosts_file(self) -> Path:
        """The machine's own names."""
        return self.root / "etc/hosts"
