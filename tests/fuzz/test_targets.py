"""Every target of the fuzzer, with the inputs it begins with and those that it once found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

FOUND: list[tuple[str, str]] = []  # target, input in hexadecimal


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_bears_the_inputs_it_begins_with(target: str) -> None:
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_target_bears_damaged_inputs(target: str, data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(list(seeds(target)))))
    for at in data.draw(st.lists(st.integers(0, max(len(whole) - 1, 0)), max_size=4)):
        whole[at] = data.draw(st.integers(0, 255))
    TARGETS[target](bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_what_was_found_once_stays_mended() -> None:
    for target, data in FOUND:
        TARGETS[target](bytes.fromhex(data))
