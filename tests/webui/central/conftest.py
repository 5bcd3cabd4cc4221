from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD


@pytest.fixture
def cora(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("cora", "coordinator")
    with Browser(school.url) as browser:
        yield browser.sign_in("cora", PASSWORD)


@pytest.fixture
def lead(school: Any) -> Iterator[Browser]:
    """The safeguarding lead."""
    school.enrol("Room 4")
    school.account("lead", "safeguarding")
    with Browser(school.url) as browser:
        yield browser.sign_in("lead", PASSWORD)
