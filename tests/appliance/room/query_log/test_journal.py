"""The spool gives back exactly the batches that were appended, as far as it is whole."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.room.query_log.journal import Journal
from dns.querylog.records import QueryRecord, RecordBatch

RECORD = st.builds(
    lambda second, name, count: QueryRecord(
        second, "aaaaaaaaaaaa", "pupils", name, 1, "allowed", "default", "", "", "", 0, count, 0.5
    ),
    st.integers(0, 2**33),
    st.text(max_size=60),
    st.integers(1, 2**31),
)
BATCHES = st.lists(
    st.builds(
        lambda number, records: RecordBatch("w", number, tuple(records)),
        st.integers(1, 2**63),
        st.lists(RECORD, max_size=5),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(batches=BATCHES, key=st.sampled_from([None, b"k" * 32]), cut=st.integers(0, 10_000))
def test_what_comes_out_is_what_went_in_up_to_where_it_is_torn(
    batches: list[RecordBatch], key: bytes | None, cut: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.spool"
        spool = Journal(path, key)
        ends = []
        for batch in batches:
            spool.append_batches([batch], durable=False)
            ends.append(spool.size)
        spool.close()
        whole = Journal(path, key)
        assert whole.read_batches() == batches
        whole.close()
        data = path.read_bytes()
        path.write_bytes(data[: min(cut, len(data))])
        torn = Journal(path, key)
        found = torn.read_batches()
        assert found == batches[: len(found)]
        assert torn.is_torn == (len(found) < len(batches) and torn.size > 0 and cut not in ends)
        torn.close()


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=200), key=st.sampled_from([None, b"k" * 32]))
def test_junk_gives_nothing_and_raises_nothing(junk: bytes, key: bytes | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.spool"
        path.write_bytes(junk)
        spool = Journal(path, key)
        assert spool.read_batches() == []
        spool.clear()
        spool.append_batches([RecordBatch("w", 1, ())], durable=True)
        assert spool.read_batches() == [RecordBatch("w", 1, ())]
        spool.close()


def test_a_spool_of_another_key_gives_nothing(tmp_path: Path) -> None:
    spool = Journal(tmp_path / "log.spool", b"a" * 32)
    spool.append_batches([RecordBatch("w", 1, ())], durable=False)
    spool.close()
    other = Journal(tmp_path / "log.spool", b"b" * 32)
    assert other.read_batches() == []
    other.close()


@pytest.mark.parametrize("key", [None, b"k" * 32])
@pytest.mark.parametrize("size", [8, 4096, 6 * 2**30])
@pytest.mark.parametrize("is_first", [True, False])
def test_zeros_are_no_chunks_however_many_there_are(
    tmp_path: Path, key: bytes | None, size: int, *, is_first: bool
) -> None:
    path = tmp_path / "log.spool"
    batches = [] if is_first else [RecordBatch("w", 1, ())]
    spool = Journal(path, key)
    if batches:
        spool.append_batches(batches, durable=False)
    spool.close()
    os.truncate(path, path.stat().st_size + size)
    grown = Journal(path, key)
    assert grown.read_batches() == batches
    assert grown.is_torn
    grown.close()
