"""Which page of a list is shown."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.central.page_number import find_page

NUMBERS = st.integers(0, 10**6)


@given(wanted=st.integers(-(10**9), 10**9), count=NUMBERS, size=st.integers(1, 500))
def test_the_page_shown_is_one_that_there_is_and_all_rows_stand_on_pages(
    wanted: int, count: int, size: int
) -> None:
    page, pages = find_page(wanted, count, size)
    assert 1 <= page <= pages
    assert page == wanted or wanted < 1 or wanted > pages
    assert pages * size >= count
    assert pages == 1 or (pages - 1) * size < count
