"""A network of two machines in namespaces of their own: a device, and all that is outside.

Run as a program (`python -m tests.fakes.open_network FOLDER`) where a network namespace was made for it: that is
the device's. What is outside runs in another one, at the other end of a cable, and has the addresses of public
resolvers, of a room, and of a router that offers DNS servers. Prints what `hallpass doctor --network` found, as
JSON: before and after the rules that it said were written. Nothing leaves the two namespaces.
"""

import json
import shlex
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dnslib

ROOM, ROOM6, ROUTER, ROUTER6 = "192.0.2.14", "2001:db8::14", "192.0.2.66", "2001:db8::66"
PUBLIC, PUBLIC6 = "8.8.8.8", "2001:4860:4860::8888"
CANARY = "use-application-dns.net."
BLOCKED = b"\0\x0f"  # extended error 15 (RFC 8914)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def sh(command: str) -> None:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr}")


def look() -> list[dict[str, Any]]:
    """Return what the doctor finds on the device."""
    command = [sys.executable, "-m", "appliance", "doctor", "--network", ROOM, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    [report] = json.loads(done.stdout)
    return [*report["findings"], {"what": "exit", "state": "ok", "words": str(done.returncode), "todo": ""}]


def be_the_device(folder: Path) -> None:
    """Make the cable and the other machine, look, write the rules, and look again."""
    command = ["unshare", "--net", sys.executable, "-m", "tests.fakes.open_network", str(folder), "outside"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as outside:
        assert outside.stdin is not None
        assert outside.stdout is not None

        def tell(line: str) -> None:
            assert outside.stdin is not None
            assert outside.stdout is not None
            outside.stdin.write(f"{line}\n")
            outside.stdin.flush()
            assert outside.stdout.readline() == "done\n", line

        try:
            assert outside.stdout.readline() == "apart\n"
            sh("ip link set lo up")
            sh(f"ip link add eth0 type veth peer name eth0 netns {outside.pid}")
            tell("plug")
            plug("192.0.2.7/24", "2001:db8::7/64", "fe80::7/64")
            sh(f"ip route add {PUBLIC} via {ROUTER}")
            sh(f"ip -6 route add {PUBLIC6} via {ROUTER6}")
            tell("serve")
            before = look()
            rules = {rule.strip() for one in before for rule in one["todo"].split(": ", 1)[-1].split(";")}
            tell("rules " + json.dumps(sorted(rule for rule in rules if rule.startswith("nft "))))
            say(json.dumps({"before": before, "after": look()}))
        finally:
            outside.kill()


def plug(*addresses: str) -> None:
    sh("ip link set eth0 addrgenmode none")  # addresses that hold at once, and are known
    sh("ip link set eth0 up")
    for address in addresses:
        sh(f"ip addr add {address} dev eth0{' nodad' if ':' in address else ''}")


class Outside:
    """What a device finds at the other end of its cable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.offered, self.offered6 = [ROOM, ROUTER], [ROUTER6]

    def obey(self, line: str) -> None:
        """Do what the device's end asks for."""
        word, _, rest = line.strip().partition(" ")
        if word == "plug":
            sh("ip link set lo up")
            plug(f"{ROUTER}/24", f"{ROUTER6}/64", "fe80::66/64")
            for address in (f"{ROOM}/32", f"{PUBLIC}/32"):
                sh(f"ip addr add {address} dev lo")
            sh(f"ip -6 addr add {PUBLIC6}/128 dev lo")
            sh(f"ip -6 addr add {ROOM6}/64 dev eth0 nodad")
        elif word == "serve":
            for address in (PUBLIC, PUBLIC6, ROUTER, ROUTER6, ROOM, ROOM6):
                self._serve_dns(address)
            for port in (853, 443):
                in_background(serve_tls, listening(PUBLIC, port), self._folder)
            for serve in (self._serve_dhcp, self._serve_dhcp6, self._serve_routers):
                in_background(serve)
        elif word == "rules":
            sh("nft add table inet filter")
            sh("nft add chain inet filter forward { type filter hook input priority 0 ; }")
            # What passes between a device and its room in one network, no router sees.
            sh(f"nft add rule inet filter forward ip daddr {ROOM} accept")
            sh(f"nft add rule inet filter forward ip6 daddr {ROOM6} accept")
            for rule in json.loads(rest):
                sh(rule)
            self.offered, self.offered6 = [ROOM], [ROOM6]

    def _serve_dns(self, address: str) -> None:
        answer = answer_as_room if address in (ROOM, ROOM6) else answer_openly
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.bind((address, 53))
        tcp = listening(address, 53)

        def over_udp() -> None:
            while True:
                packet, who = udp.recvfrom(4096)
                udp.sendto(answer(packet), who)

        def over_tcp() -> None:
            while True:
                connection, _ = tcp.accept()
                with connection:
                    packet = answer(connection.recv(4096)[2:])
                    connection.sendall(len(packet).to_bytes(2, "big") + packet)

        in_background(over_udp)
        in_background(over_tcp)

    def _serve_dhcp(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            sock.bind(("", 67))
            while True:
                asked = sock.recv(4096)
                servers = b"".join(map(socket.inet_aton, self.offered))
                options = bytes((53, 1, 2, 54, 4)) + socket.inet_aton(ROUTER) + bytes((6, len(servers))) + servers
                sock.sendto(b"\2" + asked[1:240] + options + b"\xff", ("255.255.255.255", 68))

    def _serve_dhcp6(self) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::", 547))
            group = socket.inet_pton(socket.AF_INET6, "ff02::1:2")
            index = socket.if_nametoindex("eth0")
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
            while True:
                asked, who = sock.recvfrom(4096)
                servers = b"".join(socket.inet_pton(socket.AF_INET6, one) for one in self.offered6)
                sock.sendto(b"\7" + asked[1:4] + struct.pack("!HH", 23, len(servers)) + servers, who)

    def _serve_routers(self) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
            group = socket.inet_pton(socket.AF_INET6, "ff02::2")
            index = socket.if_nametoindex("eth0")
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            while True:
                asked, _ = sock.recvfrom(4096)
                if asked[0] == 133:
                    servers = b"".join(socket.inet_pton(socket.AF_INET6, one) for one in self.offered6)
                    option = struct.pack("!BBHI", 25, 1 + 2 * len(self.offered6), 0, 600) + servers
                    header = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
                    sock.sendto(header + option, ("ff02::1", 0, 0, index))


def answer_openly(packet: bytes) -> bytes:
    answer = dnslib.DNSRecord.parse(packet).reply()
    answer.add_answer(*dnslib.RR.fromZone(f"{answer.q.qname} 60 A 198.51.100.80"))
    return bytes(answer.pack())


def answer_as_room(packet: bytes) -> bytes:
    answer = dnslib.DNSRecord.parse(packet).reply()
    if str(answer.q.qname) == CANARY:
        answer.header.rcode = dnslib.RCODE.NXDOMAIN
    else:
        answer.add_answer(*dnslib.RR.fromZone(f"{answer.q.qname} 10 A 0.0.0.0"))
        answer.add_ar(dnslib.EDNS0(opts=[dnslib.EDNSOption(15, BLOCKED)]))
    return bytes(answer.pack())


def listening(address: str, port: int) -> socket.socket:
    return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def serve_tls(server: socket.socket, folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    while True:
        connection, _ = server.accept()
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


def in_background(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def main() -> None:
    folder = Path(sys.argv[1])
    if sys.argv[2:] != ["outside"]:
        be_the_device(folder)
        return
    outside = Outside(folder)
    say("apart")
    for line in sys.stdin:
        outside.obey(line)
        say("done")


if __name__ == "__main__":
    main()
