"""The one stylesheet of all pages: of Bootstrap what our templates use, then what we add, in light and in dark.

Bootstrap comes from Bootstrap-Flask's package and is read once, when the first page wants it. A rule stays where
every class in its selector is a word that stands somewhere in the sources of our pages; that keeps a little too
much, never too little. Bootstrap's dark colours follow the browser's wish (`prefers-color-scheme`) instead of an
attribute, so that they need no script. One stylesheet serves both directions of writing (`logical_css`).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import flask_bootstrap
import tinycss2
from tinycss2.ast import Node, QualifiedRule

from webui.shared.logical_css import make_logical

_PAGES = Path(__file__).parents[1]  # webui
_OURS = Path(__file__).parent / "static" / "hallpass.css"
_BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/css/bootstrap.min.css"
_SOURCES = (".html", ".py", ".js")
_WORD = re.compile(r"[A-Za-z][\w-]*")
_CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")
_DARK = "[data-bs-theme=dark]"
_AT_RULES_KEPT = {"media", "supports"}


@cache
def load_stylesheet() -> str:
    """Return the stylesheet of all pages."""
    return trim_stylesheet(_BOOTSTRAP.read_text(), read_words()) + _OURS.read_text()


@cache
def stylesheet_version() -> str:
    """Return what changes with the stylesheet."""
    digest = hashlib.sha256(_BOOTSTRAP.read_bytes() + _OURS.read_bytes())
    digest.update(" ".join(sorted(read_words())).encode())
    return digest.hexdigest()[:16]


@cache
def read_words() -> frozenset[str]:
    """Return every word of our pages' sources: whatever could be a class."""
    return frozenset(
        word
        for path in sorted(_PAGES.rglob("*"))
        if path.suffix in _SOURCES
        for word in _WORD.findall(path.read_text())
    )


def trim_stylesheet(css: str, words: frozenset[str]) -> str:
    """Return the rules of a stylesheet that pages with these classes can use."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    kept = "".join(_write_rules(rules, words))
    variables = frozenset(re.findall(r"var\((--[\w-]+)", kept)) | frozenset(
        re.findall(r"var\((--[\w-]+)", _OURS.read_text())
    )
    return re.sub(
        r"(--bs-[\w-]+):(?:[^;{}\"']|\"[^\"]*\"|'[^']*')*(?:;|(?=\}))",
        lambda found: found[0] if found[1] in variables else "",
        kept,
    )


def _write_rules(rules: Sequence[Node], words: frozenset[str]) -> Iterable[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            yield from _write_rule(rule, words)
        elif rule.type == "at-rule" and rule.lower_at_keyword in _AT_RULES_KEPT and rule.content is not None:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = "".join(_write_rules(inner, words))
            if body:
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{body}}}"
        elif rule.type == "at-rule" and tinycss2.serialize(rule.prelude).strip() in words:
            yield rule.serialize()  # an animation, by its name


def _write_rule(rule: QualifiedRule, words: frozenset[str]) -> Iterable[str]:
    selectors = [one.strip() for one in _split_selectors(tinycss2.serialize(rule.prelude))]
    used = [one for one in selectors if all(found in words for found in _CLASS.findall(one))]
    body = make_logical(tinycss2.serialize(rule.content))
    always = [one for one in used if _DARK not in one]
    if always:
        yield f"{','.join(always)}{{{body}}}"
    in_dark = [one.replace(_DARK, ":root") for one in used if _DARK in one]
    if in_dark:
        yield f"@media (prefers-color-scheme:dark){{{','.join(in_dark)}{{{body}}}}}"


def _split_selectors(prelude: str) -> list[str]:
    """Split at the commas that stand in no parentheses."""
    return re.split(r",(?![^(]*\))", prelude)
