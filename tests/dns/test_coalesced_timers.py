"""Pauses that are due together end together, and none is longer than was asked for."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dns import coalesced_timers
from dns.coalesced_timers import next_moment, sleep_coalesced, timeout_coalesced
from tests.fakes.dns_client import run


@given(st.floats(0, 1e7), st.sampled_from([0.25, 1.0, 2.0, 5.0, 20.0]))
def test_a_pause_is_no_longer_than_its_period_but_for_a_moment_and_ends_at_a_multiple_of_it(
    now: float, seconds: float
) -> None:
    at = next_moment(now, seconds)
    assert coalesced_timers._EARLY_SECONDS * 0.99 < at - now <= seconds + coalesced_timers._EARLY_SECONDS
    assert abs(at / seconds - round(at / seconds)) * seconds < 1e-6


def test_pauses_of_several_periods_end_at_the_same_moments() -> None:
    assert {next_moment(101.3, seconds) for seconds in (0.25, 1.0)} == {101.5, 102.0}
    assert next_moment(104.1, 5.0) == next_moment(104.9, 1.0) == next_moment(104.8, 0.25) == 105.0


def test_who_is_woken_a_little_early_does_not_pause_for_nothing() -> None:
    assert next_moment(104.9995, 1.0) == 106.0


def test_sleeping_and_waiting_end_when_they_should() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await sleep_coalesced(0.02)
        assert loop.time() >= next_moment(began, 0.02) - 0.001
        limit = timeout_coalesced(0.02)
        try:
            async with limit:
                await asyncio.Event().wait()
        except TimeoutError:
            assert limit.expired()
        assert timeout_coalesced(None).when() is None

    run(story())
