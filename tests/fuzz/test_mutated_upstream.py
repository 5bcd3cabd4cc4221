"""An upstream whose answers are mutated takes no name away and puts nothing wrong into memory."""

import pytest

from tests.fakes.dns_client import run
from tests.fuzz.mutated_upstream import TOGETHER, MutationRun


@pytest.mark.parametrize("seed", range(4))
def test_beside_two_good_servers_every_name_is_answered_and_nothing_wrong_is_remembered(seed: int) -> None:
    made = MutationRun(seed)
    run(made.run(names=6 * TOGETHER))
    assert made.wrong == []
    assert made.asked == 6 * TOGETHER
    assert made.mutated >= 20
    assert made.cache.used_bytes <= 1 << 20
