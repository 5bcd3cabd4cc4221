"""Lists as a dictionary: what stands at a name blocks it and its subdomains."""

from collections.abc import Mapping

from dns.message import names
from dns.policy.verdict import BlockEntry


class FakeBlocklist:
    """Implements `dns.policy.verdict.BlocklistLookup` from a mapping of names to one category or several."""

    def __init__(
        self, blocked: Mapping[str, str | tuple[str, ...]] | None = None, *, version: str = "fake"
    ) -> None:
        self.blocked = dict(blocked or {})
        self.version = version

    def find_block_entries(self, name: str, qtype: int = 1) -> tuple[BlockEntry, ...]:
        """Return the entries of every listed parent, the longest first."""
        return tuple(
            BlockEntry(category, f"list-of-{category}", parent)
            for parent in names.parents(name)
            for category in self._categories(parent)
        )

    def _categories(self, name: str) -> tuple[str, ...]:
        found = self.blocked.get(name, ())
        return (found,) if isinstance(found, str) else found
