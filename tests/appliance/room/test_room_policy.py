"""A room's policy is made from what stands on its disk, and the strictest where nothing does."""

import shutil
import time
from pathlib import Path

import msgspec
import pytest

from appliance.errors import HallpassError
from appliance.room import blocked_tunnels, health
from appliance.room.paths import RoomPaths
from appliance.room.policy_source import RoomPolicySource
from appliance.room.resolver_health import make_health_writer
from appliance.room.room_policy import load_policy, policy_files
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists import builtin_list
from dns.policy.document import Group, PolicyDocument, Profile, Rule
from dns.policy.tunnel_values import TunnelFinding
from dns.policy.verdict import Action, Step
from dns.worker_config import WorkerStatus
from tests.fakes.policies import NOW, after

ALONE = """
[room]
name = "Room 4"
data = "data"

[dns]
upstreams = ["192.0.2.53"]
"""
ENROLLED = (
    ALONE
    + """
[central]
url = "https://central.school.example"
token_file = "token"
"""
)


def room(folder: Path, text: str) -> tuple[RoomSettings, RoomPaths]:
    file = folder / "room.toml"
    file.write_text(text)
    settings = load_settings(file, RoomSettings)
    return settings, RoomPaths.from_settings(settings)


@pytest.fixture(scope="module")
def starter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of data with the starter index already compiled."""
    data = tmp_path_factory.mktemp("starter")
    builtin_list.open_builtin_index(data / "starter")
    return data


@pytest.fixture
def data(tmp_path: Path, starter_folder: Path) -> Path:
    return Path(shutil.copytree(starter_folder, tmp_path / "data"))


def index_in(data: Path) -> Path:
    """Return a folder with a compiled index."""
    (found,) = (data / "starter").iterdir()
    return found


def a_name_closed_as(category: str) -> str:
    return builtin_list.builtin_names()[category][0]


def action(policy_of: tuple[RoomSettings, RoomPaths], name: str) -> Action:
    return load_policy(*policy_of).view("192.0.2.10").decide(name, 1, NOW).action


def test_a_room_that_was_told_nothing_closes_every_category_of_the_starter_list(
    tmp_path: Path, data: Path
) -> None:
    told_nothing = room(tmp_path, ALONE)

    for category in builtin_list.builtin_names():
        assert action(told_nothing, a_name_closed_as(category)) is Action.BLOCK
    assert action(told_nothing, "www.example.org") is Action.ALLOW
    assert action(told_nothing, "www.google.com") is Action.REWRITE


def test_a_room_alone_closes_what_its_settings_say(tmp_path: Path, data: Path) -> None:
    alone = room(tmp_path, ALONE + '[policy]\nclosed = ["gambling"]\n')

    assert action(alone, a_name_closed_as("gambling")) is Action.BLOCK
    assert action(alone, a_name_closed_as("social_networks")) is Action.ALLOW
    assert action(alone, "www.google.com") is Action.ALLOW


def test_a_room_alone_uses_the_index_its_settings_name(tmp_path: Path, data: Path) -> None:
    shutil.copytree(index_in(data), tmp_path / "own")
    alone = room(tmp_path, ALONE + '[lists]\nindex = "own"\n[policy]\nclosed = ["gambling"]\nsafe_search = true\n')

    assert action(alone, a_name_closed_as("gambling")) is Action.BLOCK
    assert action(alone, "www.google.com") is Action.REWRITE
    assert policy_files(*alone)[:2] == (tmp_path / "own" / "index.hpx", tmp_path / "own" / "overlay.hpx")


def write_policy(paths: RoomPaths, document: PolicyDocument) -> None:
    paths.data.mkdir(exist_ok=True)
    new = paths.policy.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(document))
    new.replace(paths.policy)


CENTRALS = PolicyDocument(
    version=7,
    groups=(Group(name="pupils", profile="p"),),
    profiles=(Profile(name="p", closed=("gambling",)),),
    rules=(Rule(name="closed.example", action="block"),),
)


def test_an_enrolled_room_follows_the_document_and_the_index_that_the_agent_put_there(
    tmp_path: Path, data: Path
) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    write_policy(paths, CENTRALS)
    paths.indexes.mkdir()
    shutil.copytree(index_in(data), paths.indexes / "abc")
    paths.index.symlink_to(paths.indexes / "abc")

    policy = load_policy(settings, paths)

    assert policy.version == 7
    assert action((settings, paths), a_name_closed_as("gambling")) is Action.BLOCK
    assert action((settings, paths), "closed.example") is Action.BLOCK
    assert set(policy_files(settings, paths)) >= {
        paths.policy,
        paths.index / "index.hpx",
        paths.index / "overlay.hpx",
    }


def test_an_entry_that_is_too_wide_is_named_and_the_rest_of_the_policy_stays_in_force(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    rules = (Rule(name="co.uk", action="allow"), Rule(name="com", action="block"), *CENTRALS.rules)
    write_policy(paths, msgspec.structs.replace(CENTRALS, rules=rules))
    files = RoomPolicySource(settings, paths)

    view = files.current().view("192.0.2.10")
    assert view.decide("bet365.com", 1, NOW).action is Action.BLOCK
    assert view.decide("closed.example", 1, NOW).action is Action.BLOCK
    assert "the rule that opens co.uk is left out: co.uk is not one site" in caplog.text
    assert "the rule that closes com stays in force" in caplog.text

    make_health_writer(1, tmp_path, files)(WorkerStatus())
    (said,) = health.read_health(tmp_path, time.time())
    assert said.details["policy-too-wide"] == "; ".join(files.current().too_wide)
    assert not said.conditions


def test_an_enrolled_room_without_a_policy_yet_is_the_strictest(tmp_path: Path, data: Path) -> None:
    assert action(room(tmp_path, ENROLLED), a_name_closed_as("games")) is Action.BLOCK


def test_an_enrolled_room_without_an_index_yet_uses_the_starter_list(tmp_path: Path, data: Path) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    write_policy(paths, CENTRALS)

    assert action((settings, paths), a_name_closed_as("gambling")) is Action.BLOCK
    assert action((settings, paths), a_name_closed_as("games")) is Action.ALLOW


def test_central_itself_is_among_the_names_the_appliance_needs(tmp_path: Path, data: Path) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    write_policy(paths, CENTRALS)

    verdict = load_policy(settings, paths).view("192.0.2.10").decide("central.school.example", 1, NOW)

    assert verdict.step is Step.APPLIANCE


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"{", "cannot be read as a policy"),
        (b"[]", "cannot be read as a policy"),
        (b'{"version": 1, "timezone": "Nowhere/Here"}', "timezone"),
        (b'{"version": 1, "rules": [{"name": "no name", "action": "block"}]}', "no name"),
    ],
)
def test_a_broken_document_is_one_clear_error(tmp_path: Path, data: Path, broken: bytes, said: str) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    paths.policy.write_bytes(broken)

    with pytest.raises(HallpassError, match=said) as problem:
        load_policy(settings, paths)

    assert "\n" not in str(problem.value)


def test_a_missing_or_broken_index_is_one_clear_error(tmp_path: Path, data: Path) -> None:
    alone = room(tmp_path, ALONE + '[lists]\nindex = "own"\n')

    with pytest.raises(HallpassError, match=r"own.*index\.hpx"):
        load_policy(*alone)

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "index.hpx").write_bytes(b"no index")
    with pytest.raises(HallpassError, match="own"):
        load_policy(*alone)


def test_fields_of_a_newer_central_are_passed_over(tmp_path: Path, data: Path) -> None:
    settings, paths = room(tmp_path, ENROLLED)
    group = {"name": "pupils", "profile": "p", "colour": "red"}
    newer = {**msgspec.to_builtins(CENTRALS), "moon_phases": [1, 2], "groups": [group]}
    paths.policy.write_bytes(msgspec.json.encode(newer))

    assert load_policy(settings, paths).version == 7


BY_HAND = """
version = 4
default_group = "class"
tunnels = "close"

