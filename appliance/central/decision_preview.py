"""What would really happen: whether a site is closed now, why, and whether opening it would open it.

The decision is made by the same code that decides in rooms, over the school's policy as it stands and the
published index, so that no page says "open" of what stays refused. What a room adds of its own (a lesson, a pause)
is not known here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

from appliance.central import policies
from appliance.central.devices.groups import list_empty_groups
from appliance.central.errors import NotPossible
from appliance.central.models import UnblockRow
from appliance.central.store import read_revisions
from appliance.central.trust_membership import find_membership
from blocklists.errors import ListError
from blocklists.index import Index, open_index
from blocklists.keywords import Keywords
from blocklists.search import MatchingEntry, match_entries
from blocklists.site_bundles import needed_by
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import PolicyDocument
from dns.policy.explain import Explanation, explain
from dns.policy.site_names import too_wide
from dns.policy.verdict import Action, BlockEntry, BlocklistLookup, Step


class SitePreview(msgspec.Struct, frozen=True, kw_only=True):
    """One site, for one group, now and after it was opened."""

    is_closed: bool
    found: Explanation | None = None  # of what is now; None: for nobody
    would_open: bool
    why_not: str  # in words, where opening it would change nothing


class DecisionPreview:
    """Looks ahead. Keeps the compiled policy for as long as school and index stay the same.

    It knows no devices: to make ten thousand of them ready after each change took most of a preview's time.
    """

    def __init__(self, find_index: Callable[[str], Path | None], now: Callable[[], datetime]) -> None:
        """`find_index` returns the file of a published index, by its version."""
        self._find_index = find_index
        self._now = now
        self._key: tuple[str, int] | None = None  # of the database: its epoch, and what last concerned every room
        self._policy: CompiledPolicy | None = None
        self._lists: BlocklistLookup = _NoLists()
        self._keywords = Keywords.load_builtin()

    def preview_site(
        self, session: Session, site: str, also: tuple[str, ...] = (), groups: tuple[str, ...] = ()
    ) -> SitePreview:
        """Say of a canonical name what is and what would be; for the first of `groups`, or the default one."""
        policy = self.current_policy(session)
        now = self._now()
        document = policy.document
        group = next((one for one in groups if one in {known.name for known in document.groups}), "")
        group = group or document.default_group
        empty = list_empty_groups(session) if groups else frozenset()
        if groups and empty.issuperset(groups):
            return _for_nobody(site, groups)
        view = policy.view_for_group(group)
        found = explain(view, site, 1, now.timestamp())
        is_closed = found.verdict == Action.BLOCK.value
        is_final = is_closed and Step(found.step) in view.steps.unopenable
        # What is no site is not opened at all: whoever tries is told that, and not this.
        would_open = not is_final or bool(too_wide((name, "open") for name in (site, *also)))
        return SitePreview(
            is_closed=is_closed,
            found=found,
            would_open=would_open,
            why_not="" if would_open else f"{site} stays closed: {found.opens or _words(found)}",
        )

    def require_opening(
        self, session: Session, site: str, also: Iterable[str] = (), groups: tuple[str, ...] = ()
    ) -> None:
        """Refuse to open a canonical name that would stay closed all the same. Raises NotPossible."""
        if why_not := self.preview_site(session, site, tuple(also), groups).why_not:
            raise NotPossible(f"{why_not.rstrip('.')}. Nothing was opened")

    def find_closed_by_trust(self, session: Session, openings: Iterable[UnblockRow]) -> dict[int, list[str]]:
        """Return those names of some openings, by their ids, that the trust keeps closed all the same."""
        if find_membership(session) is None:
            return {}
        policy, now = self.current_policy(session), self._now().timestamp()
        view = policy.view_for_group(policy.document.default_group)
        found = {}
        for one in openings:
            closed = [name for name in (one.site, *one.also) if view.decide(name, 1, now).step is Step.TRUST]
            if closed:
                found[one.id] = closed
        return found

    def compile_document(self, session: Session, document: PolicyDocument) -> CompiledPolicy:
        """Return a policy as it would be, over the lists of now. Raises PolicyInvalid."""
        self.current_policy(session)
        return CompiledPolicy(document, self._lists, self._keywords, needed_names=needed_by)

    def current_policy(self, session: Session) -> CompiledPolicy:
        """Return the school's policy as it stands: what each group gets, without the devices that it has."""
        revisions = read_revisions(session)
        key = (revisions.epoch, revisions.school)
        if self._policy is None or key != self._key:
            school = policies.read_school_policy(session, with_devices=False)
            published = policies.latest_publication(session)
            self._lists = self._open_lists(published.hash if published is not None else "")
            self._policy = CompiledPolicy(school.document, self._lists, self._keywords, needed_names=needed_by)
            self._key = key
        return self._policy

    def search_lists(self, session: Session, name: str) -> tuple[MatchingEntry, ...]:
        """Return every entry of the published lists that touches a canonical name."""
        self.current_policy(session)
        return match_entries(self._lists, name) if isinstance(self._lists, Index) else ()

    def _open_lists(self, version: str) -> BlocklistLookup:
        path = self._find_index(version) if version else None
        try:
            return open_index(path.parent) if path is not None else _NoLists()
        except (ListError, OSError):
            return _NoLists()  # rooms will say that it is damaged; rules can be looked at all the same


def _for_nobody(site: str, groups: tuple[str, ...]) -> SitePreview:
    return SitePreview(
        is_closed=True,
        would_open=False,
        why_not=(
            f"{site} would open for nobody: no device belongs to {' or '.join(groups)} yet. Put devices into it "
            "on the page Devices, or choose another group."
        ),
    )


class _NoLists:
    """While nothing is published."""

    version = ""

    def find_block_entries(self, name: str, qtype: int = 1) -> tuple[BlockEntry, ...]:  # noqa: ARG002 (a protocol)
        return ()


def _words(explanation: Explanation) -> str:
    return next((step.text for step in explanation.steps if step.wins), "")
