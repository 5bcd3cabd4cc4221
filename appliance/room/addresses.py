"""The addresses at which this machine is found."""

import socket


def outbound_addresses() -> tuple[str, ...]:
    """Return the address of each family that leads out of this machine; nothing is sent."""
    found = []
    for family, destination in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((destination, 9))  # sends nothing: it only asks the kernel for the way
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue  # no address of that family
    return tuple(found)
