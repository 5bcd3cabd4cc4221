"""Follows the policy by what it holds: by the digest that central names, where it names one, else by its number.

A small policy comes in the feed's own line and is installed without another call. A number says nothing after
central was restored from a backup: two policies may bear the same. The digest is kept with the policy, so that
equal content is not fetched again, after a restart either.

What was ended in this room is forgotten here, once central has a policy without it (`ended_unblocks`): asked for
after central took the end, because a line under way may be older than that.
"""

import logging
from collections.abc import Callable

import msgspec

from appliance.room.agent import installer
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_downloads import FeedLine, FetchedPolicy
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.installer import InstalledPolicy
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.file_state import FileState, read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import LastGoodPolicy, central_origin
from dns.policy.document import PolicyDocument

RETRY_SECONDS = 5.0

log = logging.getLogger("hallpass.agent")


class WantedPolicy(msgspec.Struct, frozen=True):
    """Which policy the room should have."""

    version: int
    digest: str  # "": a central of before
    content: bytes  # where it came in the line

    @classmethod
    def from_line(cls, line: FeedLine) -> "WantedPolicy":
        """Return what a line of the feed says of the policy."""
        return cls(line.policy, line.policy_digest, line.policy_content() if line.policy_digest else b"")


class PolicySync(TargetFollower[WantedPolicy]):
    """One room's policy."""

    def __init__(
        self,
        client: CentralClient,
        paths: RoomPaths,
        ended_unblocks: EndedUnblocks,
        installed: Callable[[], None],
    ) -> None:
        """`installed` is called after each new policy."""
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS))
        self._client = client
        self._paths = paths
        self._last_good = LastGoodPolicy(paths.last_good_policy, central_origin(client.connection.url))
        self._ended_unblocks = ended_unblocks
        self._on_installed = installed
        self._are_ends_checked = False
        self._read: tuple[tuple[FileState, FileState], InstalledPolicy] | None = None

    def set_wanted(self, wanted: WantedPolicy) -> None:
        """Take in where the room should be."""
        if wanted != self.wanted:
            self._are_ends_checked = False
        super().set_wanted(wanted)

    def check_ends(self) -> None:
        """Have it looked at whether central's policy still opens what was ended here: central has taken an end."""
        self._are_ends_checked = False
        self.check_now()

    def installed_policy(self) -> InstalledPolicy:
        """Return which policy is in use. Reads it where it may have changed: not for an event loop."""
        state = self._file_states()
        if self._read is None or self._read[0] != state:
            self._read = (state, installer.read_installed_policy(self._paths))
        return self._read[1]

    async def _installed_policy(self) -> InstalledPolicy:
        """Return the same; two looks at files need no thread, only what has changed does."""
        if self._read is not None and self._read[0] == self._file_states():
            return self._read[1]
        return await run_blocking(self.installed_policy)

    def _file_states(self) -> tuple[FileState, FileState]:
        return read_file_state(self._paths.policy), read_file_state(self._paths.policy_digest)

    def is_in_step(self) -> bool:
        """Tell whether the policy in use is the one that central named last. Reads as `installed_policy` does."""
        return self.wanted is not None and _is_same(self.wanted, self.installed_policy())

    async def is_applied(self, wanted: WantedPolicy) -> bool:
        """Tell whether the room has this policy, and has forgotten what is over."""
        return self._are_ends_checked and _is_same(wanted, await self._installed_policy())

    async def apply(self, wanted: WantedPolicy) -> None:
        """Install the policy, and forget what it no longer opens."""
        if not _is_same(wanted, await self._installed_policy()):
            await self._install(await self._get_policy(wanted))
        await self._delete_ended(wanted)

    async def _get_policy(self, wanted: WantedPolicy) -> FetchedPolicy:
        if wanted.content:
            return FetchedPolicy(wanted.content, wanted.digest)
        kept = await run_blocking(self._last_good.read_known_copy)
        if kept is not None and wanted.digest and kept.central_digest == wanted.digest:
            return FetchedPolicy(kept.content, kept.central_digest)
        fetched = await self._client.fetch_policy()
        if fetched is None:
            raise installer.InstallFailed("central sent no policy where one was asked for")
        if fetched.digest.isalnum() or not wanted.digest:
            return fetched
        return msgspec.structs.replace(fetched, digest=wanted.digest)  # a proxy took the tag away, or changed it

    async def _install(self, policy: FetchedPolicy) -> PolicyDocument:
        document = await run_blocking(installer.install_policy, self._paths, policy.content, policy.digest)
        log.info("the policy %d is in use", document.version)
        self._on_installed()
        return document

    async def _delete_ended(self, wanted: WantedPolicy) -> None:
        acknowledged = await run_blocking(self._ended_unblocks.acknowledged_requests)
        if acknowledged:  # now, before the policy is fetched, so that it is no older
            installed = await self._installed_policy()
            fetched = await self._client.fetch_policy(installed.digest)
            if fetched is not None and fetched.digest != installed.digest:
                return  # its own line is under way, and then this is done
            if fetched is not None and not wanted.digest:
                document = await self._install(fetched)
            else:
                document = await run_blocking(installer.read_installed_document, self._paths)
            await run_blocking(self._ended_unblocks.delete_ended, acknowledged, document)
        self._are_ends_checked = True


def _is_same(wanted: WantedPolicy, installed: InstalledPolicy) -> bool:
    if wanted.digest:
        return wanted.digest == installed.digest
    return wanted.version == installed.version
