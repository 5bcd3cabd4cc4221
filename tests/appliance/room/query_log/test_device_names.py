"""The names of a room's devices, by the tokens that its own pages show, and by nothing else."""

from appliance.room.query_log.device_names import DeviceNames
from appliance.room.query_log.pseudonyms import Pseudonyms
from dns.policy.document import Device

LAPTOP_MAC = "00:00:5e:00:53:01"
DEVICES = (
    Device(name="Office laptop", addresses=(LAPTOP_MAC,)),
    Device(name="Printer", addresses=("192.0.2.9", "2001:db8::9")),
)


def make(neighbours: dict[str, str]) -> tuple[DeviceNames, Pseudonyms]:
    pseudonyms = Pseudonyms(b"a secret of thirty-two bytes ...")
    names = DeviceNames(pseudonyms, lambda: neighbours)
    names.set_devices(DEVICES)
    return names, pseudonyms


def test_a_device_is_named_by_its_address_or_by_its_mac_address() -> None:
    names, pseudonyms = make({"192.0.2.7": LAPTOP_MAC, "192.0.2.8": "00:00:5e:00:53:99"})
    tokens = {one: pseudonyms.compute_pseudonym(one) for one in ("192.0.2.7", "192.0.2.8", "192.0.2.9")}
    assert names.find_names([*tokens.values(), "nonsense"]) == {
        tokens["192.0.2.7"]: "Office laptop", tokens["192.0.2.9"]: "Printer",
    }  # fmt: skip


def test_only_what_was_asked_for_is_named_and_nothing_is_written_down() -> None:
    names, pseudonyms = make({"192.0.2.7": LAPTOP_MAC})
    assert names.find_names([]) == {}
    assert names.find_names([pseudonyms.compute_pseudonym("198.51.100.1")]) == {}
    assert pseudonyms.new_addresses == {}


def test_a_name_outlasts_the_device_until_its_address_is_anothers() -> None:
    neighbours = {"192.0.2.7": LAPTOP_MAC}
    names, pseudonyms = make(neighbours)
    token = pseudonyms.compute_pseudonym("192.0.2.7")
    assert names.find_names([token]) == {token: "Office laptop"}
    neighbours.clear()
    assert names.find_names([token]) == {token: "Office laptop"}
    neighbours["192.0.2.7"] = "00:00:5e:00:53:99"
    assert names.find_names([token]) == {}


def test_a_name_that_the_school_takes_back_is_gone() -> None:
    names, pseudonyms = make({"192.0.2.7": LAPTOP_MAC})
    token = pseudonyms.compute_pseudonym("192.0.2.7")
    assert names.find_names([token])
    names.set_devices(())
    assert names.find_names([token]) == {}
