"""What a room runs on, and what happens when it is damaged: one table, from which docs/reliability.md is checked.

Each thing has a check when it is taken, the good one before it, a last resort that closes rather than opens, a way
back by itself, and a sign. `tests/appliance/room/test_reliability.py` damages each file of this table in each way.
A new file that a room cannot do without is a row here.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.room.guarded_file import copy_path
from appliance.room.paths import RoomPaths
from blocklists.container import INDEX_NAME

FindFiles = Callable[[RoomPaths], tuple[Path, ...]]


class DurableThing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a room runs on."""

    name: str
    files: FindFiles
    check: str  # when it is taken
    before: str  # what takes its place
    last_resort: str
    heals: str  # by itself, and from what
    sign: str  # beside a line in the process's log


def _sockets(paths: RoomPaths) -> tuple[Path, ...]:
    return paths.agent_socket, paths.query_log_socket, paths.query_log_control_socket, paths.live_feed_socket


THINGS: tuple[DurableThing, ...] = (
    DurableThing(
        name="`index`",
        files=lambda paths: (paths.index,),
        check="it leads to an index whose hash is its folder's name",
        before="the index in memory, then the others that were fetched",
        last_resort="the list that Hallpass brings, every category that the policy closes",
        heals="central, within seconds",
        sign="`lists-damaged`",
    ),
    DurableThing(
        name="`indexes/HASH/index.hpx`",
        files=lambda paths: (paths.index / INDEX_NAME,),
        check="read whole against its SHA-256, and again every minute",
        before="the index before it; SERVFAIL for the moment in which it was seen to be written to",
        last_resort="the list that Hallpass brings",
        heals="central, within seconds",
        sign="`lists-damaged`",
    ),
    DurableThing(
        name="`policy.json`",
        files=lambda paths: (paths.policy,),
        check="SHA-256 in `policy.sha256`; it must decode and compile",
        before="the one in memory, then `resolver/policy.last-good`, then the one in `state.db`",
        last_resort="the strictest: everything closed that the lists know",
        heals="`policy.last-good` or `state.db`, then central, within seconds",
        sign="`policy-damaged`",
    ),
    DurableThing(
        name="`policy.sha256`",
        files=lambda paths: (paths.policy_digest,),
        check="a line of hashes, one of which is the policy's",
        before="the policy in memory, then the copy",
        last_resort="where it is missing, the policy is believed",
        heals="central, within seconds",
        sign="`policy-damaged`",
    ),
    DurableThing(
        name="`resolver/policy.last-good`",
        files=lambda paths: (paths.last_good_policy,),
        check="SHA-256 in its first line",
        before="the policy itself",
        last_resort="the strictest",
        heals="the resolver, with the next policy or at its next start",
        sign="none: nothing is lost",
    ),
    DurableThing(
        name="`own.json`",
        files=lambda paths: (paths.local_overrides,),
        check="SHA-256 in `own.json.copy`",
        before="its copy, then what each process read last",
        last_resort="no opening of central's or the room's own holds",
        heals="the agent, within seconds; what was ended also from `state.db`",
        sign="`decisions-damaged`, then `store-set-aside` for a day",
    ),
    DurableThing(
        name="`pause.json`",
        files=lambda paths: (paths.button_pause,),
        check="SHA-256 in `pause.json.copy`",
        before="its copy, then what each process read last",
        last_resort="the button's pause is over; the policy goes on",
        heals="the recorder, within seconds",
        sign="`decisions-damaged`, then `store-set-aside` for a day",
    ),
    DurableThing(
        name="`tunnels.json`",
        files=lambda paths: (paths.blocked_tunnels,),
        check="SHA-256 in `tunnels.json.copy`",
        before="its copy, then what each process read last",
        last_resort="closed tunnels are closed again when they are used",
        heals="the recorder, within seconds",
        sign="`decisions-damaged`, then `store-set-aside` for a day",
    ),
    DurableThing(
        name="`own.json.copy`, `pause.json.copy`, `tunnels.json.copy`",
        files=lambda paths: tuple(
            map(copy_path, (paths.local_overrides, paths.button_pause, paths.blocked_tunnels))
        ),
        check="SHA-256 in the first line",
        before="the file itself",
        last_resort="as for the file",
        heals="whoever writes the file, within seconds",
        sign="none: nothing is lost",
    ),
    DurableThing(
        name="`clock.json`",
        files=lambda paths: (paths.clock_difference,),
        check="it must decode; of an earlier start only what closes earlier is believed",
        before="none",
        last_resort="central's times are taken for the room's",
        heals="the agent measures anew, with central's next answer",
        sign="none",
    ),
    DurableThing(
        name="`index.confirmed`",
        files=lambda paths: (paths.confirmed_index,),
        check="it must decode",
        before="the age of the index's file",
        last_resort="the lists look older than they are",
        heals="the agent, with central's next word",
        sign="`lists-stale`, where they look old",
    ),
    DurableThing(
        name="`accounts.json`",
        files=lambda paths: (paths.account_states,),
        check="it must decode",
        before="what the pages' own table has ended stays ended",
        last_resort="sign-ins end by their own times",
        heals="central, when the agent starts or its accounts change",
        sign="none",
    ),
    DurableThing(
        name="`pages.pem`",
        files=lambda paths: (paths.page_certificate,),
        check="SHA-256 in its first line",
        before="the one that the pages serve already",
        last_resort="no place for a password",
        heals="central, within seconds",
        sign="`pages-certificate`",
    ),
    DurableThing(
        name="`state.db`",
        files=lambda paths: (paths.agent_store,),
        check="all its pages at the start, and when somebody else touched it",
        before="what the open connection still reads, if it fits together",
        last_resort="it is set aside under its date, and a new one begun; no opening comes of that",
        heals="requests and accounts from central, what was ended from `own.json`",
        sign="`store-set-aside` for a day",
    ),
    DurableThing(
        name="`log.db`",
        files=lambda paths: (paths.query_log,),
        check="all its pages at the start; taken away or overwritten (its first octets), within seconds",
        before="the file that is still open, where it was only taken away",
        last_resort="it is set aside under its date, and a new one begun, which says so in `deletions`",
        heals="by itself; what was counted meanwhile waits in memory and with the workers",
        sign="`store-set-aside` for a day; `disk-trouble` while it cannot be written",
    ),
    DurableThing(
        name="`log.spool`",
        files=lambda paths: (paths.query_log_journal,),
        check="CRC-32 of each chunk, with a key also its seal",
        before="what is whole before the damage",
        last_resort="a new one begun, the loss said in `deletions`",
        heals="by itself",
        sign="`hallpass log stats`, deleted or lost",
    ),
    DurableThing(
        name="`device-tokens.key`",
        files=lambda paths: (paths.data / "device-tokens.key",),
        check="SHA-256 in its copy",
        before="its copy",
        last_resort="a new secret: devices get new tokens",
        heals="the recorder, at its start",
        sign="`store-set-aside` for a day",
    ),
    DurableThing(
        name="`web/sessions.db`",
        files=lambda paths: (paths.sessions,),
        check="all its pages when it is opened",
        before="none: a session that cannot be read lets nobody in",
        last_resort="it is set aside under its date, and people sign in again",
        heals="by itself",
        sign="`store-set-aside` for a day (on a card only in the log of the pages)",
    ),
    DurableThing(
        name="`pages.key`",
        files=lambda paths: (paths.data / "pages.key",),
        check="its length",
        before="none",
        last_resort="a new one is made, and people sign in again",
        heals="the pages, at their start",
        sign="none",
    ),
    DurableThing(
        name="`run/*.sock`",
        files=_sockets,
        check="every five seconds whether it is the one that is served",
        before="connections that are open stay so",
        last_resort="workers go on counting, the pages say that the agent is away",
        heals="whoever serves it, within seconds",
        sign="the pages",
    ),
    DurableThing(
        name="`run/health/*.json`",
        files=lambda paths: (paths.health_folder / "agent.json", paths.health_folder / "recorder.json"),
        check="it must decode, and be young",
        before="none",
        last_resort="a process that does not speak counts as stopped",
        heals="its process, within five seconds",
        sign="`stopped`",
    ),
    DurableThing(
        name="`run/lamp`",
        files=lambda paths: (paths.simulated_lamp,),
        check="none: it is only shown",
        before="none",
        last_resort="the lamp that is drawn in a terminal is dark",
        heals="the recorder, with the next change",
        sign="none",
    ),
)
