"""`hallpass central audit`: what it prints, what it takes along, and how it ends."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from appliance.central import audit
from appliance.cli import hallpass
from appliance.protocol import KeptHead, KeptHeads
from appliance.room.agent.store import AgentStore
from tests.fakes.school import FakeSchool


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.toml"
    path.write_text('[central]\nschool = "S"\ndata = "central"\n')
    school = FakeSchool(tmp_path / "central")
    for number in range(3):
        with school.store.write_session() as session:
            audit.record_audit(session, school.clock(), "cora", "approved", f"=site{number}.example.org")
            head = audit.read_head(session)
    school.enrol("Room 4")
    school.close()
    state = tmp_path / "data" / "state.db"
    store = AgentStore(state)
    assert store.keep_audit_head(KeptHead(number=head.number, hash=head.hash, at=school.clock()))
    store.close()
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(hallpass, ["central", "audit", *words, "--config", str(config)])


def alter(config: Path, statement: str) -> None:
    with sqlite3.connect(config.parent / "central" / "central.db") as database:
        database.execute(statement)
    database.close()


def test_it_lists_and_finds(config: Path) -> None:
    assert "3 2026-11-24 09:00:00 cora" in run(config, "list", "--person", "cora", "-n", "1").output
    listed = msgspec.json.decode(run(config, "list", "--words", "site1", "--json").output)
    assert [(one["number"], one["what"]) for one in listed] == [(2, "approved")]
    assert run(config, "list", "--until", "2026-11-24", "--json").output.strip() == "[]"


def test_an_export_is_safe_for_spreadsheets_and_stands_in_the_audit(config: Path) -> None:
    assert ",cora,,approved,'=site0.example.org," in run(config, "export", "--person", "cora").output
    lines = run(config, "export", "--json").output.splitlines()
    last = msgspec.json.decode(lines[-1])
    assert (last["who"], last["what"], last["detail"]) == ("command line", "audit exported", "everything")
    assert msgspec.json.decode(lines[-2])["detail"] == "of cora"


def test_the_check_ends_with_what_it_found(config: Path) -> None:
    assert run(config, "verify").exit_code == 0
    assert run(config, "verify", "--against", "Room 99").exit_code == 1
    alter(config, "UPDATE audit SET who = 'head' WHERE id = 2")
    found = run(config, "verify", "--json")
    assert found.exit_code == 3
    assert msgspec.json.decode(found.stdout)["finding"]["number"] == 2


def test_a_file_from_the_room_is_a_witness(config: Path) -> None:
    room = config.parent / "room.toml"
    room.write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nlisten = ["127.0.0.1:0"]\nupstreams = ["127.0.0.1:5302"]\n'
    )
    said = CliRunner().invoke(hallpass, ["agent", "audit-heads", "--config", str(room)])
    kept = msgspec.json.decode(said.output, type=KeptHeads)
    assert [one.number for one in kept.heads] == [3]
    heads = config.parent / "heads.json"
    heads.write_text(said.output)
    assert run(config, "verify", "--against", str(heads)).exit_code == 0
    alter(config, "DELETE FROM audit WHERE id > 2")
    alter(config, "UPDATE audit_head SET number = 2, hash = (SELECT hash FROM audit WHERE id = 2)")
    assert run(config, "verify").exit_code == 0
    told = run(config, "verify", "--against", str(heads))
    assert (told.exit_code, told.stderr) == (
        3,
        "entry 3 was removed: entry 3 was the newest on 2026-11-24 09:00 UTC\n",
    )
    heads.write_text("[")
    assert run(config, "verify", "--against", str(heads)).exit_code == 1
