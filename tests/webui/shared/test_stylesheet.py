"""The stylesheet holds what our pages use and little else, and its dark colours follow the browser's wish."""

import re

from webui.shared.logical_css import make_logical
from webui.shared.stylesheet import load_stylesheet, read_words, trim_stylesheet

CSS = """:root{--bs-body-bg:#fff;--bs-orange:#fa0}[data-bs-theme=dark]{--bs-body-bg:#000}
body{background:var(--bs-body-bg)}.btn,.nobody-has-this{color:red}.nobody-has-this .btn{color:blue}
.btn:not(.btn-check,.x1){margin:0}@media (min-width:1px){.nobody-has-this{color:red}}
@keyframes nobody-moves{to{top:0}}[data-bs-theme=dark] .btn{color:white}"""
WORDS = frozenset({"btn", "btn-check", "x1"})


def test_rules_for_classes_that_no_page_has_are_left_out() -> None:
    css = trim_stylesheet(CSS, WORDS)
    assert ".btn{color:red}" in css
    assert ".btn:not(.btn-check,.x1){margin:0}" in css
    assert "nobody" not in css


def test_variables_that_no_rule_uses_are_left_out() -> None:
    assert "--bs-orange" not in trim_stylesheet(CSS, WORDS)


def test_dark_colours_need_no_attribute() -> None:
    css = trim_stylesheet(CSS, WORDS)
    assert "@media (prefers-color-scheme:dark){:root{--bs-body-bg:#000}}" in css
    assert "@media (prefers-color-scheme:dark){:root .btn{color:white}}" in css
    assert "data-bs-theme=dark" not in css


def test_every_class_of_our_templates_that_bootstrap_knows_is_in_the_stylesheet() -> None:
    assert {"btn", "table-responsive", "visually-hidden"} <= read_words()
    css = load_stylesheet()
    for name in ("btn-outline-secondary", "table-responsive", "visually-hidden", "col-lg-6", "form-check-input"):
        assert re.search(rf"\.{name}\b", css), name


def test_the_stylesheet_is_a_fraction_of_bootstraps() -> None:
    assert len(load_stylesheet()) < 60_000


def test_the_stylesheet_serves_both_directions_of_writing() -> None:
    css = load_stylesheet().partition("/* From right to left")[0]
    assert "margin-inline-start:auto!important" in css
    assert not re.findall(r"(?:margin|padding|border)-(?:left|right)\b|(?<![\w-])(?:left|right) ?:", css)
    assert not re.findall(r"text-align: ?(?:left|right)", css)


def test_left_and_right_become_start_and_end_and_nothing_else_changes() -> None:
    made = make_logical(
        "padding:1px;padding-left:2px;border-top-right-radius:3px;left:auto;text-align:right!important"
    )
    assert made == (
        "padding:1px;padding-inline-start:2px;border-start-end-radius:3px;inset-inline-start:auto;"
        "text-align:end!important"
    )
    for same in ("background-position:right .75rem center", "--bs-left:1", "top:0;float:left", "transform:none"):
        assert make_logical(same) == same


def test_what_is_mirrored_by_hand_is_not_within_a_page_that_is_read_from_left_to_right() -> None:
    """A page that is not translated stands as it is in the frame of one that is read from right to left."""
    by_hand = re.findall(r"^(\[dir=rtl\].*?) \{", load_stylesheet(), re.MULTILINE)
    assert len(by_hand) >= 4
    assert [one for one in by_hand if not one.endswith(":not([dir=ltr] *)")] == []
