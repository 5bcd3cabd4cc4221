"""Regular expressions, one a line, with or without slashes around them (Pi-hole's regex lists).

Pi-hole's options after a semicolon: ``;querytype=A,AAAA`` is followed; a line with any other is passed over whole.
"""

import re
from collections.abc import Iterable

from blocklists.entries import Condition, Effect, Entry, Pattern
from blocklists.errors import NotUnderstood
from blocklists.formats.parser import Parser
from blocklists.formats.types import types_condition
from blocklists.patterns import checked

_LONGEST_LINE = 600
_OPTIONS = re.compile(r"(.*?)((?:;[a-z]+(?:=[^;]*)?)*)", re.IGNORECASE)


class Regexes(Parser):
    """One list of regular expressions."""

    def line(self, text: str) -> Iterable[Entry | Pattern]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if not text or text[0] in "!#;":
            return ()
        if len(text) > _LONGEST_LINE:
            raise NotUnderstood(f"a pattern longer than {_LONGEST_LINE} characters")
        effect = Effect.CLOSE
        if text.startswith("@@/"):
            text, effect = text[2:], Effect.OPEN
        if len(text) > 2 and text.startswith("/") and text.endswith("/"):
            return (Pattern(checked(text[1:-1]), effect, None, text),)
        match = _OPTIONS.fullmatch(text)
        if match is None:
            raise NotUnderstood("not a regular expression")
        return (Pattern(checked(match[1]), effect, _condition(match[2]), f"/{text}/"),)


def _condition(options: str) -> Condition | None:
    condition = None
    for option in options.split(";")[1:]:
        key, _, value = option.partition("=")
        if key.lower() != "querytype":
            raise NotUnderstood(f"the option {key[:20]!r} is not supported")
        if value.startswith("!"):
            condition = types_condition(["~" + name for name in value[1:].split(",")])
        else:
            condition = types_condition(value.split(","))
    return condition
