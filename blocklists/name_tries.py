"""The names of an index: one trie of reversed keys, or several, each of a range of the sorted keys.

While marisa builds a trie it holds about 110 bytes for each key, 550 MB for five million. So there are never more
than `MOST_KEYS` in one: whoever compiles holds those, and what is finished, however many names there are.

A cut never parts a listed name from what is listed under it, so that all listed parents of a name stand in one
trie, which is found by the first keys of all. Only what stands under one listed name may therefore grow longer.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from typing import Any

import marisa_trie

MOST_KEYS = 1_700_000  # about 190 MB while a trie is built; five million names are three tries


class NameTries:
    """Tries that are asked like one. The ids of their keys count on from trie to trie."""

    prefixes: Callable[[str], list[str]]  # the listed parents of a key

    def __init__(self, tries: Sequence[Any]) -> None:
        """Take at least one trie, in the order of their keys; only the first may be empty."""
        self.tries = tuple(tries)
        # The place of a key's trie is `bisect_right(firsts, key)`; `begins`: the ids of each, and the end of all.
        self.firsts = [next(trie.iterkeys(), "") for trie in tries[1:]]
        self.begins = list(accumulate(map(len, tries), initial=0))
        # Called for every name on first sight: where there is one trie, nothing stands between.
        self.prefixes = self._prefixes if self.firsts else tries[0].prefixes

    def __len__(self) -> int:
        return self.begins[-1]

    def iteritems(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield the keys that begin with a text, sorted, with their ids."""
        at = bisect_right(self.firsts, prefix)
        for trie, begin in zip(self.tries[at:], self.begins[at:-1], strict=True):
            for key, number in trie.iteritems(prefix):
                yield key, begin + number

    def by_id(self, values: Iterable[int]) -> "array[int]":
        """Return the values of the sorted keys in the order of the keys' ids."""
        ordered = array("I", bytes(4 * len(self)))
        items = chain.from_iterable(
            zip(trie.iteritems(), repeat(begin)) for trie, begin in zip(self.tries, self.begins, strict=False)
        )
        for value, ((_, number), begin) in zip(values, items, strict=True):
            ordered[begin + number] = value
        return ordered

    def _prefixes(self, key: str) -> list[str]:
        found: list[str] = self.tries[bisect_right(self.firsts, key)].prefixes(key)
        return found


def make_tries(keys: Iterable[str], expected: int, most: int = MOST_KEYS) -> NameTries:
    """Build the tries of sorted keys, of which no more than an expected number comes.

    Two nested tries instead of marisa's three: a listed name is found sooner, for 2 % more bytes. Where the keys
    are cut there are three, which gives back what the cuts take.
    """
    nested = 2 if expected <= most else 3
    pieces = _Pieces(keys, most)
    tries = [_make_trie(pieces.take(), nested)]
    while not pieces.are_over:
        tries.append(_make_trie(pieces.take(), nested))
    return NameTries(tries)


def map_tries(section: memoryview, begins: Sequence[int]) -> NameTries:
    """Open tries where they lie, each from one place to the next. Raises RuntimeError or ValueError.

    Their pages are shared with every process that has mapped the same file.
    """
    ends = (*begins[1:], len(section))
    return NameTries([marisa_trie.Trie().map(section[begin:end]) for begin, end in zip(begins, ends, strict=True)])


def _make_trie(keys: Iterable[str], nested: int) -> Any:
    # In label order: going through the trie gives the keys sorted.
    return marisa_trie.Trie(keys, order=marisa_trie.LABEL_ORDER, num_tries=nested)


class _Pieces:
    """Cuts sorted keys into pieces without holding them."""

    def __init__(self, keys: Iterable[str], most: int) -> None:
        self._keys = iter(keys)
        self._most = most
        self._next = next(self._keys, None)

    @property
    def are_over(self) -> bool:
        """Whether all keys were taken."""
        return self._next is None

    def take(self) -> Iterator[str]:
        """Yield the keys of one piece."""
        if self._next is None:
            return
        yield self._next
        above = self._next
        for taken, key in enumerate(self._keys, 1):
            if not key.startswith(above):
                if taken >= self._most:
                    self._next = key
                    return
                above = key
            yield key
        self._next = None
