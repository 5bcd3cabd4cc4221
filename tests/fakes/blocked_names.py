"""Lists as a dictionary: what stands at a name closes it and its subdomains."""

from collections.abc import Mapping

from dns.message import names
from dns.policy.verdict import Closing


class FakeClosedNames:
    """Implements `dns.policy.verdict.ClosedNames` from a mapping of names to one category or several."""

    def __init__(
        self, closed: Mapping[str, str | tuple[str, ...]] | None = None, *, version: str = "fake"
    ) -> None:
        self.closed = dict(closed or {})
        self.version = version

    def closings(self, name: str, qtype: int = 1) -> tuple[Closing, ...]:
        """Return the closings of every listed parent, the longest first."""
        return tuple(
            Closing(category, f"list-of-{category}", parent)
            for parent in names.parents(name)
            for category in self._categories(parent)
        )

    def _categories(self, name: str) -> tuple[str, ...]:
        found = self.closed.get(name, ())
        return (found,) if isinstance(found, str) else found
