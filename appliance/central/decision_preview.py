"""What would really happen: whether a site is closed now, why, and whether opening it would open it.

The decision is made by the same code that decides in rooms, over the school's policy as it stands and the
published index, so that no page says "open" of what stays refused. What a room adds of its own (a lesson, a pause)
is not known here.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

from appliance.central import policies
from appliance.central.devices.groups import list_empty_groups
from appliance.central.errors import NotPossible
from appliance.central.models import UnblockRow
from appliance.central.site_names import checked_sites
from appliance.central.store import read_revisions
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
from dns.policy.view import CompiledView


class SitePreview(msgspec.Struct, frozen=True, kw_only=True):
    """One site, for one group, now and after it was opened."""

    is_closed: bool
    found: Explanation | None = None  # of what is now; None: for nobody
    would_open: bool
    why_not: str  # in words, where opening it would change nothing


class StillClosed(msgspec.Struct, frozen=True):
    """Those of an opening's names that stay closed all the same: nobody at the school can open them."""

    by_trust: list[str]
    locked: list[str]  # by the school itself, or because they lead past the filter


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
        """Say of a canonical name what is and what would be; for the first of `groups`, or the default one.

        It would open where it opens for each of the groups. `also` is what opens with it.
        """
        policy = self.current_policy(session)
        now = self._now().timestamp()
        empty = list_empty_groups(session) if groups else frozenset()
        if groups and empty.issuperset(groups):
            return _for_nobody(site, groups)
        views = _views(policy, groups)
        view = next((one for one in views if _stays_closed(one, site, now)), views[0])
        found = explain(view, site, 1, now)
        is_closed = found.verdict == Action.BLOCK.value
        is_final = is_closed and Step(found.step) in view.steps.unopenable
        # What is no site is not opened at all: whoever tries is told that, and not this.
        would_open = not is_final or bool(too_wide((name, "open") for name in (site, *also)))
        return SitePreview(
            is_closed=is_closed,
            found=found,
            would_open=would_open,
            why_not="" if would_open else _why_not(found),
        )

    def require_opening(
        self, session: Session, site: str, also: Iterable[str] = (), groups: tuple[str, ...] = (),
        outcome: str = "Nothing was opened",
    ) -> None:  # fmt: skip
        """Refuse to open a site where it, or a name that opens with it, would stay closed. Raises NotPossible."""
        why_not = self.preview_site(session, site, tuple(also), groups).why_not
        if why_not := why_not or self._find_closed_further(session, also, groups):
            raise NotPossible(f"{why_not.rstrip('.')}. {outcome}")

    def find_still_closed(self, session: Session, openings: Sequence[UnblockRow]) -> dict[int, StillClosed]:
        """Return those names of some openings, by their ids, that are closed for good meanwhile."""
        if not openings:
            return {}  # nobody's policy need be compiled for that
        policy, now = self.current_policy(session), self._now().timestamp()
        found = {}
        for one in openings:
            views = _views(policy, tuple(one.groups))
            closed = {
                name: view.decide(name, 1, now).step
                for name in (one.site, *one.also)
                for view in views
                if _stays_closed(view, name, now)
            }
            if closed:
                found[one.id] = StillClosed(
                    by_trust=[name for name, step in closed.items() if step is Step.TRUST],
                    locked=[name for name, step in closed.items() if step is not Step.TRUST],
                )
        return found

    def _find_closed_further(self, session: Session, also: Iterable[str], groups: tuple[str, ...]) -> str:
        """Return why a name that opens with a site would stay closed, in words; "" where none does."""
        views, now = _views(self.current_policy(session), groups), self._now().timestamp()
        closed = (
            _why_not(explain(view, name, 1, now))
            for name in checked_sites(also)
            for view in views
            if _stays_closed(view, name, now)
        )
        return next(closed, "")

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


def _views(policy: CompiledPolicy, groups: tuple[str, ...]) -> list[CompiledView]:
    """Return the views of some groups; of the default one where none is named, or none is known."""
    document = policy.document
    known = {one.name for one in document.groups}
    wanted = [one for one in groups if one in known] or [document.default_group]
    return [policy.view_for_group(one) for one in wanted]


def _stays_closed(view: CompiledView, name: str, now: float) -> bool:
    """Tell whether a canonical name is closed to a group whatever anybody at the school opens."""
    return view.decide(name, 1, now).step in view.steps.unopenable


def _why_not(found: Explanation) -> str:
    return f"{found.name} stays closed: {found.opens or _words(found)}"


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
