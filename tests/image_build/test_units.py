"""What the card runs, as systemd and nft themselves judge it; no card needed."""

import configparser
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from appliance.card.paths import CardPaths
from appliance.card.settings import CardSettings
from appliance.niceness import NICENESS
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings

RECIPE = Path(__file__).parents[2] / "image-build"
ETC = RECIPE / "root/etc"
UNITS = ETC / "systemd/system"
DAEMONS = ("resolver", "recorder", "agent", "web")
SERVICES = sorted(path.name for path in UNITS.glob("hallpass-*.service"))
TOOLS = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "SYSTEMD_LOG_LEVEL": "warning"}
THE_COMMAND = re.compile(r"^(ExecStart=)/(?:opt/hallpass/bin|usr/lib/hallpass)/.*$", re.MULTILINE)


def tool(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        env=TOOLS | more,
        timeout=60,
    )


def unit(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(UNITS / name)
    return parser["Service"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the units as on a card, but for a command that is there on this machine too."""
    folder = tmp_path_factory.mktemp("units")
    for path in UNITS.glob("hallpass*"):
        (folder / path.name).write_text(THE_COMMAND.sub(r"\1/bin/true", path.read_text()))
    return folder


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("hallpass*")))
def test_systemd_understands_every_line(installed: Path, name: str) -> None:
    done = tool(
        "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", installed / name,
        SYSTEMD_UNIT_PATH=f"{installed}:",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(installed: Path, name: str) -> None:
    most = 20 if name.removeprefix("hallpass-").removesuffix(".service") in DAEMONS else 50
    done = tool("systemd-analyze", "security", "--offline=true", f"--threshold={most}", installed / name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", DAEMONS)
def test_each_process_has_a_user_of_its_own_and_starts_again_for_ever(name: str) -> None:
    text = (UNITS / f"hallpass-{name}.service").read_text()
    service = unit(f"hallpass-{name}.service")
    assert service["User"] == f"hallpass-{name}"
    assert service["Group"] == "hallpass"
    assert (service["Restart"], service["Type"]) == ("always", "notify")
    assert "\nEnvironment=PYTHONOPTIMIZE=2\n" in text, "the image compiles for it (`compile_for_services`)"
    assert "StartLimitIntervalSec=0" in text
    users = (RECIPE / "root/usr/lib/sysusers.d/hallpass.conf").read_text()
    assert re.search(rf"^u hallpass-{name} +96\d ", users, re.MULTILINE)
    assert f"enable hallpass-{name}.service" in (ETC / "systemd/system-preset/00-hallpass.preset").read_text()


def test_systemd_makes_the_users_with_the_numbers_that_files_on_the_card_keep(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = tool("systemd-sysusers", f"--root={tmp_path}", RECIPE / "root/usr/lib/sysusers.d/hallpass.conf")
    assert done.returncode == 0, done.stderr
    lines = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert {name: int(uid) for name, _, uid, *_ in lines} == {
        "hallpass-resolver": 962,
        "hallpass-recorder": 963,
        "hallpass-agent": 964,
        "hallpass-web": 965,
    }
    assert {shell for *_, shell in lines} == {"/usr/sbin/nologin"}


def test_dns_waits_for_nobody() -> None:
    text = (UNITS / "hallpass-resolver.service").read_text()
    orders = re.findall(r"^(?:After|Requires|Wants|BindsTo|Requisite)=(.*)$", text, re.MULTILINE)
    assert set(" ".join(orders).split()) == {"hallpass-settings.service"}
    settings = (UNITS / "hallpass-settings.service").read_text()
    assert "network-online" not in settings + text
    assert not re.search(r"^Requires", settings, re.MULTILINE)


@pytest.mark.parametrize("name", ["recorder", "web"])
def test_the_log_and_the_pages_wait_for_dns_where_a_processor_is_short(name: str) -> None:
    assert unit(f"hallpass-{name}.service")["Nice"] == str(NICENESS)


def test_the_pages_may_ask_for_a_shorter_time_slice() -> None:
    assert "SystemCallFilter=sched_setattr sched_setscheduler\n" in (UNITS / "hallpass-web.service").read_text()


@pytest.mark.parametrize("name", ["recorder", "web"])
def test_the_log_and_the_pages_may_come_back_from_where_they_step_aside_to(name: str) -> None:
    text = (UNITS / f"hallpass-{name}.service").read_text()
    assert f"LimitNICE={20 - NICENESS}\n" in text  # setrlimit(2): 20 minus the niceness that is allowed
    assert re.search(r"^SystemCallFilter=(?:.* )?sched_setscheduler$", text, re.MULTILINE)


def test_only_who_serves_low_ports_may_bind_them_and_nobody_may_more() -> None:
    may = {name: unit(f"hallpass-{name}.service")["CapabilityBoundingSet"] for name in DAEMONS}
    assert may == {
        "resolver": "CAP_NET_BIND_SERVICE",
        "recorder": "",
        "agent": "",
        "web": "CAP_NET_BIND_SERVICE",
    }


def test_only_the_recorder_and_the_agent_write_the_rooms_data_and_others_folders_of_their_own_there() -> None:
    writes = {name: unit(f"hallpass-{name}.service").get("ReadWritePaths", "").split() for name in DAEMONS}
    room = CardPaths().room_data
    assert {name for name in writes if str(room) in writes[name]} == {"recorder", "agent"}
    kept = RoomPaths(room, CardPaths().runtime).last_good_policy.parent
    assert writes["resolver"] == [f"-{CardPaths().runtime / 'health'}", f"-{kept}"]
    assert writes["web"] == [f"-{RoomPaths(room, CardPaths().runtime).sessions.parent}"]


def test_what_the_units_name_is_where_the_code_puts_it() -> None:
    places = CardPaths()
    everything = "".join(path.read_text() for path in [*UNITS.glob("hallpass*"), *UNITS.glob("*/*.conf")])
    for path in (places.room_settings, places.follows_network, places.authorized_keys, places.network_state):
        assert str(path) in everything
    sshd = (ETC / "ssh/sshd_config.d/hallpass.conf").read_text()
    assert f"HostKey {places.host_key}" in sshd
    assert f"AuthorizedKeysFile {places.authorized_keys}" in sshd
    assert f'include "{places.firewall_file.parent}/*.nft"' in (ETC / "nftables.conf").read_text()


def test_no_password_lets_anybody_in() -> None:
    sshd = (ETC / "ssh/sshd_config.d/hallpass.conf").read_text()
    for line in (
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
    ):
        assert line in sshd


def rules_loaded(*files: Path) -> str:
    """Load a firewall in a network of its own, and return what nft makes of it."""
    script = " && ".join(f"nft -f {path}" for path in files) + " && nft list ruleset"
    done = tool("unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_firewall_lets_in_dns_the_pages_and_nothing_else(tmp_path: Path) -> None:
    rules = rules_loaded(ETC / "nftables.conf")
    assert Counter(re.findall(r"hook (\w+) priority filter; policy (\w+)", rules)) == {
        ("input", "drop"): 1,
        ("forward", "drop"): 1,
    }
    assert re.findall(r"elements = \{ (.*?) \}", rules) == ["53, 80", "53"]
    ports = tmp_path / "ports.nft"
    ports.write_text("add element inet hallpass open_tcp { 22 }\n")
    assert "22, 53, 80" in rules_loaded(ETC / "nftables.conf", ports)


def test_every_example_in_the_settings_file_can_be_used(tmp_path: Path) -> None:
    text = (RECIPE / "boot/hallpass.toml").read_text()
    assert load_settings(RECIPE / "boot/hallpass.toml", CardSettings) == CardSettings()
    used = tmp_path / "hallpass.toml"
    used.write_text(re.sub(r"^# (\w+ = |\[)", r"\1", text, flags=re.MULTILINE))
    settings = load_settings(used, CardSettings)
    assert (settings.room.name, str(settings.network.address)) == ("Room 4", "192.0.2.14/24")
    assert len(settings.dns.upstreams) == 3
    assert settings.policy is not None
    plain = CardSettings()
    assert (settings.led, settings.log) == (plain.led, plain.log)  # where an example is the default, it is today's
    assert settings.dns.rate_limit == plain.dns.rate_limit


@pytest.mark.parametrize(
    "script",
    [
        path
        for path in sorted([*RECIPE.rglob("*"), *(RECIPE.parent / ".ci").iterdir()])
        if path.is_file() and re.match(rb"#!.*\b(ba)?sh\b", path.read_bytes()[:40])
    ],
    ids=lambda path: path.name,
)
def test_scripts_are_sound(script: Path) -> None:
    done = tool("shellcheck", script)
    assert (done.returncode, done.stdout) == (0, "")
