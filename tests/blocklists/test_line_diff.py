"""What is found to differ between two texts is a true difference, wherever their lines stand."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import line_diff
from blocklists.line_diff import TooDifferent, iter_hunks

LINES = st.lists(st.sampled_from([b"alpha", b"beta", b"gamma", b"", b"#", b"delta\r", b"x" * 30]), max_size=30)


def lines_of(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n") if text else []


def rebuilt(old: bytes, new: bytes) -> list[bytes]:
    """Return the lines of the old text with every difference applied to them."""
    before, found, at = lines_of(old), [], 0
    for hunk in iter_hunks(io.BytesIO(old), io.BytesIO(new)):
        found += before[at : hunk.old_line - 1]
        at = hunk.old_line - 1 + len(hunk.removed)
        assert tuple(before[hunk.old_line - 1 : at]) == hunk.removed
        assert len(found) == hunk.new_line - 1
        found += hunk.added
    return found + before[at:]


@given(old=LINES, new=LINES, ends=st.tuples(st.booleans(), st.booleans()), block=st.integers(40, 80))
@settings(max_examples=150, deadline=None)
def test_the_old_text_with_what_differs_is_the_new_text(
    old: list[bytes], new: list[bytes], ends: tuple[bool, bool], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_BLOCK_BYTES", block), ("_LEAST_STEP", 3), ("_MOST_STEP", 9)):
            patch.setattr(line_diff, name, value)
        one, other = (b"\n".join(lines) + b"\n" * end for lines, end in zip((old, new), ends, strict=True))
        assert rebuilt(one, other) == lines_of(other)


def test_a_few_changes_in_a_long_text_are_a_few_lines() -> None:
    lines = [b"name%d.example" % at for at in range(50_000)]
    changed = [*lines[:7], b"new.example", *lines[8:30_000], *lines[30_002:], b"last.example"]
    found = list(iter_hunks(io.BytesIO(b"\n".join(lines)), io.BytesIO(b"\n".join(changed))))
    assert [(hunk.old_line, hunk.removed, hunk.new_line, hunk.added) for hunk in found] == [
        (8, (b"name7.example",), 8, (b"new.example",)),
        (30_001, (b"name30000.example", b"name30001.example"), 30_001, ()),
        (50_001, (), 49_999, (b"last.example",)),
    ]


@pytest.mark.parametrize(
    "new", [b"x" * 70_000 + b"\n", b"".join(b"other%d.example\n" % at for at in range(90_000))]
)
def test_a_text_that_is_no_version_of_the_other_is_not_compared_for_ever(new: bytes) -> None:
    old = b"".join(b"name%d.example\n" % at for at in range(90_000))
    with pytest.raises(TooDifferent):
        list(iter_hunks(io.BytesIO(old), io.BytesIO(new + old[:15] + b"y" * (1 << 20))))
