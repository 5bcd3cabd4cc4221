"""Which of the room's devices have a name, told by their tokens: for the room's own pages.

The school's names come with the policy; which token a named device has, only this process can say. It says so of
tokens that somebody has seen in this room, and gives no address away. A device known by its MAC address is found
where the kernel has it as a neighbour; its name stays after it has gone, until its address is another's.
"""

from collections.abc import Callable, Iterable, Mapping

from appliance.room.neighbours import read_neighbour_table
from appliance.room.query_log.pseudonyms import Pseudonyms
from dns.policy.devices import canonical_mac
from dns.policy.document import Device

_MAX_CACHED = 4096


class DeviceNames:
    """The names of one room's devices."""

    def __init__(
        self, pseudonyms: Pseudonyms, read_neighbours: Callable[[], Mapping[str, str]] = read_neighbour_table
    ) -> None:
        self._pseudonyms = pseudonyms
        self._read_neighbours = read_neighbours
        self._devices: tuple[Device, ...] = ()
        self._by_mac: dict[str, str] = {}
        self._by_token: dict[str, str] = {}  # of IP addresses that the school gave
        self._cached: dict[str, str] = {}  # of neighbours

    def set_devices(self, devices: tuple[Device, ...]) -> None:
        """Take over the names that the policy gives."""
        if devices == self._devices:
            return
        self._devices = devices
        self._by_mac, self._by_token, self._cached = {}, {}, {}
        for device in devices:
            for address in device.addresses:
                if mac := canonical_mac(address):
                    self._by_mac[mac] = device.name
                else:
                    self._by_token[self._pseudonyms.compute_pseudonym(address)] = device.name

    def find_names(self, tokens: Iterable[str]) -> dict[str, str]:
        """Return the names of those of these tokens whose devices have one."""
        if not self._devices:
            return {}
        if self._by_mac:
            self._look_at_neighbours()
        found = ((token, self._cached.get(token) or self._by_token.get(token, "")) for token in tokens)
        return {token: name for token, name in found if name}

    def _look_at_neighbours(self) -> None:
        for address, mac in self._read_neighbours().items():
            token = self._pseudonyms.compute_pseudonym(address)
            if name := self._by_mac.get(mac):
                if len(self._cached) >= _MAX_CACHED:
                    self._cached.clear()
                self._cached[token] = name
            else:
                self._cached.pop(token, None)
