"""What travels to the recorder is what the library would have packed."""

import operator
from collections import Counter
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from dns.packet_cache import Noted
from dns.querylog.codec import framed, replayed, row, timed, with_tails
from dns.querylog.codec import unpacked as row_of
from dns.querylog.records import Batch, FrameReader, QueryRecord, batch_decoder

texts = st.lists(st.text(max_size=300), min_size=8, max_size=8)
seconds = st.integers(0, 2**32)
types = st.integers(0, 65535)


def unpacked(records: list[bytes]) -> Batch:
    (body,) = FrameReader().feed(framed("worker", 7, records))
    return batch_decoder.decode(body)


@given(second=seconds, count=st.integers(1, 2**33), words=texts, qtype=types)
def test_replayed_answers_are_packed_as_the_library_would(
    second: int, count: int, words: list[str], qtype: int
) -> None:
    name, outcome, group, step, category, source, entry, device = words
    one = Noted(group, name, qtype, outcome, step, category, source, entry, 3)
    record = QueryRecord(second, device, group, name, qtype, outcome, step, category, source, entry, 3, count, 0.0)
    assert unpacked(replayed(second, device, Counter({one: count}))) == Batch("worker", 7, (record,))


@given(second=seconds, words=texts, qtype=types, times=st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_equal_answers_of_the_chain_become_one_record_with_the_sum_of_their_times(
    second: int, words: list[str], qtype: int, times: list[float]
) -> None:
    name, outcome, group, step, category, source, entry, device = words
    answers = [(Noted(group, name, qtype, outcome, step, category, source, entry), taken) for taken in times]
    spent = reduce(operator.add, times)  # one after the other; `sum` has been compensating since Python 3.12
    record = QueryRecord(
        second, device, group, name, qtype, outcome, step, category, source, entry, 0, len(times), spent
    )
    (tail,) = timed(answers)
    assert unpacked(with_tails(second, device, [tail])) == Batch("worker", 7, (record,))
    assert row_of(tail) == (row(answers[0][0]), len(times), spent)


def test_different_answers_stay_apart() -> None:
    names = ("a.example", "b.example", "a.example")
    answers = [(Noted("pupils", name, 1, "allowed", "default"), 2.0) for name in names]
    found = unpacked(with_tails(100, "192.0.2.1", timed(answers))).records
    assert [(one.name, one.count, one.milliseconds) for one in found] == [
        ("a.example", 2, 4.0),
        ("b.example", 1, 2.0),
    ]


def test_what_is_noted_has_the_fields_of_a_record_in_their_order() -> None:
    noted, record = list(Noted.__struct_fields__), list(QueryRecord.__struct_fields__)
    noted[noted.index("outcome")] = "verdict"  # what the log calls it
    assert noted == [*record[record.index("group") : record.index("rcode") + 1], "packed"]
