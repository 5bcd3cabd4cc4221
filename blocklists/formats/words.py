"""Several names on one line: the good ones count, and each bad one is reported.

What every hosts file carries for the machine itself is left out without a word.
"""

from collections.abc import Callable, Iterable

from blocklists.entries import BadWord, Item, NameEntry
from blocklists.errors import NotUnderstood
from blocklists.formats.text import HOSTS_FILE_NAMES


def parse_words(words: Iterable[str], entry: Callable[[str], NameEntry]) -> tuple[Item, ...]:
    """Return an entry for each word. Raises NotUnderstood where not one of them is a name."""
    items: list[Item] = []
    first: NotUnderstood | None = None
    for word in words:
        if word.strip(".").lower() in HOSTS_FILE_NAMES:
            continue
        try:
            items.append(entry(word))
        except NotUnderstood as reason:
            first = first or reason
            items.append(BadWord(str(reason), word))
    if first is not None and all(isinstance(item, BadWord) for item in items):
        raise first
    return tuple(items)
