"""A teacher may type a name or paste an address: both name the site."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import InvalidName
from webui.room.form_fields import parse_full_site


@pytest.mark.parametrize(
    ("written", "site"),
    [
        ("example.org", "example.org"),
        (" Example.ORG. ", "example.org"),
        ("https://www.example.org/a/page?x=1#y", "www.example.org"),
        ("http://user@www.example.org:8080/", "www.example.org"),
        ("www.example.org/maps", "www.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_site_is_read_from_what_was_written(written: str, site: str) -> None:
    assert parse_full_site(written) == site


@pytest.mark.parametrize("written", ["", "   ", "https://", "com", "two words.example", "https://[::1"])
def test_what_names_no_site_is_refused(written: str) -> None:
    with pytest.raises(InvalidName):
        parse_full_site(written)


@given(st.text(max_size=80))
def test_nothing_that_is_typed_raises_anything_else(written: str) -> None:
    with contextlib.suppress(InvalidName):
        assert "." in parse_full_site(written)
