"""The lists that the school subscribes to."""

from typing import Any

import msgspec

from appliance.central import audit, policies
from appliance.central.errors import NotFound
from appliance.central.lists import copies, set_subscription, source_use, sources
from appliance.central.models import SourceRow
from appliance.script_interface import lists
from blocklists.catalogue import load_catalogue
from blocklists.errors import ListError
from webui.api.school.call import SchoolCall, Shaped


def list_school_lists(call: SchoolCall) -> Any:
    """Return the school's lists."""
    subscribed = sources.list_sources(call.session)
    found, published = call.central.publisher.read_copies(subscribed), policies.latest_publication(call.session)
    return {
        "lists": [_list(one, found[one.name]) for one in subscribed],
        "uses_builtin": source_use.has_builtin_list(call.session),
        "published": published.hash if published is not None else "",
    }


def add_school_list(call: SchoolCall, message: lists.NewList) -> None:
    """Subscribe to a list."""
    sources.subscribe_source(call.session, call.now, by=call.by, **msgspec.structs.asdict(message))
    call.build_lists()


def set_school_list_use(call: SchoolCall, message: lists.ListUse, list_id: int) -> Any:
    """Have a list close or open, and close whole endings or not."""
    row = sources.get_source(call.session, list_id)
    use = source_use.read_use(row)
    wide = use.allow_wide if message.allow_wide is None else message.allow_wide
    use = source_use.parse_use(message.action or use.action, wide)
    source_use.check_use(row, use)
    words = source_use.use_words(row, use)
    if call.is_preview:
        return {"words": words}
    done = source_use.set_use(call.session, call.now, source_id=row.id, use=use, by=call.by)
    return _changed(call, done, words)


def remove_school_list(call: SchoolCall, *, list_id: int) -> Any:
    """Subscribe to a list no longer."""
    done = sources.unsubscribe_source(call.session, call.now, source_id=list_id, by=call.by)
    return _changed(call, done, [])


def accept_list_download(call: SchoolCall, *, list_id: int) -> None:
    """Take a download into use that waits for somebody."""
    source = sources.get_source(call.session, list_id)
    call.central.publisher.accept_download(source)
    audit.record_audit(call.session, call.now, call.by, "download accepted", source.name)
    call.build_lists()


def refuse_list_download(call: SchoolCall, *, list_id: int) -> None:
    """Keep the copy in use."""
    source = sources.get_source(call.session, list_id)
    call.central.publisher.refuse_download(source)
    audit.record_audit(call.session, call.now, call.by, "download refused", source.name)


def set_builtin_list(call: SchoolCall, message: lists.BuiltinUse) -> Any:
    """Use the list that Hallpass brings, or use it no longer."""
    words = source_use.builtin_words(call.session, is_used=message.is_used)
    if call.is_preview:
        return {"words": words}
    done = source_use.set_builtin_list(call.session, call.now, is_used=message.is_used, by=call.by)
    return _changed(call, done, words)


def list_ready_sets(_call: SchoolCall) -> Any:
    """Return the ready-made sets."""
    return load_catalogue().sets


def add_ready_set(call: SchoolCall, message: lists.ChosenSet) -> Any:
    """Add a ready-made set."""
    try:
        chosen = load_catalogue().find_set(message.set)
    except ListError as problem:
        raise NotFound(str(problem)) from None
    added = set_subscription.subscribe_set(call.session, call.now, chosen=chosen, by=call.by)
    call.build_lists()
    return added


def build_school_lists(call: SchoolCall) -> None:
    """Have every list fetched and put together."""
    call.build_lists()


def _changed(call: SchoolCall, change: str, words: list[str]) -> Any:
    if change:
        call.build_lists()
    return {"change": change, "words": words}


def _list(row: SourceRow, copy: copies.SourceCopy) -> Shaped:
    return Shaped(
        row, location=_location(row), allow_wide=copies.is_wide(row.location, row.allow_wide),
        age_seconds=copy.age, failures=copy.failures, error=copy.error,
        held=copy.held.difference if copy.held is not None else None,
    )  # fmt: skip


def _location(row: SourceRow) -> str:
    """Return where a list is fetched from; of a file that was handed in nothing: it lies on central's own disk."""
    return row.location if "://" in row.location else ""
