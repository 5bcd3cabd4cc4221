"""Captures what goes over the loopback of a network namespace, as a pcap file, and finds texts in what was said.

A text is looked for in whole conversations (TCP put together again, RFC 9293) and datagrams, as it is and as forms
and headers write it: percent-encoded, in base64, in hexadecimal digits. Linux (AF_PACKET); needs a namespace of
its own, or root.
"""

import base64
import socket
import struct
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

_ETH_P_ALL, _PACKET_OUTGOING = 0x0003, 4
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 256 * 1024 * 1024
_MAX_FRAME = 256 * 1024
_PCAP_HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _MAX_FRAME, 1)  # Ethernet
_ETHERNET_BYTES, _IPV4, _IPV6 = 14, 0x0800, 0x86DD
_TCP, _UDP, _SYN = 6, 17, 0x02

Flow = tuple[bytes, int, bytes, int]


class PacketCapture:
    """What went over the loopback between `with` and its end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.dropped = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.bind(("lo", _ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._capture, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        _, self.dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._socket.close()

    def _capture(self) -> None:
        with self.file.open("wb") as file:
            file.write(_PCAP_HEADER)
            while True:
                try:
                    frame, address = self._socket.recvfrom(_MAX_FRAME)
                except TimeoutError:
                    if self._stopping.is_set():
                        return
                    continue
                if address[2] != _PACKET_OUTGOING:  # on the loopback each frame comes twice
                    file.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)

    def read_conversations(self) -> list[bytes]:
        """Return what was said, by one side to another at a time."""
        streams: dict[tuple[Flow, int], dict[int, bytes]] = defaultdict(dict)
        begun: dict[Flow, tuple[int, int]] = {}  # how often, and from which number on
        datagrams: list[bytes] = []
        for frame in self._read_frames():
            found = _transport_of(frame)
            if found is None:
                continue
            protocol, source, target, segment = found
            if protocol == _UDP:
                datagrams.append(segment[8:])
                continue
            from_port, to_port, sequence = struct.unpack_from("!HHI", segment)
            data, flow = segment[(segment[12] >> 4) * 4 :], (source, from_port, target, to_port)
            if segment[13] & _SYN:
                begun[flow] = (begun.get(flow, (0, 0))[0] + 1, sequence + 1)
            elif data:
                number, first = begun.get(flow, (0, sequence))
                streams[flow, number].setdefault((sequence - first) & 0xFFFFFFFF, data)
        return [*map(_join, streams.values()), *datagrams]

    def _read_frames(self) -> list[bytes]:
        content = self.file.read_bytes()
        frames: list[bytes] = []
        at = len(_PCAP_HEADER)
        while at < len(content):
            size = struct.unpack_from("=I", content, at + 8)[0]
            frames.append(content[at + 16 : at + 16 + size])
            at += 16 + size
        return frames


class Said:
    """What was said in a capture, to be looked through."""

    def __init__(self, capture: PacketCapture) -> None:
        self._conversations = [one.lower() for one in capture.read_conversations()]

    def has(self, text: str) -> bool:
        """Tell whether a text was said in any way of writing it, whatever the case of its letters."""
        ways = {way.lower() for way in _ways_of_writing(text)}
        return any(way in one for one in self._conversations for way in ways)


def _transport_of(frame: bytes) -> tuple[int, bytes, bytes, bytes] | None:
    """Return protocol, source, target and segment of a frame with TCP or UDP in it."""
    kind, packet = struct.unpack_from("!H", frame, 12)[0], frame[_ETHERNET_BYTES:]
    if kind == _IPV4:
        total = struct.unpack_from("!H", packet, 2)[0] or len(packet)  # 0: larger than the field can say
        protocol, source, target = packet[9], packet[12:16], packet[16:20]
        segment = packet[(packet[0] & 15) * 4 : total]
    elif kind == _IPV6:
        protocol, source, target, segment = packet[6], packet[8:24], packet[24:40], packet[40:]
    else:
        return None
    return (protocol, source, target, segment) if protocol in {_TCP, _UDP} else None


def _join(pieces: dict[int, bytes]) -> bytes:
    joined = bytearray()
    for at, piece in sorted(pieces.items()):
        joined += piece[max(0, len(joined) - at) :]
    return bytes(joined)


def _ways_of_writing(text: str) -> set[bytes]:
    content = text.encode()
    # In base64 three octets are four letters: a text looks otherwise at each of three places.
    aligned = (base64.b64encode(b"\0" * skipped + content)[(0, 2, 3)[skipped] :] for skipped in range(3))
    in_base64 = {one.rstrip(b"=")[:-1] for one in aligned}
    url_safe = {one.translate(bytes.maketrans(b"+/", b"-_")) for one in in_base64}
    return {content, quote(text, safe="").encode(), content.hex().encode()} | in_base64 | url_safe
