"""Whether the room may take an index into use: only what central has signed, once central has signed anything.

The first root is believed as it comes over the pinned connection (trust on first use), and kept; from then on
only what the chain of roots leads to, whoever answers. A central that signs nothing is one of before: its index is
taken as ever, until the first signature was seen, and never afterwards. The checking is done by a process that
ends (`tuf_client`), which asks for each file through here. See docs/adr/0022.

What is wrong is `NotTrusted`, with words for people; central that cannot be reached is what it always is. Neither
touches the index in use.
"""

import asyncio
import contextlib
import hashlib
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file, write_file_atomically
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.agent.tuf_messages import (
    REASON_WORDS,
    FileTerms,
    Message,
    MetadataAnswer,
    MetadataRequest,
    SignatureCheck,
    SignaturesBad,
    SignaturesGood,
)
from blocklists import container
from blocklists.errors import ListError
from dns.errors import DECODING_FAILED

TRUSTED_FILE, ACCEPTED_FILE, METADATA_FOLDER = "trusted-root.json", "accepted", "metadata"
_SECONDS = 300.0  # of a small machine on a slow line
ELSEWHERE_SECONDS = 90.0  # the same, of a machine that others than central keep waiting
_LINE_BYTES = 4 * 1024 * 1024
_MAX_ROOT_BYTES = 512_000
_MAX_FETCHES = 256
_CHILD = (sys.executable, "-m", "appliance.room.agent.tuf_client")
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)

_Result = SignaturesGood | SignaturesBad
FetchSignature = Callable[[str, int], Awaitable[bytes | None]]

log = logging.getLogger("hallpass.agent")


