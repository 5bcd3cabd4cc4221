"""The rooms' certificate by ACME: ordered by a process that ends, proved by the school's own program, renewed."""

import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.central import acme_process, acme_renewal, page_certificates
from appliance.central.acme_renewal import AcmeRenewal, is_due
from appliance.central.errors import CentralError
from appliance.central.models import PageCertificateRow
from appliance.central.service import open_central
from appliance.commands.central_pages import command
from appliance.settings.acme import AcmeSection
from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings
from tests.fakes.acme_server import FakeAcmeServer
from tests.fakes.page_pairs import SUFFIX, PagePairs

PAIRS = PagePairs(datetime.now(UTC))
HOOK = """#!/bin/sh
echo "$1 $2" >> {folder}/called
{more}
case $1 in
add) echo "$3" >> "{folder}/$2" ;;
remove) rm "{folder}/$2" ;;
esac
"""


def settings(**more: str) -> str:
    said = {
        "suffix": f'"{SUFFIX}"', "hook": '"hook"', "terms_agreed": "true",
        "email": '"it@school.example.org"', **more,
    }  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in said.items())
    return (
        '[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8081"\n'
        f"[central.acme]\n{lines}\n"
    )


class School:
    """Central's settings and database, and the authority that its certificates come from."""

    def __init__(self, folder: Path, database: Path) -> None:
        (folder / "central").mkdir()
        shutil.copy(database, folder / "central")
        self.folder, self.records = folder, folder / "records"
        self.records.mkdir()
        self.server = FakeAcmeServer(PAIRS, self.records)
        self.config = folder / "central.toml"
        self.write_hook()
        self.write_settings()
        self.central = open_central(load_settings(self.config, CentralSettings))

    def write_hook(self, more: str = "") -> None:
        hook = self.folder / "hook"
        hook.write_text(HOOK.format(folder=shlex.quote(str(self.records)), more=more))
        hook.chmod(0o700)

    def write_settings(self, **more: str) -> None:
        self.config.write_text(settings(**{"directory": f'"{self.server.url}/directory"', **more}))

    def order(self) -> str:
        """Do what the process does; return why there is no certificate, or ""."""
        try:
            acme_process.main(self.config)
        except CentralError as problem:
            return str(problem)
        return ""

    def renewal(self, clock: datetime) -> AcmeRenewal:
        central = self.central
        wanted = load_settings(self.config, CentralSettings).central.acme
        assert wanted is not None
        folder = central.settings.central.shared_folder / acme_renewal.FOLDER
        return AcmeRenewal(self.config, wanted, folder, central.store, lambda: clock)

    def row(self) -> PageCertificateRow | None:
        with self.central.store.read_session() as session:
            return page_certificates.read_pages(session).rows.get(None)

    def called(self) -> list[str]:
        file = self.records / "called"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def school(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = School(tmp_path, prepared)
    with one.server:
        yield one
    one.central.store.close()


def test_a_wildcard_is_ordered_proved_by_a_record_and_renewed_by_the_same_account(school: School) -> None:
    result = CliRunner().invoke(command, ["renew", "--config", str(school.config)])
    assert result.exception is None
    row = school.row()
    assert row is not None
    assert (row.name, row.made_by) == (SUFFIX, "ACME")
    assert row.certificate.count("BEGIN CERTIFICATE") == 2
    assert row.sealed_key
    name = f"_acme-challenge.{SUFFIX}"
    assert school.called() == [f"add {name}", f"remove {name}"]
    assert not (school.records / name).exists()
    account = school.central.settings.central.shared_folder / "acme" / "account.key"
    assert b"PRIVATE KEY" not in account.read_bytes()

    school.renewal(datetime.now(UTC) + timedelta(days=59)).renew_if_due()
    assert len(school.server.orders) == 1
    assert school.order() == ""
    assert len(school.server.orders) == 2
    assert len(school.server.accounts) == 1
    after = school.row()
    assert after is not None
    assert after.certificate != row.certificate


def test_what_fails_is_on_home_tried_again_after_six_hours_and_leaves_what_there_is(school: School) -> None:
    assert school.order() == ""
    before = school.row()
    assert acme_renewal.list_conditions(school.central.settings) == []
    now = datetime.now(UTC) + timedelta(days=61)
    school.server.fault = "limited"
    school.renewal(now).renew_if_due()
    (words,) = acme_renewal.list_conditions(school.central.settings)
    assert words == (
        "The certificate for the rooms' pages cannot be renewed: "
        "the authority says: too many certificates for this name."
    )
    after = school.row()
    assert before is not None
    assert after is not None
    assert after.certificate == before.certificate

    school.server.fault = ""
    school.renewal(now + timedelta(hours=5)).renew_if_due()
    assert len(school.server.orders) == 1
    school.renewal(now + timedelta(hours=7)).renew_if_due()
    assert len(school.server.orders) == 2
    assert acme_renewal.list_conditions(school.central.settings) == []


def test_a_record_that_is_not_there_a_program_that_fails_and_one_that_hangs_are_said(school: School) -> None:
    school.write_hook("[ $1 = add ] && exit 0")
    assert "did not find the record: no such record at _acme-challenge." in school.order()
    school.write_hook('echo "the name server is away"; exit 3')
    assert "hook add failed (3): the name server is away" in school.order()
    school.write_settings(hook_seconds="1")
    school.write_hook("sleep 600 & sleep 600")
    assert "took longer than 1 seconds" in school.order()
    school.write_settings(hook='"nothing"')
    assert "nothing: No such file" in school.order()
    assert school.row() is None


def test_an_authority_that_is_away_talks_junk_or_gives_what_cannot_be_used_changes_nothing(school: School) -> None:
    for fault, words in (("no record", "no proof by a record"), ("wrong order", "wrong order")):
        school.server.fault = fault
        assert words in school.order()
    school.write_settings(directory=f'"{school.server.url}/newNonce"')
    assert "not understood" in school.order()
    school.write_settings(directory='"http://127.0.0.1:9/directory"')
    assert "cannot be reached" in school.order()
    assert school.row() is None


def test_beside_it_nothing_is_handed_in_for_every_room(school: School) -> None:
    certificate, key = PAIRS.write(school.folder / "handed in", f"*.{SUFFIX}")
    for arguments in (("hand-in", str(certificate), str(key)), ("issue-to-rooms", SUFFIX)):
        result = CliRunner().invoke(command, [*arguments, "--config", str(school.config)])
        assert "[central.acme]" in str(result.exception)
    assert school.row() is None


def test_what_is_another_than_it_should_be_is_due() -> None:
    now = datetime.now(UTC)
    wanted = AcmeSection(suffix=SUFFIX, hook=Path("hook"), terms_agreed=True)
    row = PageCertificateRow(name=SUFFIX, made_by="ACME", made_at=now, ends=now + timedelta(days=6))
    assert is_due(None, wanted, now)
    assert not is_due(row, wanted, now + timedelta(days=3))
    assert is_due(row, wanted, now + timedelta(days=4))
    row.name = "other.example.org"
    assert is_due(row, wanted, now)
    row.name, row.made_by = SUFFIX, "command line"
    assert is_due(row, wanted, now)


@pytest.mark.parametrize(
    "more",
    [
        {"suffix": '"org"'}, {"suffix": '"a b.example"'}, {"terms_agreed": "false"}, {"email": '"nobody"'},
        {"directory": '"http://192.0.2.4/directory"'}, {"directory": '"junk"'}, {"hook_seconds": "0"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_found(tmp_path: Path, more: dict[str, str]) -> None:
    config = tmp_path / "central.toml"
    config.write_text(settings(**more))
    with pytest.raises(SettingsInvalid):
        load_settings(config, CentralSettings)
