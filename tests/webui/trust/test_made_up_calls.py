"""Calls made up from the trust's own document (schemathesis), against a real trust.

None is answered with 5xx, each with what the document says; what keeps to it is taken, what does not is refused.
`make fuzz-interface` makes up more of them.
"""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from appliance.central import script_keys
from appliance.operations import BASE_PATH
from appliance.operations.trust import TRUST_OPERATIONS
from appliance.operations.trust_scripts import TRUST_SCRIPT_OPERATIONS
from appliance.rights import TRUST_SCRIPT_RIGHTS
from appliance.trust import entries, schools
from tests.docs.sources import ROOT
from tests.e2e.school import Process, answers, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS
from tests.fakes.trust import FakeTrust

SCHEMATHESIS = ROOT / ".venv-schemathesis/bin/schemathesis"
FOLDER = Path(__file__).parent
EXAMPLES = 5  # an operation, beside those for each limit in the document
DONE_SECONDS = 3000


class ServedTrust:
    """A trust, all processes of it, with a school that is invited, one that is enrolled, and a key for scripts."""

    def __init__(self, folder: Path, prepared: Path) -> None:
        port, now = free_port(), datetime.now(UTC)
        config = folder / "trust.toml"
        config.write_text(
            f'[central]\nschool = "Example Trust"\ndata = "trust"\nlisten = "127.0.0.1:{port}"\n'
            "script_calls_per_minute = 1000000\n"
        )
        self.fake = FakeTrust(folder / "trust", prepared=prepared)
        self.fake.account("tina")
        self.school = self.fake.enrol("School One")
        self.fake.register("School Two")
        with self.fake.store.write_session() as session:
            two = schools.require_school(session, "School Two")
            self.invitation = schools.invite_school(session, now, school=two, by="test", days=7)
            self.script_key = script_keys.add_key(
                session, now, name="made up", owner="tina", rights=TRUST_SCRIPT_RIGHTS,
                ends=now + timedelta(days=2), by="test",
            ).token  # fmt: skip
        self.url = f"http://127.0.0.1:{port}{BASE_PATH}"
        self.process = Process(folder, "trust", *HALLPASS, "trust", "--config", str(config))
        until("the trust's port", lambda: answers(self.url), 60)

    def close(self) -> None:
        self.process.stop()
        self.fake.close()


@pytest.fixture
def served(tmp_path: Path, prepared_trust: Path) -> Iterator[ServedTrust]:
    made = ServedTrust(tmp_path, prepared_trust)
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_no_call_is_a_fault_and_each_is_answered_as_the_document_says(
    served: ServedTrust, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert SCHEMATHESIS.exists(), ".ci/setup test installs it"
    examples = request.config.getoption("--examples", default=None) or EXAMPLES
    secrets = {"INVITATION": served.invitation, "SCHOOL": served.school, "SCRIPT_KEY": served.script_key}
    done = subprocess.run(
        [
            str(SCHEMATHESIS), "--config-file", str(FOLDER / "schemathesis.toml"), "run",
            str(ROOT / "docs/openapi-trust.json"), "--url", served.url, "--phases", "coverage,fuzzing",
            "--max-examples", str(examples), "--seed", "16", "--generation-deterministic",
            "--continue-on-failure", "--no-color", "--suppress-health-check", "all", "--warnings", "off",
        ],
        cwd=tmp_path,
        env=os.environ | secrets | {"SCHEMATHESIS_HOOKS": "trust_hooks", "PYTHONPATH": str(FOLDER)},
        capture_output=True, text=True, timeout=DONE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert f"{len(TRUST_OPERATIONS) + len(TRUST_SCRIPT_OPERATIONS)} selected" in done.stdout
    assert "Traceback" not in served.process.said
    with served.fake.store.read_session() as session:
        assert entries.list_entries(session, entries.KINDS), "made-up entries got as far as the database"
    headers = {"Authorization": f"Bearer {served.school}"}
    assert httpx.get(f"{served.url}/trust/document", headers=headers, trust_env=False).status_code == 200
