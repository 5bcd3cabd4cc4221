"""What nobody is asked about in front of a class: self-harm, abuse, sexual health.

A pupil who met such a site may need help, and no teacher should read its name from a screen that a class sees. So
pages for pupils never name its category, and "ask my teacher" is not offered for it; "tell a grown-up" is, which
goes to the safeguarding lead. Told by every category that a list, a word or a rule has the name in, by words in
the name itself, and by the help lines of `blocklists.education`: one may be closed as a chat. Rather too often.
"""

import re
from collections.abc import Iterable
from functools import cache

from blocklists.education import load_education_sites

_IN_CATEGORY = re.compile(
    r"self.?harm|suicid|eating.?disorder|(?<!substance.)(?<!drug.)abuse|grooming|sex|porn|adult|abortion|pregnan"
)
_IN_NAME = re.compile(
    r"self-?(?:harm|injur)|suicid|samaritan|childline|anorexi|bulimi|eating-?disorder|thinsp|pro-?ana\b|sexual"
    r"|contracept|pregnan|abortion|child-?abuse|\b(?:abuse|rape|incest|grooming|sex|porn)"
)


def is_unspoken(name: str, categories: Iterable[str] = ()) -> bool:
    """Tell whether a canonical name, or a category that it is in, must not be spoken of to a class."""
    return (
        any(_IN_CATEGORY.search(one.lower()) for one in categories)
        or _IN_NAME.search(name) is not None
        or _is_help(name)
    )


def _is_help(name: str) -> bool:
    labels = name.split(".")
    return not _help_names().isdisjoint(".".join(labels[at:]) for at in range(len(labels)))


@cache
def _help_names() -> frozenset[str]:
    return frozenset(name for site in load_education_sites() if site.subject == "help" for name in site.names)
