"""Cached responses, kept to be given again byte for byte, apart from the id and the times to live.

Answers are kept for each view apart: by the packet without its id, so whatever an client may say in a query (case
of the name, EDNS, flags) is part of the key, and nothing has to be parsed to find an answer again. What depends on
the client beyond that (a cookie) is never kept.

- `CachedResponse.fresh_until` is the moment until which the bytes may be sent as they are: at most a second,
  because times to live count down. `refresh_response` renders them anew, half a microsecond once a second for each
  entry.
- An answer is kept no longer than what it was made of: the verdict, the next change of the policy by time alone,
  the message cache's entry; and of that only until it is due to be renewed, which is the pipeline's business.
- For each view there are a current and a previous generation, of `MAX_ENTRIES` each: when the current one is full
  it becomes the previous one, and what is still asked for moves back. Nothing is paid for this on the fast path.
- A new policy says which names it changed. Entries then count as of the previous generation, and one that depends
  on a changed name is not brought back. A policy that cannot tell changes everything.
"""

import struct
from collections.abc import Sequence
from typing import Final

from dns.cached_message import CachedMessage
from dns.message.names import parents
from dns.policy.verdict import View
from dns.querylog.records import LogEntry

MAX_ENTRIES: Final = 32768

_TTL: Final = struct.Struct("!I")
# Looked up once: see `CachedResponse.refresh_ttls`
_unpack_ttl: Final = _TTL.unpack_from
_pack_ttl: Final = _TTL.pack_into


class CachedResponse:
    """One answer, ready to be sent after any id."""

    __slots__ = (
        "_age",
        "_cached",
        "_expires_at",
        "_stored_at",
        "_ttl_offsets",
        "body",
        "fresh_until",
        "is_block",
        "log_entry",
        "names",
        "size",
    )

    def __init__(
        self,
        body: bytes,
        log_entry: LogEntry,
        names: tuple[str, ...],
        *,
        expires_at: float,
        ttl_offsets: tuple[int, ...] = (),
        stored_at: float = 0.0,
        now: float = 0.0,
        cached: CachedMessage | None = None,
        is_block: bool = False,
    ) -> None:
        self.body = body
        self.size = len(body) + 2  # with an id before it
        self.log_entry = log_entry
        self.is_block = is_block  # a refusal: the room's lamp waits for it
        self.names = names  # every name it depends on, the one asked for first
        self._expires_at = expires_at
        self._ttl_offsets = ttl_offsets  # offsets within the body
        self._stored_at = stored_at  # when the times to live began to count down
        self._age = int(now - stored_at) if ttl_offsets else 0
        self._cached = cached
        self.fresh_until = min(stored_at + self._age + 1, expires_at) if ttl_offsets else expires_at

    def refresh_ttls(self, now: float) -> bool:
        """Count the times to live down to `now`. False: it may not be given any more."""
        if now >= self._expires_at:
            return False
        if self._cached is not None:
            self._cached.hits += 1
        if self._ttl_offsets:
            age = int(now - self._stored_at)
            older = age - self._age
            if older < 0:
                return False  # the clock was set back
            body = bytearray(self.body)
            for at in self._ttl_offsets:
                (ttl,) = _unpack_ttl(body, at)
                _pack_ttl(body, at, ttl - older if ttl > older else 0)
            self.body = bytes(body)
            self._age = age
            good_until = self._stored_at + age + 1
            self.fresh_until = min(self._expires_at, good_until)
        return True


class _ViewCache:
    """The answers of one view."""

    __slots__ = ("changed_names", "current", "previous", "safe_addresses", "view")

    def __init__(self, view: View) -> None:
        self.view = view  # held, so that its id() stays its own
        self.current: dict[bytes, CachedResponse] = {}
        self.previous: dict[bytes, CachedResponse] = {}
        self.safe_addresses: set[bytes] = set()
        self.changed_names: frozenset[str] = (
            frozenset()
        )  # names that a new policy changed since the previous ones were made


class PacketCache:
    """All cached responses of one worker."""

    def __init__(self, entries: int = MAX_ENTRIES) -> None:
        self._entries = entries
        self._by_view: dict[int, _ViewCache] = {}
        self._replaced: dict[int, _ViewCache] = {}
        self._changed_names: Sequence[str] | None = None

    def current_responses(self, view: View, before: View | None = None) -> dict[bytes, CachedResponse]:
        """Return the current responses of a view: the same dictionary for as long as the policy lasts.

        `before`: the view that the same device had under the policy before.
        """
        view_cache = self._by_view.get(id(view))
        if view_cache is None:
            view_cache = self._by_view[id(view)] = _ViewCache(view)
            older = self._replaced.get(id(before))
            if older is not None and self._changed_names is not None:
                view_cache.previous = older.current
                view_cache.changed_names = frozenset(self._changed_names)
        return view_cache.current

    def previous_responses(self, view: View) -> dict[bytes, CachedResponse]:
        """Return the answers of a view that `refresh_response` may bring back: the same dictionary, as long."""
        return self._by_view[id(view)].previous

    def safe_addresses(self, view: View) -> set[bytes]:
        """Return the addresses that a view was found to let pass for any name; it lives as long as the answers."""
        return self._by_view[id(view)].safe_addresses

    def refresh_response(self, view: View, key: bytes, now: float) -> CachedResponse | None:
        """Return a kept answer that may be given now, its times to live counted down, or None."""
        view_cache = self._by_view[id(view)]
        response = view_cache.current.get(key)
        if response is not None:
            if now < response.fresh_until or response.refresh_ttls(now):
                return response
            del view_cache.current[key]
            return None
        response = view_cache.previous.pop(key, None)
        if response is None or (
            view_cache.changed_names and _depends_on(response.names, view_cache.changed_names)
        ):
            return None
        if now < response.fresh_until or response.refresh_ttls(now):
            self._store(view_cache, key, response)
            return response
        return None

    def store_response(self, view: View, key: bytes, response: CachedResponse) -> None:
        """Keep an answer."""
        view_cache = self._by_view.get(id(view))
        if view_cache is not None:  # it was asked under a policy that has been replaced since
            self._store(view_cache, key, response)

    def begin_policy_change(self, changed: Sequence[str] | None) -> None:
        """Prepare for a new policy, whose views are next given to `current_responses`; then `end_policy_change`.

        `changed`: names such that only they and their subdomains may have another verdict; None: everything.
        """
        self._replaced, self._by_view, self._changed_names = self._by_view, {}, changed

    def end_policy_change(self) -> None:
        """Forget the answers of views that no device has any more."""
        self._replaced = {}

    def clear(self) -> None:
        """Forget every answer."""
        for view_cache in self._by_view.values():
            view_cache.current.clear()
            view_cache.previous.clear()

    def __len__(self) -> int:
        return sum(len(view_cache.current) + len(view_cache.previous) for view_cache in self._by_view.values())

    def _store(self, view_cache: _ViewCache, key: bytes, response: CachedResponse) -> None:
        if len(view_cache.current) >= self._entries:
            # The dictionaries themselves stay: every device of the view holds them.
            view_cache.previous.clear()
            view_cache.previous.update(view_cache.current)
            view_cache.changed_names = frozenset()
            view_cache.current.clear()
        view_cache.current[key] = response


def _depends_on(names: tuple[str, ...], changed: frozenset[str]) -> bool:
    return any(parent in changed for name in names for parent in parents(name))
