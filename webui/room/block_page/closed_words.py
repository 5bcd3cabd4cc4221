"""Why something was closed, in a few words for a pupil: the kind alone, never the site."""

from collections.abc import Iterable

from appliance.room.incidents.pupil_reports import ClosedCategory
from blocklists.categories import CATEGORIES_BY_ID
from dns.policy.verdict import Step
from webui.shared.translation import translatable, translate

_STEP_WORDS = {
    Step.SUSPENDED: translatable("This device has no internet for a while"),
    Step.PAUSED: translatable("The room is paused"),
    Step.LESSON: translatable("Not part of the lesson"),
    Step.SAFE_SEARCH: translatable("A search engine without safe search"),
}
_OTHERWISE = translatable("Closed by the school")


def describe_closed(found: Iterable[ClosedCategory]) -> list[str]:
    """Return the words for what was closed, each once."""
    return list(dict.fromkeys(translate(_describe(one)) for one in found))


def _describe(one: ClosedCategory) -> str:
    category = CATEGORIES_BY_ID.get(one.category)
    if category is not None:
        return category.name
    try:
        return _STEP_WORDS.get(Step(one.step), _OTHERWISE)
    except ValueError:  # a step of another version
        return _OTHERWISE
