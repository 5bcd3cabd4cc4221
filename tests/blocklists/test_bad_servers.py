"""A list server that misbehaves, in whatever way, costs no other list its update."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocklists.copies import NOT_UPDATED
from blocklists.fetcher import Fetcher
from blocklists.isolation import ProcessLimits
from blocklists.sources import Source
from tests.fakes.bad_lists import NAMES, bad_answers
from tests.fakes.list_server import ListServer, list_server, until_the_client_leaves

GOOD = b"".join(b"good%d.example\n" % at for at in range(50))
LIMITS = ProcessLimits(seconds=8.0, cpu_seconds=8)


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as running:
        yield running


def way_names() -> list[str]:
    with list_server() as unused:
        return [name for name, _, _ in bad_answers(unused)]


@pytest.mark.parametrize("way", way_names())
def test_no_misbehaviour_costs_another_list_its_update(way: str, server: ListServer, tmp_path: Path) -> None:
    now = 1_800_000_000.0
    bad = Source(name="bad", category="ads", location=f"{server.url}/bad")
    good = Source(name="good", category="ads", location=f"{server.url}/good")
    fetcher = Fetcher(tmp_path / "copies", lambda: now, limits=LIMITS, max_bytes=40_000_000)
    server.gives("/bad", NAMES)
    server.gives("/good", GOOD)
    assert [one.state for one in fetcher.fetch_sources([bad, good])] == ["new", "new"]

    answer, said = next((answer, said) for name, answer, said in bad_answers(server) if name == way)
    server.answers["/bad"] = until_the_client_leaves(answer)
    server.gives("/good", GOOD + b"newer.example\n")
    now += 3600
    outcomes = {one.source: one for one in fetcher.fetch_sources([bad, good])}
    assert outcomes["bad"].state in NOT_UPDATED
    assert re.search(said, outcomes["bad"].message), outcomes["bad"].message
    assert "\n" not in outcomes["bad"].message
    assert outcomes["bad"].age == 3600
    assert fetcher.locate_copy(bad).read_bytes() == NAMES
    assert outcomes["good"].state == "new"
    assert fetcher.locate_copy(good).read_bytes() == GOOD + b"newer.example\n"


def test_there_are_forty_ways_at_least() -> None:
    assert len(set(way_names())) >= 40


def test_a_server_that_asks_to_be_left_alone_is(server: ListServer, tmp_path: Path) -> None:
    now = 1_800_000_000.0
    fetcher = Fetcher(tmp_path / "copies", lambda: now)
    source = Source(name="busy", category="ads", location=f"{server.url}/busy")
    server.says("/busy", 429, Retry_After="3600")
    assert fetcher.fetch_source(source).state == "failed"
    now += 1800
    assert "asked again in 30 minutes" in fetcher.fetch_source(source).message
    assert len(server.requests) == 1
    server.gives("/busy", GOOD)
    now += 1801
    assert fetcher.fetch_source(source).state == "new"
