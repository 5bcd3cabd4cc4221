"""`hallpass central devices`, as a technician runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.commands.central_devices import devices as command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.toml"
    path.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8443"\n')
    return path


def test_devices_come_from_a_file_and_go_into_groups(config: Path, tmp_path: Path) -> None:
    def devices(*arguments: str, fails: int = 0) -> str:
        done = CliRunner().invoke(command, [*arguments, "--config", str(config)])
        assert done.exit_code == fails, done.output
        return str(done.output) + (str(done.exception) if fails else "")

    file = tmp_path / "devices.csv"
    file.write_text("name,mac,group\nOffice laptop,00-00-5E-00-53-01,staff\nBad,nonsense,\n")
    assert "line 3: 'nonsense' is neither a MAC nor an IP address" in devices("import", str(file), fails=1)
    assert devices("list") == ""
    file.write_text("name,mac,group\nOffice laptop,00-00-5E-00-53-01,staff\n=1+1,00:00:5e:00:53:02,\n")
    assert "preview: 2 new" in devices("import", str(file), "--preview")
    assert json.loads(devices("import", str(file), "--json"))["saved"] is True
    assert "2 as before" in devices("import", str(file))
    devices("move", "0000.5e00.5302", "--group", "staff")
    assert [one["group"] for one in json.loads(devices("list", "--json"))] == ["staff", "staff"]
    assert "'=1+1,00:00:5e:00:53:02,,staff" in devices("export")
    assert "closes: " in devices("move", "office LAPTOP", "--group", "pupils", "--preview")
    assert [one["group"] for one in json.loads(devices("list", "--json"))] == ["staff", "staff"]
    undo = devices("remove", "office LAPTOP").split("undo with: hallpass central devices ")[1].split()
    assert "back: " in devices(*undo)
    devices("remove", "office LAPTOP")
    assert json.loads(devices("unknown", "--json")) == []
    assert "there is no device 'Office laptop'" in devices("rename", "Office laptop", "Other", fails=1)
    assert "bound" not in devices("group", "staff", "--only-from", "198.51.100.0/24")
    (staff,) = json.loads(devices("group", "staff", "--json"))
    assert (staff["devices"], staff["only_from"], staff["risks"]) == (1, ["198.51.100.0/24"], [])
