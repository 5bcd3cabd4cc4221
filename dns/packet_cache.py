"""Finished answers, kept to be given again byte for byte, apart from the id and the times to live.

Answers are kept for each view apart: by the packet without its id, so whatever an asker may say in a query (case
of the name, EDNS, flags) is part of the key, and nothing has to be parsed to find an answer again. What depends on
the asker beyond that (a cookie) is never kept.

- `Finished.good_until` is the moment until which the bytes may be sent as they are: at most a second, because
  times to live count down. `revive` renders them anew, half a microsecond once a second for each entry.
- An answer is kept no longer than what it was made of: the verdict, the next change of the policy by time alone,
  the record cache's entry; and of that only until it is due to be renewed, which is the chain's business.
- For each view there are a hot and a cold generation, of `ENTRIES` each: when the hot one is full it becomes the
  cold one, and what is still asked for moves back. Nothing is paid for this on the fast path.
- A new policy says which names it changed. Entries then count as cold and *suspect*: one that depends on a
  changed name is not brought back. A policy that cannot tell changes everything.
"""

import struct
from collections.abc import Sequence

import msgspec

from dns.cache import Cached
from dns.message.names import parents
from dns.policy.verdict import View

ENTRIES = 32768

_TTL = struct.Struct("!I")
_unpack_ttl, _pack_ttl = _TTL.unpack_from, _TTL.pack_into  # looked up once: see `Finished.renew`


class Noted(msgspec.Struct, gc=False, eq=False, array_like=True):
    """What the query log says of an answer, whoever gets it. Compared by identity: counting is then cheapest.

    Its fields are those of a `dns.querylog.records.QueryRecord` from `group` to `rcode`, in that order:
    `dns.querylog.codec` relies on it.
    """

    group: str
    name: str
    qtype: int
    outcome: str
    step: str = ""
    category: str = ""
    source: str = ""
    entry: str = ""
    rcode: int = 0
    packed: bytes = b""  # as it travels to the recorder; made once, by `dns.querylog.codec`


class Finished:
    """One answer, ready to be sent after any id."""

    __slots__ = ("_age", "_cached", "_stored", "_ttls", "_until", "body", "good_until", "names", "noted", "size")

    def __init__(
        self,
        body: bytes,
        noted: Noted,
        names: tuple[str, ...],
        *,
        until: float,
        ttls: tuple[int, ...] = (),
        stored: float = 0.0,
        now: float = 0.0,
        cached: Cached | None = None,
    ) -> None:
        self.body = body
        self.size = len(body)
        self.noted = noted
        self.names = names  # every name it depends on, the one asked for first
        self._until = until
        self._ttls = ttls  # offsets within the body
        self._stored = stored  # when the times to live began to count down
        self._age = int(now - stored) if ttls else 0
        self._cached = cached
        self.good_until = min(stored + self._age + 1, until) if ttls else until

    def renew(self, now: float) -> bool:
        """Count the times to live down to `now`. False: it may not be given any more."""
        if now >= self._until:
            return False
        if self._cached is not None:
            self._cached.hits += 1
        if self._ttls:
            age = int(now - self._stored)
            older = age - self._age
            if older < 0:
                return False  # the clock was set back
            body = bytearray(self.body)
            for at in self._ttls:
                (ttl,) = _unpack_ttl(body, at)
                _pack_ttl(body, at, ttl - older if ttl > older else 0)
            self.body = bytes(body)
            self._age = age
            good_until = self._stored + age + 1
            self.good_until = min(self._until, good_until)
        return True


class _Shelf:
    """The answers of one view."""

    __slots__ = ("cold", "harmless", "hot", "suspects", "view")

    def __init__(self, view: View) -> None:
        self.view = view  # held, so that its id() stays its own
        self.hot: dict[bytes, Finished] = {}
        self.cold: dict[bytes, Finished] = {}
        self.harmless: set[bytes] = set()
        self.suspects: frozenset[str] = (
            frozenset()
        )  # names that a new policy changed since the cold ones were made


class Replay:
    """All finished answers of one worker."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._shelves: dict[int, _Shelf] = {}
        self._older: dict[int, _Shelf] = {}
        self._changed: Sequence[str] | None = None

    def answers(self, view: View, before: View | None = None) -> dict[bytes, Finished]:
        """Return the hot answers of a view: the same dictionary for as long as the policy lasts.

        `before`: the view that the same device had under the policy before.
        """
        shelf = self._shelves.get(id(view))
        if shelf is None:
            shelf = self._shelves[id(view)] = _Shelf(view)
            older = self._older.get(id(before))
            if older is not None and self._changed is not None:
                shelf.cold = older.hot
                shelf.suspects = frozenset(self._changed)
        return shelf.hot

    def cold(self, view: View) -> dict[bytes, Finished]:
        """Return the answers of a view that `revive` may bring back: the same dictionary, as long."""
        return self._shelves[id(view)].cold

    def harmless(self, view: View) -> set[bytes]:
        """Return the addresses that a view was found to let pass for any name; it lives as long as the answers."""
        return self._shelves[id(view)].harmless

    def revive(self, view: View, key: bytes, now: float) -> Finished | None:
        """Return a kept answer that may be given now, its times to live counted down, or None."""
        shelf = self._shelves[id(view)]
        finished = shelf.hot.get(key)
        if finished is not None:
            if now < finished.good_until or finished.renew(now):
                return finished
            del shelf.hot[key]
            return None
        finished = shelf.cold.pop(key, None)
        if finished is None or (shelf.suspects and _touches(finished.names, shelf.suspects)):
            return None
        if now < finished.good_until or finished.renew(now):
            self._keep(shelf, key, finished)
            return finished
        return None

    def keep(self, view: View, key: bytes, finished: Finished) -> None:
        """Keep an answer."""
        shelf = self._shelves.get(id(view))
        if shelf is not None:  # it was asked under a policy that has been replaced since
            self._keep(shelf, key, finished)

    def swap(self, changed: Sequence[str] | None) -> None:
        """Prepare for a new policy, whose views are asked for next with `answers`; then comes `settle`.

        `changed`: names such that only they and their subdomains may have another verdict; None: everything.
        """
        self._older, self._shelves, self._changed = self._shelves, {}, changed

    def settle(self) -> None:
        """Forget the answers of views that no device has any more."""
        self._older = {}

    def clear(self) -> None:
        """Forget every answer."""
        for shelf in self._shelves.values():
            shelf.hot.clear()
            shelf.cold.clear()

    def __len__(self) -> int:
        return sum(len(shelf.hot) + len(shelf.cold) for shelf in self._shelves.values())

    def _keep(self, shelf: _Shelf, key: bytes, finished: Finished) -> None:
        if len(shelf.hot) >= self._entries:
            # The dictionaries themselves stay: every device of the view holds them.
            shelf.cold.clear()
            shelf.cold.update(shelf.hot)
            shelf.suspects = frozenset()
            shelf.hot.clear()
        shelf.hot[key] = finished


def _touches(names: tuple[str, ...], changed: frozenset[str]) -> bool:
    return any(parent in changed for name in names for parent in parents(name))
