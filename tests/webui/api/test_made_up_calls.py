"""Calls made up from the interface's own document (schemathesis), against a real central on each database.

None is answered with 5xx, each with what the document says; what keeps to it is taken, what does not is refused.
The feed is left out: it does not end. `make fuzz-interface` makes up more of them.
"""

import contextlib
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from appliance.central import script_keys
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import AuditRow, RequestRow, RoomActionRow, RuleRow, SiteReportRow, UnblockRow
from appliance.operations import BASE_PATH, OPERATIONS
from appliance.rights import SCRIPT_RIGHTS
from tests.docs.sources import ROOT
from tests.e2e.school import Process, answers, until
from tests.fakes.ports import free_port
from tests.fakes.postgres import postgres_server
from tests.fakes.programs import HALLPASS
from tests.fakes.school import FakeSchool

SCHEMATHESIS = ROOT / ".venv-schemathesis/bin/schemathesis"
FOLDER = Path(__file__).parent
EXAMPLES = 8  # an operation, beside those for each limit in the document
ALWAYS = ["open_school_site", "add_school_rule"]  # of scripts: what they make is looked for
FEW = 2  # of one for scripts, of which there are many; `make test-all` makes up hundreds
DONE_SECONDS = 3000


class Central:
    """A central, all processes of it, and a room's token."""

    def __init__(self, folder: Path, database: str) -> None:
        port = free_port()
        config = folder / "central.toml"
        config.write_text(
            f'[central]\nschool = "S"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
            f'rooms_listen = "127.0.0.1:{port}"\ndatabase = "{database}"\nscript_calls_per_minute = 1000000\n'
            "room_messages_per_day = 1000000000\n"
        )
        self.is_sqlite = not database
        self.school = FakeSchool(folder / "central", database=database)
        self.token = self.school.enrol()
        self.school.account("cora", ("coordinator", "safeguarding", "head"))  # all that a key can do
        with self.school.store.write_session(affects_rooms=False) as session:
            now = datetime.now(UTC)
            self.script_key = script_keys.add_key(
                session, now, name="made up", owner="cora", rights=SCRIPT_RIGHTS, ends=now + timedelta(days=2),
                by="test",
            ).token  # fmt: skip
        self.url = f"http://127.0.0.1:{port}{BASE_PATH}"
        self.process = Process(folder, "central", *HALLPASS, "central", "--config", str(config))
        until("the rooms' port", lambda: answers(self.url), 60)

    def rows(self) -> dict[str, int]:
        kinds = (RequestRow, SiteReportRow, IncidentRow, RoomActionRow, AuditRow, UnblockRow, RuleRow)
        with self.school.store.read_session() as session:
            return {one.__tablename__: session.scalar(select(func.count()).select_from(one)) or 0 for one in kinds}

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.stop()
        self.school.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def central(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Central]:
    with contextlib.ExitStack() as stack:
        url = "" if request.param == "sqlite" else stack.enter_context(postgres_server()).url
        made = Central(tmp_path, url)
        stack.callback(made.close)
        yield made


def deal(central: Central, examples: int | None) -> Iterator[tuple[list[str], str, int]]:
    """Yield which operations are tried together, in which phases, and how often.

    Those for scripts are many: where it is short, half of them are tried on each database.
    """
    named = [one.id for one in OPERATIONS if one.id != "get_feed"]
    if examples is not None:
        yield named, "coverage,fuzzing", examples
        return
    first = [one.id for one in OPERATIONS if one.caller == "room" and one.id in named] + ALWAYS
    yield first, "coverage,fuzzing", EXAMPLES
    yield [one for one in named if one not in first][central.is_sqlite :: 2], "fuzzing", FEW


def call_made_up(
    central: Central, folder: Path, tried: list[str], phases: str, examples: int
) -> subprocess.CompletedProcess[str]:
    """Make calls up for some operations, and judge the answers."""
    chosen = [option for name in tried for option in ("--include-operation-id", name)]
    return subprocess.run(
        [
            str(SCHEMATHESIS), "--config-file", str(FOLDER / "schemathesis.toml"), "run",
            str(ROOT / "docs/openapi.json"), "--url", central.url, "--phases", phases,
            "--max-examples", str(examples), "--seed", "16", "--generation-deterministic", *chosen,
            "--continue-on-failure", "--no-color", "--suppress-health-check", "all", "--warnings", "off",
        ],
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(FOLDER),
            "ROOM_TOKEN": central.token,
            "SCRIPT_KEY": central.script_key,
        },
        capture_output=True,
        text=True,
        timeout=DONE_SECONDS,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_no_call_is_a_fault_and_each_is_answered_as_the_document_says(
    central: Central, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert SCHEMATHESIS.exists(), ".ci/setup test installs it"
    before, grown = central.rows(), set[str]()
    for tried, phases, examples in deal(central, request.config.getoption("--examples", default=None)):
        done = call_made_up(central, tmp_path, tried, phases, examples)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert f"{len(tried)} selected" in done.stdout
        grown |= {name for name, count in central.rows().items() if count > before[name]}  # some are undone later
    assert "Traceback" not in central.process.said
    assert grown == set(before), "made-up messages of each kind got as far as the database"
    headers = {"Authorization": f"Bearer {central.token}"}
    assert httpx.get(f"{central.url}/requests", headers=headers, trust_env=False).status_code == 200


def test_what_makes_them_up_brings_nothing_into_our_environment() -> None:
    pinned = (ROOT / ".ci/schemathesis.lock").read_text().lower()
    assert "schemathesis==" in pinned
    assert not {"dnspython", "email-validator"} & {line.partition("==")[0] for line in pinned.splitlines()}
    assert importlib.util.find_spec("schemathesis") is None
