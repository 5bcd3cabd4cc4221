"""A school and a room of it, real processes, for the tests of one file."""

from collections.abc import Iterator

import pytest

from tests.e2e.school import Room, School


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    with School() as one:
        yield one


@pytest.fixture(scope="module")
def room(school: School) -> Room:
    one = school.room("Room 4")
    one.wait_until_answering()
    return one
