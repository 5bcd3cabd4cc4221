"""Names have one canonical form, and a key of which every parent is a prefix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import InvalidName
from dns.message.names import canonical, is_under, key_to_name, labels_to_text, name_to_key, parents

labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
names = st.lists(labels, min_size=1, max_size=6).map(".".join)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("  www.example.org ", "www.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_dmarc.example.org", "_dmarc.example.org"),
    ],
)
def test_what_people_write_becomes_canonical(written: str, name: str) -> None:
    assert canonical(written) == name


@pytest.mark.parametrize(
    "written", ["", ".", "a..b", "http://example.org", "exa mple.org", "a" * 64 + ".org", "a." * 130]
)
def test_what_is_no_name_is_refused_with_a_reason(written: str) -> None:
    with pytest.raises(InvalidName, match=r".+"):
        canonical(written)


@given(names)
def test_a_key_reads_back_as_its_name(name: str) -> None:
    assert key_to_name(name_to_key(name)) == name


@given(names, names)
def test_a_name_is_under_a_parent_exactly_when_the_key_begins_with_the_parents_key(name: str, parent: str) -> None:
    assert is_under(name, parent) == name_to_key(name).startswith(name_to_key(parent))


@given(names)
def test_a_name_is_under_each_of_its_parents(name: str) -> None:
    assert all(is_under(name, parent) for parent in parents(name))
    assert next(parents(name)) == name


@given(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=4).map(tuple))
def test_any_bytes_of_a_label_become_ascii_text_with_as_many_labels(wire: tuple[bytes, ...]) -> None:
    text = labels_to_text(wire)
    assert text.isascii()
    assert len(text.split(".")) == len(wire)


def test_a_dot_inside_a_label_is_not_taken_for_one_between_labels() -> None:
    assert labels_to_text((b"example.org",)) == r"example\046org"
