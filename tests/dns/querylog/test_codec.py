"""What travels to the recorder is what the library would have packed."""

import operator
from collections import Counter
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from dns.querylog.codec import pack_frame, pack_replayed, pack_timed, pack_with_tails, record_row
from dns.querylog.codec import unpack_tail as row_of
from dns.querylog.records import FrameReader, LogEntry, QueryRecord, RecordBatch, decode_batch

texts = st.lists(st.text(max_size=300), min_size=8, max_size=8)
seconds = st.integers(0, 2**32)
types = st.integers(0, 65535)


def unpacked(records: list[bytes]) -> RecordBatch:
    (body,) = FrameReader().feed(pack_frame("worker", 7, records))
    return decode_batch(body)


@given(second=seconds, count=st.integers(1, 2**33), words=texts, qtype=types)
def test_replayed_answers_are_packed_as_the_library_would(
    second: int, count: int, words: list[str], qtype: int
) -> None:
    name, outcome, group, step, category, source, entry, device = words
    one = LogEntry(group, name, qtype, outcome, step, category, source, entry, 3)
    record = QueryRecord(second, device, group, name, qtype, outcome, step, category, source, entry, 3, count, 0.0)
    assert unpacked(pack_replayed(second, device, Counter({one: count}))) == RecordBatch("worker", 7, (record,))


@given(second=seconds, words=texts, qtype=types, times=st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_equal_answers_of_the_chain_become_one_record_with_the_sum_of_their_times(
    second: int, words: list[str], qtype: int, times: list[float]
) -> None:
    name, outcome, group, step, category, source, entry, device = words
    answers = [(LogEntry(group, name, qtype, outcome, step, category, source, entry), taken) for taken in times]
    spent = reduce(operator.add, times)  # one after the other; `sum` has been compensating since Python 3.12
    record = QueryRecord(
        second, device, group, name, qtype, outcome, step, category, source, entry, 0, len(times), spent
    )
    (tail,) = pack_timed(answers)
    assert unpacked(pack_with_tails(second, device, [tail])) == RecordBatch("worker", 7, (record,))
    assert row_of(tail) == (record_row(answers[0][0]), len(times), spent)


def test_different_answers_stay_apart() -> None:
    names = ("a.example", "b.example", "a.example")
    answers = [(LogEntry("pupils", name, 1, "allowed", "default"), 2.0) for name in names]
    found = unpacked(pack_with_tails(100, "192.0.2.1", pack_timed(answers))).records
    assert [(one.name, one.count, one.milliseconds) for one in found] == [
        ("a.example", 2, 4.0),
        ("b.example", 1, 2.0),
    ]


def test_a_log_entry_has_the_fields_of_a_record_in_their_order() -> None:
    entry, record = LogEntry.__struct_fields__, QueryRecord.__struct_fields__
    assert entry == (*record[record.index("group") : record.index("rcode") + 1], "packed")
