"""Follows the index: many megabytes over whatever line the school has, without hurry and without giving up.

Where central names a changed index, each room of a school hears of it at the same moment: they spread their
fetching over `spread_seconds`. A room that has none yet, or a damaged one, fetches at once. A slow line may take
all the time it needs; one that gives nothing is left after half a minute, and the next try goes on where
it broke. Where central signs its lists, nothing else is taken into use (`signed_lists`). Then mirrors are asked
for the files before central is, and for the signatures while central is away (`list_mirrors`).
"""

import asyncio
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path

from appliance.errors import HallpassError
from appliance.room.agent import installer
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_downloads import PartialIndex
from appliance.room.agent.central_errors import CentralUnreachable
from appliance.room.agent.list_mirrors import ListMirrors
from appliance.room.agent.signed_lists import IndexTerms, NotTrusted, SignedLists
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.paths import RoomPaths

FIRST_PAUSE_SECONDS = 2.0
MAX_PAUSE_SECONDS = 300.0
MAX_TRIES_IN_A_ROW = 5  # without a single byte more: then all is begun anew, after a pause

log = logging.getLogger("hallpass.agent")


class IndexSync(TargetFollower[str]):
    """One room's index."""

    gives_up_for_newer = True

    def __init__(
        self,
        client: CentralClient,
        paths: RoomPaths,
        installed: Callable[[], None],
        spread_seconds: float,
        signed: SignedLists,
        *,
        mirrors: ListMirrors,
    ) -> None:
        """`installed` is called after each new index."""
        self.refusal = ""  # why the index that central names is not taken, in words; "": it is, or has not come
        self._signed = signed
        self._mirrors = mirrors
        super().__init__(Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS))
        self._client = client
        self._paths = paths
        self._on_installed = installed
        self._spread_seconds = spread_seconds
        self._installed = installer.InstalledIndex(paths)

    async def is_applied(self, wanted: str) -> bool:
        """Tell whether the room has this index, whole."""
        installed = self._installed.known_version()
        if installed is None:
            installed = await run_blocking(self._installed.verified_version)
        has_it = not wanted or wanted == installed
        if has_it:
            self.refusal = ""
        return has_it

    async def apply(self, wanted: str) -> None:
        """Fetch the index and put it in force."""
        if await run_blocking(self._installed.verified_version):
            await asyncio.sleep(random.uniform(0.0, self._spread_seconds))  # noqa: S311 (to spread rooms, not to hide)
        try:
            await self._install(wanted)
        except NotTrusted as problem:
            self.refusal = str(problem)
            raise
        self.refusal = ""
        log.info("the index %s is in use", wanted[:12])
        self._on_installed()

    async def _install(self, version: str) -> None:
        """Put an index in force that may be. Raises NotTrusted before anything is changed."""
        terms = await self._find_terms(version, await run_blocking(installer.base_version, self._paths))

        async def fetch(base: str, path: Path) -> None:
            if terms is None:
                await self._download(version, base, path)
            else:
                await self._fetch_signed(terms, base, path)

        await installer.install_index(self._paths, version, fetch)
        if terms is not None:
            await self._signed.note_accepted(version)

    async def _find_terms(self, version: str, base: str) -> IndexTerms | None:
        """Return how the index must be; None: nothing is signed or was. Raises NotTrusted, CentralUnreachable."""
        try:
            return await self._signed.find_terms(version, base)
        except CentralUnreachable:
            terms = await self._mirrors.find_terms(version, base)
            if terms is None:
                raise
            return terms

    async def _fetch_signed(self, terms: IndexTerms, base: str, path: Path) -> None:
        """Fetch an index, or an overlay over the base where that is signed too. Raises NotTrusted."""
        if await self._mirrors.fetch_index(terms, base, path):
            return
        if base and terms.whole is not None:
            await self._download(terms.version, base, path)
            if await run_blocking(terms.are_met, path):
                return
            # Central may have made the overlay, and signed it, while it was asked for.
            with_overlay = await self._signed.find_terms(terms.version, base)
            if with_overlay is not None and await run_blocking(with_overlay.are_met, path):
                return
        # The whole, also where an overlay was made before there were signatures.
        await self._download(terms.version, "", path)
        if not await run_blocking(terms.are_met, path):
            raise NotTrusted("another-file", f"the index {terms.version[:12]}")

    async def _download(self, version: str, base: str, path: Path) -> None:
        """Fetch an index into a file, in as many pieces as the line breaks it into."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        have = PartialIndex()
        tries = 0
        while True:
            before = have.size
            try:
                async for there, piece in self._client.stream_index(version, base, have):
                    await run_blocking(_write_piece, path, there.size, piece)
                    have = PartialIndex(size=there.size + len(piece), tag=there.tag)
            except CentralUnreachable as problem:
                if have.size > before:
                    backoff.reset()
                    tries = 0
                tries += 1
                if tries == MAX_TRIES_IN_A_ROW:
                    raise
                log.info("the index %s waits at %d bytes: %s", version[:12], have.size, problem)
                await asyncio.sleep(backoff.next_pause_seconds(problem))
            else:
                if not have.size:
                    raise HallpassError("central sent an index of no bytes")
                return


def _write_piece(path: Path, size: int, piece: bytes) -> None:
    """Write a piece behind what is there already: `size` bytes, and nothing after them."""
    with path.open("ab") as file:
        os.truncate(file.fileno(), size)
        file.write(piece)
