"""Makes a room's policy from what stands on its disk, and says which files that was.

* A room with central: the document and the index that the agent put there. While either is missing, the strictest.
* A room alone: a document made from its settings, and the index they name.
* A room that nobody has told anything yet: the list that Hallpass brings, every category closed.

This is exact: what is damaged is an error. Whoever answers takes its policy from `appliance.room.policy_loader`,
which then goes on with the last good one: a room goes on filtering as it did.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.room import blocked_tunnels, button_pause, clock, clock_difference, guarded_file, local_overrides
from appliance.room.file_state import FileState, read_file_state
from appliance.room.neighbours import NeighbourCache
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import read_policy
from appliance.settings.room import PolicySection, RoomSettings
from blocklists import builtin_list
from blocklists.categories import CATEGORIES_BY_ID
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import ListError
from blocklists.index import Index, open_index
from blocklists.keywords import Keywords
from blocklists.site_bundles import needed_by
from dns.errors import DECODING_FAILED, DnsError
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import EVERY_CATEGORY, Group, PolicyDocument, Profile, json_decoder, parse_toml_document

PUPILS = "pupils"

log = logging.getLogger("hallpass.policy")


def policy_files(settings: RoomSettings, paths: RoomPaths) -> tuple[Path, ...]:
    """Return the files whose change means: load the policy again. Not each of them need be there."""
    if settings.central is not None:
        fetched = (paths.index / INDEX_NAME, paths.index / OVERLAY_NAME)
        added = (paths.blocked_tunnels, paths.button_pause, paths.local_overrides, paths.clock_difference)
        own_name = paths.page_certificate  # whose name the room answers for
        return (paths.policy, *fetched, *added, own_name, *map(guarded_file.copy_path, _guarded_files(paths)))
    index = settings.lists.index
    own = (settings.policy.document,) if settings.policy is not None and settings.policy.document else ()
    lists = (index / INDEX_NAME, index / OVERLAY_NAME) if index is not None else ()
    guarded = _guarded_files(paths)
    return (*lists, *own, *guarded, *map(guarded_file.copy_path, guarded))


def local_problems(paths: RoomPaths) -> tuple[str, ...]:
    """Return what is wrong with the files of what the room itself has decided."""
    found = (guarded_file.read_guarded_file(path, is_usable) for path, is_usable in _guarded_files(paths).items())
    return tuple(one.problem for one in found if one.problem)


def _guarded_files(paths: RoomPaths) -> dict[Path, guarded_file.IsUsable]:
    return {
        paths.blocked_tunnels: blocked_tunnels.is_tunnels,
        paths.button_pause: button_pause.is_pause,
        paths.local_overrides: local_overrides.is_overrides,
    }


def load_policy(
    settings: RoomSettings,
    paths: RoomPaths,
    clock_trusted: Callable[[], bool] = clock.is_clock_trusted,
    now: Callable[[], float] = time.time,
) -> CompiledPolicy:
    """Return the policy that a room has to follow now. Raises HallpassError with one line that says why not."""
    try:
        lists = _open_room_index(settings, paths)
    except ListError as problem:
        raise HallpassError(f"the policy cannot be used: {problem}") from problem
    return compile_policy(_load_document(settings, paths), lists, settings, paths, clock_trusted, now)


def compile_policy(  # noqa: PLR0917 (what a policy is made of, in its order)
    document: PolicyDocument,
    index: Index,
    settings: RoomSettings,
    paths: RoomPaths,
    clock_trusted: Callable[[], bool],
    now: Callable[[], float],
    *,
    begins_anew: bool = False,
) -> CompiledPolicy:
    """Return a document and an index, with what the room adds, made ready. Raises HallpassError."""
    try:
        document = _with_local_additions(document, settings, paths, now())
        policy = CompiledPolicy(
            document,
            index,
            _keywords(),
            needed_names=needed_by,
            clock_trusted=clock_trusted,
            mac_of=NeighbourCache().mac_of,
            begins_anew=begins_anew,
        )
    except DnsError as problem:
        raise HallpassError(f"the policy cannot be used: {problem}") from problem
    for category in unknown_categories(document, index):
        log.warning("the policy closes %r, which is no category and in no list", category)
    for sentence in policy.too_wide:
        log.warning("the policy reaches further than one site: %s", sentence)
    return policy


def unknown_categories(document: PolicyDocument, index: Index) -> tuple[str, ...]:
    """Return the categories that a document closes and nobody knows: most likely a slip of the pen."""
    known = {EVERY_CATEGORY, *CATEGORIES_BY_ID, *index.categories}
    closed = (category for profile in document.profiles for category in profile.closed)
    return tuple(
        dict.fromkeys(category for category in (*closed, *document.locked_categories) if category not in known)
    )


def strictest_document(settings: RoomSettings) -> PolicyDocument:
    """Return what holds while nobody has said anything else: every category closed, safe search on."""
    profile = Profile(name=PUPILS, closed=(EVERY_CATEGORY,), safe_search=True, keywords=True)
    return _make_document(settings, profile)


def local_document(settings: RoomSettings, policy: PolicySection) -> PolicyDocument:
    """Return the document of a room that decides by itself."""
    profile = Profile(name=PUPILS, closed=policy.closed, safe_search=policy.safe_search)
    return _make_document(settings, profile)


def _make_document(settings: RoomSettings, profile: Profile) -> PolicyDocument:
    return PolicyDocument(
        version=0,
        room=settings.room.name,
        default_group=PUPILS,
        groups=(Group(name=PUPILS, profile=profile.name),),
        profiles=(profile,),
    )


def _load_document(settings: RoomSettings, paths: RoomPaths) -> PolicyDocument:
    found = read_document(settings, paths)
    if found is not None:
        return found[0]
    if settings.central is None and settings.policy is not None:
        return local_document(settings, settings.policy)
    return strictest_document(settings)


def read_document(settings: RoomSettings, paths: RoomPaths) -> tuple[PolicyDocument, bytes] | None:
    """Return the document that somebody wrote for this room, decoded and as it is written.

    None: nobody did, or central has not sent one yet. Raises HallpassError where it cannot be used.
    """
    if settings.central is not None:
        content = read_policy(paths)
        return None if content is None else (decode_document(settings, paths.policy, content), content)
    path = settings.policy.document if settings.policy is not None else None
    if path is None:
        return None
    try:
        content = read_regular_file(path)
    except FileNotFoundError:
        raise HallpassError(f"{path}: there is no such file") from None
    except OSError as problem:
        raise HallpassError(f"{path}: cannot be read as a policy: {problem}") from problem
    return decode_document(settings, path, content), content


def decode_document(settings: RoomSettings, path: Path, content: bytes) -> PolicyDocument:
    """Return the document in the content of a file of such a room. Raises HallpassError."""
    try:
        return json_decoder.decode(content) if settings.central is not None else parse_toml_document(content)
    except DECODING_FAILED as problem:  # TOML's errors are ValueErrors too
        raise HallpassError(f"{path}: cannot be read as a policy: {problem}") from problem


def _with_local_additions(
    document: PolicyDocument, settings: RoomSettings, paths: RoomPaths, now: float
) -> PolicyDocument:
    """Return a document with what only this room knows: central, its servers, tunnels, button, own decisions."""
    overrides = local_overrides.read_active_overrides(paths.local_overrides, now)
    ended = local_overrides.without_ended_unblocks(document, overrides)  # which are known by central's times
    ahead = clock_difference.read_difference(paths.clock_difference) if settings.central is not None else 0.0
    document = local_overrides.apply_overrides(clock_difference.in_room_time(ended, ahead), overrides)
    blocked = (
        blocked_tunnels.read_blocked_tunnels(paths.blocked_tunnels, now) if document.tunnels == "close" else ()
    )
    own_servers = (forward.domain.name for forward in settings.dns.forward)
    return msgspec.structs.replace(
        document,
        appliance_names=_merge_names(document.appliance_names, _central_name(settings)),
        private_names=_merge_names(document.private_names, own_servers),
        rules=(*document.rules, *blocked_tunnels.block_rules(blocked, document.rules)),
        pauses=(*document.pauses, *button_pause.read_button_pause(paths.button_pause, now)),
    )


def _merge_names(given: Iterable[str], added: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*given, *added)))


def _open_room_index(settings: RoomSettings, paths: RoomPaths) -> Index:
    if settings.central is not None:
        return (
            _open_cached_index(paths.index)
            if paths.index.exists()
            else builtin_list.open_brought_index(paths.data / "starter")
        )
    if settings.lists.index is not None:
        return _open_cached_index(settings.lists.index)
    return builtin_list.open_brought_index(paths.data / "starter")


def _open_cached_index(directory: Path) -> Index:
    """Open an index, or return it as it was opened last: most new policies change a rule, not the lists."""
    return _open_index_state(
        directory, tuple(read_file_state(directory / name) for name in (INDEX_NAME, OVERLAY_NAME))
    )


@lru_cache(maxsize=1)
def _open_index_state(directory: Path, state: tuple[FileState, ...]) -> Index:  # noqa: ARG001 (makes it another opening)
    return open_index(directory)


@lru_cache(maxsize=1)
def _keywords() -> Keywords:
    """Return the words that Hallpass brings: read once, the same for every policy of this process."""
    return Keywords.load_builtin()


def _central_name(settings: RoomSettings) -> tuple[str, ...]:
    """Return the name under which central is reached: without it the room would never hear of a change."""
    host = urlsplit(settings.central.url).hostname if settings.central is not None else None
    if not host:
        return ()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return (host,)
    return ()
