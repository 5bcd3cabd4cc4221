"""The syntax of a list is recognised by what stands in it."""

import re

import pytest

from blocklists.errors import SourceUnusable
from blocklists.format_detection import detect_format
from blocklists.formats import FORMATS
from blocklists.formats.parser import LineShape, Parser


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["# hosts", "127.0.0.1 localhost", "0.0.0.0 a.example"], "hosts"),
        ([":: a.example", "::1 b.example"], "hosts"),
        (["a.example", "b.example"], "domains"),
        ([".a.example", "b.example"], "domains"),
        (["b\u00fccher.example"], "domains"),
        (["address=/a.example/#"], "dnsmasq"),
        (["server=/a.example/"], "dnsmasq"),
        (['local-zone: "a.example." always_nxdomain'], "unbound"),
        (["server:", '    local-zone: "a.example." refuse'], "unbound"),
        (["$TTL 60", "@ SOA a. b. (1 2 3 4 5)", "a.example CNAME ."], "rpz"),
        (["a.example 300 IN CNAME ."], "rpz"),
        (["||a.example^"], "adblock"),
        (["[Adblock Plus]", "! title"], "adblock"),
        (["! title", "||a.example^", "0.0.0.0 b.example", "c.example"], "adblock"),
        (["@@||a.example^$important"], "adblock"),
        (["||a.example^", *(f"n{at}.example" for at in range(40))], "adblock"),
        (["||a.example^", *(f"0.0.0.0 n{at}.example" for at in range(40))], "adblock"),
        (["||a.example^", *(f"n{at}.example" for at in range(200))], "domains"),
        (["*.a.example", "b.example"], "wildcards"),
        ([r"^ad[0-9]+\.", r"(^|\.)track\."], "regex"),
        ([], "domains"),
        (["# nothing"], "domains"),
    ],
)
def test_a_list_is_recognised(lines: list[str], name: str) -> None:
    assert detect_format(lines) == name


@pytest.mark.parametrize(
    "page",
    [
        ["<!DOCTYPE html>", "<html>"],
        ["", "  <html lang='en'>"],
        ["<head><title>404</title>"],
        ['<?xml version="1.0"?><!DOCTYPE html>'],
    ],
)
def test_a_web_page_is_refused(page: list[str]) -> None:
    with pytest.raises(SourceUnusable, match="web page"):
        detect_format(page)


def test_prose_is_refused() -> None:
    with pytest.raises(SourceUnusable, match="is no list"):
        detect_format(["This file has moved to another place", "please look there instead of here"])


def test_lines_too_long_to_keep_do_not_disturb() -> None:
    assert detect_format([None, "a.example", None]) == "domains"


class Yaml(Parser):
    """A format that nobody knew before."""

    line_shape = LineShape(pattern=re.compile(r"- \S+"), strictness=90, is_unmistakable=True)


def test_a_new_format_is_recognised_as_soon_as_it_stands_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["- a.example", "- b.example"]
    with pytest.raises(SourceUnusable):
        detect_format(lines)
    monkeypatch.setitem(FORMATS, "yaml", Yaml)
    assert detect_format(lines) == "yaml"
    assert detect_format(["a.example"]) == "domains"


def test_no_two_formats_are_equally_strict() -> None:
    strictness = [kind.line_shape.strictness for kind in FORMATS.values() if kind.line_shape is not None]
    assert len(set(strictness)) == len(strictness) == len(FORMATS) - 1  # squidGuard's lines look like bare names
