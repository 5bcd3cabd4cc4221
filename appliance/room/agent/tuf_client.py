"""The process in which a room checks signatures: `python -m appliance.room.agent.tuf_client`.

It follows the client workflow of The Update Framework (section 5 of its specification). It ends when it is done:
python-tuf costs twenty megabytes, which the agent has not to spare. Whatever is sent to it, it answers with one
of a few reasons; what was seen before (for no rollback) is kept in the job's folder.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from appliance.room.agent.tuf_messages import (
    FileTerms,
    Message,
    MetadataAnswer,
    MetadataRequest,
    Reason,
    SignatureCheck,
    SignaturesBad,
    SignaturesGood,
)
from blocklists.container import INDEX_NAME, OVERLAY_NAME, delta_name
from dns.errors import DECODING_FAILED

Fetch = Callable[[str, int], bytes | None]  # a file's name, and how large it may be; None: there is none
MAX_METADATA_BYTES = 512_000  # of any role
_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=MAX_METADATA_BYTES,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)
_PLACE = "signatures/"  # python-tuf wants an address; the agent wants names


class AgentFetcher(FetcherInterface):
    """Gets files from whoever knows the way."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch_file = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(_PLACE)
        content = self._fetch_file(name, MAX_METADATA_BYTES)
        if content is None:
            raise DownloadHTTPError(f"there is no {name}", 404)
        yield content


def check_index(job: SignatureCheck, fetch: Fetch) -> SignaturesGood | SignaturesBad:
    """Follow the metadata, and tell how the files of the index must be. Raises OSError, what `fetch` raises."""
    folder = Path(job.folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("tmp*"):  # of a process that was cut off
        left.unlink(missing_ok=True)
    updater = _begin(job, AgentFetcher(fetch))
    if updater is None:
        return SignaturesBad("damaged" if job.is_first else "no-trust", "the root cannot be used")
    try:
        # Its own clock is not this room's judgement of the time, which may be only what central said.
        updater._trusted_set.reference_time = datetime.fromtimestamp(job.time, UTC)
        updater.refresh()
        version = job.version or _find_published(updater)
        whole = updater.get_targetinfo(f"{version}/{INDEX_NAME}")
        overlay = _find_overlay(updater, version, job.base)
        root = (folder / "root.json").read_bytes()
    except (DownloadError, RepositoryError, ValueError) as problem:
        return SignaturesBad(_find_reason(problem), f"{type(problem).__name__}: {problem}"[:300])
    if whole is None:
        return SignaturesBad("not-current", f"the signed lists are not {job.version[:12]}")
    signed_at = float(updater._trusted_set.timestamp.version)  # seconds of central's clock, see docs/adr/0022
    return SignaturesGood(root, version, signed_at, _terms_of(whole), _terms_of(overlay) if overlay else None)


def _find_overlay(updater: Updater, version: str, base: str) -> TargetFile | None:
    """Return the overlay over a base, or the one by which an index stands in layers; None: there is neither."""
    over_base = updater.get_targetinfo(f"{version}/{delta_name(base)}") if base else None
    return over_base or updater.get_targetinfo(f"{version}/{OVERLAY_NAME}")


def _find_published(updater: Updater) -> str:
    """Return which index is signed: there is one, or none (""). For this python-tuf has no word of its own."""
    names = (name.partition("/") for name in updater._trusted_set.targets.targets)
    return next((version for version, _, file in names if file == INDEX_NAME), "")


def _begin(job: SignatureCheck, fetcher: FetcherInterface) -> Updater | None:
    """Return what follows the metadata, from the trusted root or python-tuf's copy of it; None: from neither."""
    for root in (job.trusted_root, None):
        with contextlib.suppress(RepositoryError, ValueError, OSError):
            return Updater(job.folder, _PLACE, fetcher=fetcher, config=_CONFIG, bootstrap=root)
    return None


def _find_reason(problem: Exception) -> Reason:
    kinds: tuple[tuple[type[Exception], Reason], ...] = (
        (ExpiredMetadataError, "expired"),
        (BadVersionNumberError, "older"),
        (UnsignedMetadataError, "foreign"),
        (DownloadHTTPError, "missing"),
    )
    return next((reason for kind, reason in kinds if isinstance(problem, kind)), "damaged")


def _terms_of(target: TargetFile) -> FileTerms:
    return FileTerms(target.length, target.hashes.get("sha256", ""))


def run_client(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Do the job that comes first, and ask for files meanwhile."""
    job = msgspec.json.decode(incoming.readline(), type=SignatureCheck)

    def say(message: Message) -> None:
        outgoing.write(msgspec.json.encode(message) + b"\n")
        outgoing.flush()

    def fetch(name: str, max_bytes: int) -> bytes | None:
        say(MetadataRequest(name, max_bytes))
        answer = msgspec.json.decode(incoming.readline(), type=MetadataAnswer)
        return incoming.read(answer.size) if answer.is_there else None

    try:
        say(check_index(job, fetch))
    except OSError as problem:  # the disk's
        say(SignaturesBad("not-checked", str(problem)))


if __name__ == "__main__":
    with contextlib.suppress(*DECODING_FAILED, OSError):  # whoever asked has gone
        run_client(sys.stdin.buffer, sys.stdout.buffer)
