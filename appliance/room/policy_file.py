"""The policy as it stands on the disk: as central sent it, and the resolver's own copy of the last good one.

`policy.json` is byte for byte what central sent. Its SHA-256 stands beside it, in `policy.sha256`, so that a bit
that fell over inside a name is not taken for a decision of the school; after it, in the same line, the digest by
which central knows the content, so that a room can say what it has without central's counting (`Target`). That
file is written before the policy and names those of the one before as well: at every moment, a power cut included,
what stands there is known. Where it is missing (the policy was put there by hand, or by an older Hallpass) the
policy is believed.

The copy is written by the resolver alone; the agent, where it may read it, puts it back in the place of a damaged
policy if it is what central wants, which saves a fetch. It says whose policy it is: where the settings now name
another place that policies come from, it is worth nothing.
"""

import contextlib
import hashlib
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file, write_file_atomically
from appliance.room.paths import RoomPaths
from appliance.spare_file import keep_spare, replace_with_spare

MAX_DIGEST_LENGTH = 128


class PolicyDamaged(HallpassError):
    """A policy that is not the one that was written, or cannot be read."""


class KnownPolicy(msgspec.Struct, frozen=True):
    """A policy, and the digest by which central knows its content ("": nobody has said)."""

    content: bytes
    central_digest: str = ""


def read_policy(paths: RoomPaths) -> bytes | None:
    """Return the policy that central sent; None: there is none. Raises PolicyDamaged."""
    found = read_known_policy(paths)
    return None if found is None else found.content


def read_known_policy(paths: RoomPaths) -> KnownPolicy | None:
    """Return the policy that central sent, with central's digest; None: there is none. Raises PolicyDamaged."""
    try:
        content = read_regular_file(paths.policy)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise PolicyDamaged(f"{paths.policy}: cannot be read as a policy: {reason}") from None
    try:
        known = _read_digests(paths)
    except (OSError, RuntimeError):
        return KnownPolicy(content)
    central_digest = known.get(_digest(content))
    if central_digest is None:
        raise PolicyDamaged(f"{paths.policy}: is damaged: its checksum does not fit")
    return KnownPolicy(content, central_digest)


def write_policy(paths: RoomPaths, content: bytes, central_digest: str = "") -> None:
    """Replace the policy that central sent. Raises OSError, and then the one before is still there."""
    lines = [_digest(content) + b" " + _checked_digest(central_digest)]
    with contextlib.suppress(OSError, RuntimeError):  # there is none, or none that could be put back
        before = _digest(read_regular_file(paths.policy))
        if before != _digest(content):
            lines.append(before + b" " + _earlier_central_digest(paths, before))
    for path, what in ((paths.policy_digest, b"\n".join(lines) + b"\n"), (paths.policy, content)):
        replace_with_spare(path, what)


def keep_policy_spares(paths: RoomPaths) -> None:
    """See to it that another policy can be written on a full disk too. Never raises."""
    for path in (paths.policy_digest, paths.policy):
        keep_spare(path)


def _read_digests(paths: RoomPaths) -> dict[bytes, str]:
    """Return the hashes of what may stand in the policy's file, each with central's digest. Raises OSError."""
    lines = (line.split() for line in read_regular_file(paths.policy_digest).splitlines())
    return {line[0]: line[1].decode("ascii", "replace") if len(line) > 1 else "" for line in lines if line}


def _earlier_central_digest(paths: RoomPaths, content_digest: bytes) -> bytes:
    try:
        return _checked_digest(_read_digests(paths).get(content_digest, ""))
    except (OSError, RuntimeError):
        return b""


def _checked_digest(digest: str) -> bytes:
    """Return central's digest as it may stand in a line; what is none is not kept."""
    is_one = digest.isascii() and digest.isalnum() and len(digest) <= MAX_DIGEST_LENGTH
    return digest.encode() if is_one else b""


class LastGoodPolicy:
    """The resolver's own copy of the policy that it could use last."""

    def __init__(self, path: Path, origin: str) -> None:
        """`origin`: where this room's policies come from."""
        self._path = path
        self._origin = hashlib.sha256(origin.encode()).hexdigest().encode()

    def read_copy(self) -> bytes | None:
        """Return it; None: there is none that can be believed."""
        found = self.read_known_copy()
        return None if found is None else found.content

    def read_known_copy(self) -> KnownPolicy | None:
        """Return it with the digest by which central knows it; None: there is none that can be believed."""
        try:
            digest, rest = read_regular_file(self._path).split(b"\n", 1)
            head, content = rest.split(b"\n", 1)
            origin, *known_as = head.split()
        except (OSError, RuntimeError, ValueError):
            return None
        if origin != self._origin or _digest(rest) != digest:
            return None
        return KnownPolicy(content, known_as[0].decode("ascii", "replace") if known_as else "")

    def write_copy(self, content: bytes, central_digest: str = "") -> None:
        """Replace it, unless it says the same. Raises OSError, and then the one before is still there."""
        known_as = _checked_digest(central_digest)
        if self.read_known_copy() == KnownPolicy(content, known_as.decode()):
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rest = b" ".join(filter(None, (self._origin, known_as))) + b"\n" + content
        write_file_atomically(self._path, _digest(rest) + b"\n" + rest, has_other_writers=True)


def central_origin(url: str) -> str:
    """Return how a `LastGoodPolicy` names the policies of a central service."""
    return f"central {url}"


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
