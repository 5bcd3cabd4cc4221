"""Keeps a process supplied with a policy, whatever becomes of the files that it is made from.

`load_policy` (`appliance.room.room_policy`) is exact: what cannot be used is an error. A process that answers
cannot have errors, so here each part has rungs below it: for the lists `appliance.room.index_fallback`, for the
document

1. what central sent, or what the settings name;
2. the document that this process used last;
3. the resolver's copy on the disk, which outlives it (`appliance.room.policy_file`);
4. with central: the strictest. A room alone cannot start with mistakes in what was written by hand.

A room that never had a policy has none that could be missing: there the strictest is the first. `conditions` says
for the room's health where something else than the first rung is in use.
"""

import logging
import time
from collections.abc import Callable, Iterator

from appliance.errors import HallpassError
from appliance.room import clock
from appliance.room.conditions import Condition
from appliance.room.file_state import FileState
from appliance.room.index_fallback import IndexFallback
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import LastGoodPolicy, PolicyDamaged, central_origin, read_known_policy
from appliance.room.room_policy import (
    compile_policy,
    decode_document,
    local_document,
    local_problems,
    read_document,
    strictest_document,
)
from appliance.settings.room import RoomSettings
from blocklists.index import Index
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import PolicyDocument

log = logging.getLogger("hallpass.policy")

_Candidate = tuple[str, Callable[[], tuple[PolicyDocument, bytes]]]


class PolicyLoader:
    """One process's way to its policy. Not for several threads at once."""

    def __init__(
        self,
        settings: RoomSettings,
        paths: RoomPaths,
        *,
        keeps_copy: bool = False,
        clock_trusted: Callable[[], bool] = clock.is_clock_trusted,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Load nothing yet. `keeps_copy`: this is the resolver, which keeps each policy that it could use."""
        self._settings = settings
        self._paths = paths
        self._keeps_copy = keeps_copy
        self._clock_trusted = clock_trusted
        self._now = now
        builtin_folder = paths.data / "starter"
        if settings.central is not None:
            self._index_fallback = IndexFallback(paths.index, paths.indexes, builtin_folder)
        else:
            self._index_fallback = IndexFallback(settings.lists.index, None, builtin_folder)
        self._last_good = LastGoodPolicy(paths.last_good_policy, _origin(settings))
        self._last_used: tuple[PolicyDocument, bytes] | None = None  # as it was written, nothing added
        self._index: Index | None = None
        self._problem = ""
        self._local_problem = ""

    def load(self) -> CompiledPolicy:
        """Return the policy to follow now. Raises HallpassError where no rung is left."""
        index = self._index_fallback.open_index()
        # The same lists opened again have the same version; what was decided by the damaged ones must fall.
        anew = self._index is not None and index is not self._index
        problems: list[str] = []
        for words, make_document in self._candidates():
            try:
                document, content = make_document()
                policy = self._compile(document, index, anew=anew)
            except HallpassError as problem:
                problems.append(str(problem))
                continue
            self._set_problem(f"{'; '.join(problems)}; {words} is used instead" if problems else "")
            if content:
                self._keep_document(document, content)
            self._index = index
            self._local_problem = "; ".join(local_problems(self._paths))
            return policy
        self._index = index
        return self._bare_strictest_policy(index, problems)

    @property
    def conditions(self) -> dict[Condition, str]:
        """What is not as it should be, with one line for a person."""
        said = {
            Condition.POLICY_DAMAGED: self._problem,
            Condition.LISTS_DAMAGED: self._index_fallback.problem,
            Condition.DECISIONS_DAMAGED: self._local_problem,
        }
        return {condition: words for condition, words in said.items() if words}

    @property
    def index_size(self) -> int:
        """How many entries the sources of the index in use have in it."""
        return sum(one.names for one in self._index.sources) if self._index is not None else 0

    def is_whole(self) -> bool:
        """Read the index in use and tell whether it still is what was opened; where not, `load` takes another."""
        return self._index_fallback.is_whole()

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file of the index in use, where it lies."""
        return self._index_fallback.is_touched()

    def index_state(self) -> tuple[FileState, ...]:
        """Return what changes when somebody touches the index in use."""
        return self._index_fallback.mapped_state()

    def _compile(self, document: PolicyDocument, index: Index, *, anew: bool) -> CompiledPolicy:
        return compile_policy(
            document, index, self._settings, self._paths, self._clock_trusted, self._now, begins_anew=anew
        )

    def _candidates(self) -> Iterator[_Candidate]:
        yield "the document", self._expected_document
        if self._last_used is not None:
            last = self._last_used
            yield "the policy that was good last", lambda: last
        yield "the policy that was good last", self._last_good_document
        if self._settings.central is not None:
            yield "the strictest policy", lambda: (strictest_document(self._settings), b"")

    def _expected_document(self) -> tuple[PolicyDocument, bytes]:
        """Return what should be in force. Raises HallpassError where it is damaged or missing."""
        settings = self._settings
        found = read_document(settings, self._paths)
        if found is not None:
            return found
        if settings.central is None:
            own = settings.policy
            return (strictest_document(settings) if own is None else local_document(settings, own)), b""
        if self._last_used is not None or self._last_good.read_copy() is not None:
            raise PolicyDamaged(f"{self._paths.policy}: is no longer there")
        return strictest_document(settings), b""  # nobody has told this room anything yet

    def _last_good_document(self) -> tuple[PolicyDocument, bytes]:
        content = self._last_good.read_copy()
        if content is None:
            raise HallpassError("no copy of an earlier policy can be read")
        return decode_document(self._settings, self._paths.last_good_policy, content), content

    def _bare_strictest_policy(self, index: Index, problems: list[str]) -> CompiledPolicy:
        """Return the strictest policy, bare: what the room adds is what cannot be used. Raises HallpassError."""
        if self._settings.central is None:
            raise HallpassError(problems[0])
        self._set_problem(f"{'; '.join(problems)}; the strictest policy is used instead")
        return CompiledPolicy(
            strictest_document(self._settings), index, clock_trusted=self._clock_trusted, begins_anew=True
        )

    def _set_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem

    def _keep_document(self, document: PolicyDocument, content: bytes) -> None:
        self._last_used = document, content
        if not self._keeps_copy:
            return
        try:
            self._last_good.write_copy(content, self._central_digest(content))
        except OSError as problem:
            log.warning("%s: no copy of the policy could be kept: %s", self._paths.last_good_policy, problem)

    def _central_digest(self, content: bytes) -> str:
        """Return by which digest central knows a document ("": nobody has said)."""
        try:
            current = read_known_policy(self._paths) if self._settings.central is not None else None
        except PolicyDamaged:
            current = None
        known = (one for one in (current, self._last_good.read_known_copy()) if one is not None)
        return next((one.central_digest for one in known if one.content == content), "")


def has_last_good_policy(settings: RoomSettings, paths: RoomPaths) -> bool:
    """Tell whether the resolver has a copy of a policy of where this room's policies come from."""
    return LastGoodPolicy(paths.last_good_policy, _origin(settings)).read_copy() is not None


def _origin(settings: RoomSettings) -> str:
    if settings.central is not None:
        return central_origin(settings.central.url)
    own = settings.policy.document if settings.policy is not None else None
    return f"file {own}" if own is not None else "settings"
