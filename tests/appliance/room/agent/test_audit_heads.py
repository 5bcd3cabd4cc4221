"""A room as a witness of central's audit."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.protocol import MAX_KEPT_HEADS, HealthReceived, KeptHead
from appliance.room.agent.audit_heads import read_audit_heads
from appliance.room.agent.audit_witness import AuditWitness
from appliance.room.agent.store import AgentStore

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


class FakeClient:
    def __init__(self) -> None:
        self.told: list[tuple[KeptHead, ...]] = []

    async def put_audit_heads(self, heads: tuple[KeptHead, ...]) -> None:
        self.told.append(heads)


def test_the_newest_hundred_are_kept_with_their_dates_and_outlive_a_restart(tmp_path: Path) -> None:
    store = AgentStore(tmp_path / "state.db")
    for number in range(1, 131):
        head = KeptHead(number=number, hash=f"{number:064x}", at=NOON + timedelta(minutes=number))
        assert store.keep_audit_head(head)
        assert not store.keep_audit_head(head)
    store.close()
    store = AgentStore(tmp_path / "state.db")
    assert [one.number for one in store.audit_heads()] == list(range(31, 131))
    assert store.audit_heads()[-1] == head
    assert len(read_audit_heads(tmp_path / "state.db")) == MAX_KEPT_HEADS
    store.close()


@pytest.mark.parametrize(
    "answer",
    [
        HealthReceived(),
        HealthReceived(-1, "a" * 64, 1.0),
        HealthReceived(1, "no hash", 1.0),
        HealthReceived(1, "a" * 64, 1e300),
        HealthReceived(1, "a" * 64, -1e12),
        HealthReceived(2**40, "a" * 64, 1.0),
    ],
)
def test_whatever_central_answers_harms_nothing(tmp_path: Path, answer: HealthReceived) -> None:
    store, client = AgentStore(tmp_path / "state.db"), FakeClient()
    asyncio.run(AuditWitness(client, store).handle_answer(answer))  # type: ignore[arg-type]  # stands in for central
    assert store.audit_heads() == ()
    assert client.told == []
    store.close()


def test_central_is_told_at_once_and_then_once_in_a_while(tmp_path: Path) -> None:
    store, client = AgentStore(tmp_path / "state.db"), FakeClient()
    witness = AuditWitness(client, store)  # type: ignore[arg-type]  # stands in for central
    for number in (1, 2):
        asyncio.run(witness.handle_answer(HealthReceived(number, "a" * 64, NOON.timestamp())))
    assert [len(one) for one in client.told] == [1]
    assert [one.number for one in store.audit_heads()] == [1, 2]
    store.close()