class NotTrusted(HallpassError):
    """An index is not taken; the text says why, for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(REASON_WORDS[reason])


class IndexTerms(msgspec.Struct, frozen=True):
    """How the files of an index must be. None for both: the whole index that the room had accepted before."""

    version: str
    whole: FileTerms | None = None
    overlay: FileTerms | None = None
    signed_at: float = 0.0  # when central said last that this is the index to have, Unix seconds

    def are_met(self, path: Path) -> bool:
        """Tell whether a file is one of them. Raises OSError."""
        if self.whole is None:
            try:  # its name is the hash of all it holds, unless it is an overlay
                return container.verify_digest(path) == self.version
            except ListError:
                return False
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found = FileTerms(path.stat().st_size, digest)
        return found in (self.whole, self.overlay)


class SignedLists:
    """What one room trusts about the school's lists."""

    def __init__(
        self,
        folder: Path | None,
        fetch: FetchSignature,
        earliest_time: Callable[[], float],
        *,
        is_pinned: Callable[[], bool],
    ) -> None:
        """`folder`: where it is kept; None: nothing is, and nothing is checked.

        `fetch`: gets a file of metadata from central; None where there is none. `is_pinned`: whether who answers
        is central for certain. `earliest_time`: what has passed for certain, Unix seconds.
        """
        self._folder = folder
        self._fetch = fetch
        self._earliest_time = earliest_time
        self._is_pinned = is_pinned
        self._checking = asyncio.Lock()  # what was seen before stands in one folder

    async def find_terms(self, version: str, base: str = "") -> IndexTerms | None:
        """Return how an index must be that the room may take; None: nothing is signed or was.

        Raises NotTrusted; what `fetch` raises; OSError.
        """
        if self._folder is None:
            return None
        trusted = await run_blocking(self._read_trusted)
        root = trusted
        if root is None and self._is_pinned():
            root = await self._fetch("root.json", _MAX_ROOT_BYTES)
        if root is None:
            return None
        job = SignatureCheck(
            folder=str(self._folder / METADATA_FOLDER), trusted_root=root, is_first=trusted is None,
            time=self._earliest_time(), version=version, base=base,
        )  # fmt: skip
        result = await self._check(job, self._fetch, _SECONDS)
        if isinstance(result, SignaturesBad):
            return await self._explain(result, version)
        return await self._keep(result, trusted)

    async def find_terms_elsewhere(
        self, fetch: FetchSignature, version: str = "", base: str = ""
    ) -> IndexTerms | None:
        """Return the same as somebody else than central has it; "": of whichever index is signed there.

        None: this room has not seen central's own signatures yet, and believes nobody else before that.
        `fetch` gets a file from there. Raises NotTrusted; what `fetch` raises; OSError.
        """
        trusted = await run_blocking(self._read_trusted) if self._folder is not None else None
        if self._folder is None or trusted is None:
            return None
        job = SignatureCheck(
            folder=str(self._folder / METADATA_FOLDER), trusted_root=trusted, time=self._earliest_time(),
            version=version, base=base,
        )  # fmt: skip
        result = await self._check(job, fetch, ELSEWHERE_SECONDS)
        if isinstance(result, SignaturesBad):
            raise NotTrusted(result.reason, result.detail)
        return await self._keep(result, trusted)

    async def _keep(self, result: SignaturesGood, trusted: bytes | None) -> IndexTerms:
        if result.trusted_root != trusted:
            await run_blocking(self._write, TRUSTED_FILE, result.trusted_root)
        return IndexTerms(result.version, result.whole, result.overlay, result.signed_at)

    async def note_accepted(self, version: str) -> None:
        """Remember that an index was taken: it may be fetched again, should it be damaged. Raises OSError."""
        if self._folder is not None and await run_blocking(self._read_trusted) is not None:
            await run_blocking(self._write, ACCEPTED_FILE, version.encode())

    async def _explain(self, failure: SignaturesBad, version: str) -> IndexTerms:
        log.warning("the index %s is not taken: %s: %s", version[:12], failure.reason, failure.detail)
        # What has ended stops what is new. The index in use is none of that, also where it must be fetched again.
        if failure.reason == "expired" and await run_blocking(self._read, ACCEPTED_FILE) == version.encode():
            return IndexTerms(version)
        raise NotTrusted(failure.reason, failure.detail)

    async def _check(self, job: SignatureCheck, fetch: FetchSignature, seconds: float) -> _Result:
        async with self._checking:
            return await self._check_alone(job, fetch, seconds)

    async def _check_alone(self, job: SignatureCheck, fetch: FetchSignature, seconds: float) -> _Result:
        process = await asyncio.create_subprocess_exec(
            *_CHILD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_BYTES
        )
        try:
            async with asyncio.timeout(seconds):
                return await self._serve(process, job, fetch)
        except TimeoutError:
            return SignaturesBad("not-checked", f"no answer within {seconds:.0f} s")
        except (*DECODING_FAILED, ConnectionError) as problem:
            return SignaturesBad("not-checked", f"the process that checks failed: {problem}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    @staticmethod
    async def _serve(process: asyncio.subprocess.Process, job: SignatureCheck, fetch: FetchSignature) -> _Result:
        """Give the process its job, and the files that it asks for."""
        assert process.stdin is not None  # noqa: S101 (for mypy: both are pipes)
        assert process.stdout is not None  # noqa: S101 (as above)
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        for _ in range(_MAX_FETCHES):
            message = _decoder.decode(await process.stdout.readline())
            if not isinstance(message, MetadataRequest):
                return message
            content = await fetch(message.name, message.max_bytes)
            answer = MetadataAnswer(len(content or b""), content is not None)
            process.stdin.write(msgspec.json.encode(answer) + b"\n" + (content or b""))
            await process.stdin.drain()
        return SignaturesBad("damaged", "there was no end of files to fetch")

    def _read_trusted(self) -> bytes | None:
        """Return the root that is trusted; None: this room has never seen a signature."""
        copy = f"{METADATA_FOLDER}/root.json"  # python-tuf's own, should the other be gone
        trusted = self._read(TRUSTED_FILE)
        return self._read(copy) if trusted is None else trusted

    def _read(self, name: str) -> bytes | None:
        """Return a file that is kept; None: there is none. Raises NotTrusted where it cannot be read."""
        assert self._folder is not None  # noqa: S101 (for mypy: asked before)
        try:
            return read_regular_file(self._folder / name, max_bytes=_MAX_ROOT_BYTES)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise NotTrusted("no-trust", str(problem)) from None

    def _write(self, name: str, content: bytes) -> None:
        assert self._folder is not None  # noqa: S101 (as above)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file_atomically(self._folder / name, content, mode=0o600)
