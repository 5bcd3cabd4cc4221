"""Every target of the fuzzer, with the inputs it begins with and those that it once found."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, strict

FOUND = [  # target, input in hexadecimal
    # dnslib raises an error of a family of its own for a label that it has read itself
    (
        "answering",
        "fe848000010001000000e9033330470462657473c011002900012000003c00620000000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000000600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000011002900012000003c0062000000000000000000000000000000000000000000000000000000000000000008000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000413c000000000000000000f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f73ff7f70000000000000000413c000000000000000000f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f73ff7f7f7f79b0000000000000001000000000004d0f7f7f7f7f7f70000f7f7f7f7f7f7f7000000000000000000000000003c",
    ),
    # an alias leads to a name whose labels the fake upstream could not read
    (
        "answering",
        "0c85800002000100010000c00c000500010000003c000b03777777046265748ac011c02a000900010000003c0004c0000203c01105fafffe00000258001d026e7bc011003c0004c0000203c011000600010000025800d3000d000000000004d0000000000006000f00020010",
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _strict() -> Iterator[None]:
    log = logging.getLogger("dns")
    before = (log.handlers, log.propagate)
    strict()
    yield
    log.handlers, log.propagate = before


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
