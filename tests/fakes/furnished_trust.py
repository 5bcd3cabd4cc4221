"""A trust with something on every page, with words as long as they may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from appliance.central import script_keys
from appliance.rights import TRUST_SCRIPT_RIGHTS
from appliance.trust import entries, schools
from tests.fakes.trust import FakeTrust

LONG = "Llanfairpwllgwyngyll" * 25  # 500 characters without a place to break
NUMBERS: dict[str, Any] = {
    "version": "0.1.0", "timezone": "Europe/London", "rooms": 30, "rooms_in_step": 29, "rooms_silent": 1,
    "answers": 1_000_000, "refused": 20_000, "refused_by_category": [{"category": "games", "refused": 9000}],
    "requests_waiting": None, "incidents_open": 0, "lists_built_at": "2026-11-27T05:00:00Z", "document": "",
}  # fmt: skip


class FurnishedTrust(FakeTrust):
    """Schools in every state, something of every kind laid down, something taken back."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for username in ("cora", "trust_administrator"):  # the second: whoever looks at pages (every_page.py)
            self.account(username)
        self.call("PUT", "numbers", self.enrol(LONG[:100]), NUMBERS)
        self.enrol("School Two")
        self.register("School Three")
        self.invite("School Three")
        self.lay_down("category", category="gambling")
        self.lay_down("name", LONG[:100], name=".".join(["x" * 60] * 3 + ["example.org"]), note=LONG[:200])
        self.lay_down("open", name="help.example.org")
        self.lay_down("rule", name="example.org", action="allow")
        self.lay_down("source", name="ours", category="games", location="https://lists.example.org/ours.txt")
        ended = self.lay_down("category", category="games")
        with self.store.write_session() as session:
            entries.end_entry(session, self.clock(), entry_id=ended, by="cora")
            script_keys.add_key(
                session, self.clock(), name=LONG[:24], owner="cora", rights=TRUST_SCRIPT_RIGHTS,
                ends=self.clock() + timedelta(days=30), by="cora",
            )  # fmt: skip
            school_id = schools.require_school(session, LONG[:100]).id
        self.arguments: dict[str, object] = {
            "school_id": school_id, "kind": "name", "how": "retire", "username": "cora", "handle": "0" * 16,
            "token": "0" * 43,
        }  # fmt: skip


@contextmanager
def furnished_trust(folder: Path) -> Iterator[FurnishedTrust]:
    """Yield a trust."""
    made = FurnishedTrust(folder)
    try:
        yield made
    finally:
        made.close()
