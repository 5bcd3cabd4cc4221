"""Names that no list can close are told quickly, and as a plain reading of their names tells them."""

from hypothesis import given
from hypothesis import strategies as st

from blocklists.never_block import NeverBlockNames, never_block_names
from dns.message.names import is_under

NAMES = st.lists(st.sampled_from(["a", "b", "a-b", "co", "uk"]), min_size=1, max_size=4).map(".".join)


@given(protected=st.sets(NAMES, max_size=6), name=NAMES)
def test_a_name_is_covered_where_it_or_a_parent_is_among_them(protected: set[str], name: str) -> None:
    assert NeverBlockNames(protected).covers(name) == any(is_under(name, one) for one in protected)


def test_every_name_of_ours_is_covered_with_what_is_under_it() -> None:
    names = never_block_names()
    covered = NeverBlockNames(names).covers
    assert [name for name in names if not (covered(name) and covered(f"www.{name}"))] == []
    assert [name for name in names if covered(f"{name}.example") or covered(f"not-{name}x")] == []
