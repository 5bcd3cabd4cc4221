"""No figure tells of fewer than five, neither by itself nor by what is left of a sum."""

import pytest

from appliance.central.small_cells import suppress_parts


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], []),
        ([0, 5, 9], [0, 5, 9]),
        ([4, 3, 9], [None, None, 9]),
        ([80, 12, 2], [80, None, None]),
        ([80, 12, 0, 2], [80, None, 0, None]),
        ([3], [None]),
        ([20, 3, 7], [20, None, None]),
        ([20, 3, 2], [20, None, None]),
        ([20, 0, 7], [20, 0, 7]),
    ],
)
def test_a_cell_under_five_is_hidden_and_never_alone(values: list[int], shown: list[int | None]) -> None:
    assert suppress_parts(values) == shown
