"""The names of a list as fingerprints: small enough to keep beside every copy, and to compare copies by.

A fingerprint is the CRC-32 of a name. Of five million names some three thousand share theirs with another one,
which changes no share that a comparison asks for. The file holds them sorted, 4 bytes each, little-endian.
"""

import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from blocklists import container
from blocklists.errors import ListError

_ITEM_BYTES = 4
_BUCKETS = 256
_SHIFT = 24


class NameSet:
    """The fingerprints of the names of one copy, sorted; each once."""

    def __init__(self, fingerprints: "array[int]") -> None:
        self._fingerprints = fingerprints

    def __len__(self) -> int:
        return len(self._fingerprints)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        wanted = fingerprint(name)
        at = bisect_left(self._fingerprints, wanted)
        return at < len(self._fingerprints) and self._fingerprints[at] == wanted

    def count_common(self, other: "NameSet") -> int:
        """Return how many names stand in both."""
        return sum(len(ours & theirs) for ours, theirs in zip(self._buckets(), other._buckets(), strict=True))

    def write(self, path: Path) -> None:
        """Keep it in a file. Raises ListError."""
        data = self._fingerprints
        if sys.byteorder == "big":
            data = array("I", data)
            data.byteswap()
        with container.replace_file(path) as file:
            file.write(memoryview(data))

    def _buckets(self) -> Iterable[set[int]]:
        """Yield it piece by piece: a set of all would take twenty times the memory."""
        begin = 0
        for bucket in range(1, _BUCKETS + 1):
            ends = bucket << _SHIFT
            end = len(self._fingerprints) if bucket == _BUCKETS else bisect_left(self._fingerprints, ends, begin)
            yield set(self._fingerprints[begin:end])
            begin = end


class NameSetBuilder:
    """Collects names, in any order and any number of times."""

    def __init__(self) -> None:
        self._buckets = [array("I") for _ in range(_BUCKETS)]

    def add(self, name: str) -> None:
        """Take in a name."""
        number = fingerprint(name)
        self._buckets[number >> _SHIFT].append(number)

    def build(self) -> NameSet:
        """Return what was collected. Empties the builder."""
        joined = array("I")
        for at, bucket in enumerate(self._buckets):
            joined.extend(sorted(set(bucket)))
            self._buckets[at] = array("I")
        return NameSet(joined)


def fingerprint(name: str) -> int:
    """Return 32 bits that stand for a name."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


def read_name_set(path: Path) -> NameSet:
    """Read a set from its file. Raises ListError."""
    read = array("I")
    try:
        data = path.read_bytes()
        read.frombytes(data)
    except (OSError, ValueError) as problem:
        raise ListError(f"{path}: cannot be read: {problem}") from None
    if sys.byteorder == "big":
        read.byteswap()
    return NameSet(read)
