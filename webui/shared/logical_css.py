"""A stylesheet for both directions of writing: left and right become start and end (CSS Logical Properties 1).

For a page that is read from left to right, nothing changes; on one from right to left the same rules stand
mirrored. What has no such property that older browsers know (`float`, the picture in a field) is mirrored by hand
at the end of `static/hallpass.css`.
"""

import re

_PROPERTIES = {
    "margin-left": "margin-inline-start",
    "margin-right": "margin-inline-end",
    "padding-left": "padding-inline-start",
    "padding-right": "padding-inline-end",
    "left": "inset-inline-start",
    "right": "inset-inline-end",
    "border-left": "border-inline-start",
    "border-right": "border-inline-end",
    "border-left-color": "border-inline-start-color",
    "border-right-color": "border-inline-end-color",
    "border-left-width": "border-inline-start-width",
    "border-right-width": "border-inline-end-width",
    "border-top-left-radius": "border-start-start-radius",
    "border-top-right-radius": "border-start-end-radius",
    "border-bottom-left-radius": "border-end-start-radius",
    "border-bottom-right-radius": "border-end-end-radius",
}
_VALUES = {"left": "start", "right": "end"}  # of text-align
_PROPERTY = re.compile(r"(?<![\w-])([a-z-]*(?:left|right)[a-z-]*)(?=\s*:)")
_ALIGNED = re.compile(r"(?<![\w-])(text-align\s*:\s*)(left|right)\b")


def make_logical(declarations: str) -> str:
    """Return the declarations of a rule with start and end for left and right."""
    mirrored = _PROPERTY.sub(lambda found: _PROPERTIES.get(found[1], found[1]), declarations)
    return _ALIGNED.sub(lambda found: f"{found[1]}{_VALUES[found[2]]}", mirrored)