[[profiles]]
name = "class"
closed = ["games"]

[[profiles.timetable]]
start = "12:00"
end = "13:00"
opens = ["games"]

[[groups]]
name = "class"
profile = "class"
"""


def test_a_room_alone_may_follow_a_document_written_by_hand(tmp_path: Path, data: Path) -> None:
    alone = room(tmp_path, ALONE + '[policy]\ndocument = "policy.toml"\n')
    (tmp_path / "policy.toml").write_text(BY_HAND)
    view = load_policy(*alone, clock_trusted=lambda: True).view("192.0.2.10")

    assert view.group == "class"
    assert view.decide(a_name_closed_as("games"), 1, NOW).action is Action.BLOCK
    assert view.decide(a_name_closed_as("games"), 1, after(150)).action is Action.ALLOW  # half past twelve
    assert tmp_path / "policy.toml" in policy_files(*alone)


@pytest.mark.parametrize(("text", "said"), [(None, "no such file"), ("version = ", "cannot be read as a policy")])
def test_a_document_by_hand_that_cannot_be_read_is_one_clear_error(
    tmp_path: Path, data: Path, text: str | None, said: str
) -> None:
    alone = room(tmp_path, ALONE + '[policy]\ndocument = "policy.toml"\n')
    if text is not None:
        (tmp_path / "policy.toml").write_text(text)

    with pytest.raises(HallpassError, match=said):
        load_policy(*alone)


def test_a_document_and_closed_categories_are_not_both_given(tmp_path: Path) -> None:
    with pytest.raises(HallpassError, match="leave closed and safe_search out"):
        room(tmp_path, ALONE + '[policy]\ndocument = "policy.toml"\nclosed = ["games"]\n')


FOUND = TunnelFinding(
    device="192.0.2.10",
    parent="tunnel.example",
    first=NOW,
    questions=9,
    distinct=9,
    payload_bytes=900,
    mean_length=100,
    entropy=4,
    roomy_share=1,
)


def test_a_tunnel_is_closed_for_a_day_where_the_document_says_so(tmp_path: Path, data: Path) -> None:
    settings, paths = room(tmp_path, ALONE + '[policy]\ndocument = "policy.toml"\n')
    (tmp_path / "policy.toml").write_text(BY_HAND)
    blocked_tunnels.block_tunnel(paths.blocked_tunnels, FOUND, NOW)

    def step(now: float, address: str = "192.0.2.10") -> Step:
        view = load_policy(settings, paths, now=lambda: now).view(address)
        return view.decide("x.tunnel.example", 1, now).step

    assert step(NOW) is Step.RULE
    assert step(NOW, "192.0.2.11") is Step.DEFAULT  # for the device alone
    assert step(NOW + 86400) is Step.DEFAULT
    (tmp_path / "policy.toml").write_text(BY_HAND + '[[rules]]\nname = "tunnel.example"\naction = "allow"\n')
    assert (
        load_policy(settings, paths).view("192.0.2.10").decide("x.tunnel.example", 1, NOW).action is Action.ALLOW
    )
    (tmp_path / "policy.toml").write_text(BY_HAND.replace('"close"', '"report"'))
    assert step(NOW) is Step.DEFAULT


def test_a_domain_with_servers_of_its_own_may_lead_to_private_addresses(tmp_path: Path, data: Path) -> None:
    forward = '[[dns.forward]]\ndomain = "intranet.school.example"\nupstreams = ["10.0.0.53"]\n'
    view = load_policy(*room(tmp_path, ALONE + forward)).view("192.0.2.10")

    for name, action in (("wiki.intranet.school.example", Action.ALLOW), ("www.school.example", Action.BLOCK)):
        asked = view.decide(name, 1, NOW)
        assert view.inspect_address("10.0.0.9", name, asked, NOW).action is action


def test_a_misspelt_category_is_said(tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_policy(*room(tmp_path, ALONE + '[policy]\nclosed = ["gambling", "gamling"]\n'))

    assert caplog.messages == ["the policy closes 'gamling', which is no category and in no list"]
