"""What becomes of a card at each boot: real files below a folder, a machine that only remembers."""

import itertools
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.card import enrolment_file
from appliance.card.config_choice import ConfigSource, choose_config
from appliance.card.provisioning import write_room_settings
from appliance.certificate_validity import read_validity
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths
from appliance.room.room_policy import load_policy
from blocklists import builtin_list
from tests.fakes.authority import Authority
from tests.fakes.card import SETTINGS, TOKEN, FakeCard, FakeMachine, PowerCut

SHIPPED = Path(__file__).parents[3] / "image-build/boot/hallpass.toml"
ENROLMENT = enrolment_file.encode_enrolment(
    enrolment_file.EnrolmentFile(room="Room 4", url="https://central.example.org", token=TOKEN)
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE000EXAMPLE000EXAMPLE000EXAMPLE000EXAM technician"


@pytest.fixture(scope="module")
def starter_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter")
    builtin_list.open_builtin_index(folder)
    return folder


def test_a_card_as_it_was_flashed_closes_everything_and_says_what_it_waits_for(card: FakeCard) -> None:
    card.write_settings(SHIPPED.read_bytes())
    settling = card.boot()
    assert settling.failures == []
    assert "hallpass.bundle" in settling.config.waits_for
    room = card.settings_in_use()
    assert (room.policy, room.central, room.room.name) == (None, None, "unnamed room")
    assert [server.host for server in room.dns.upstreams] == ["9.9.9.9", "149.112.112.112", "1.1.1.2"]
    assert card.conditions() == (Condition.NOT_ENROLLED,)
    assert not card.paths.problem_file.exists()
    policy = load_policy(room, RoomPaths.from_settings(room))
    assert policy.document.profiles[0].closed == ("*",)


def test_an_enrolled_room_follows_central_and_its_token_has_left_the_boot_partition(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    machine = FakeMachine()
    assert card.boot(machine).failures == []
    room = card.settings_in_use()
    assert room.central is not None
    assert room.central.url == "https://central.example.org"
    assert room.central.token_file.read_text().strip() == TOKEN
    assert room.log.key_from_central
    assert machine.owners[card.paths.room_settings] == (0o640, "root", "hallpass")
    assert machine.owners[card.paths.kept_enrolment] == (0o600, "root", "root")
    assert machine.owners[card.paths.token_file] == (0o400, "hallpass-agent", "hallpass")
    assert [path.name for path in card.paths.boot.iterdir()] == ["hallpass.toml"]
    assert card.conditions() == ()
    assert machine.host == "room-4"


def test_the_next_boot_needs_no_bundle_and_writes_nothing_on_the_card(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.boot()
    before = {path: path.stat().st_mtime_ns for path in card.paths.data.rglob("*") if path.is_file()}
    card.forget_memory()
    machine = FakeMachine()
    card.boot(machine)
    assert card.settings_in_use().central is not None
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert machine.written_on_boot == []


@pytest.mark.parametrize("enrolled", [True, False])
def test_whenever_the_power_is_cut_the_next_boot_ends_as_if_it_had_not_been(
    short_path: Path, starter_list: Path, enrolled: bool
) -> None:
    def fresh() -> FakeCard:
        shutil.rmtree(short_path / "c", ignore_errors=True)
        card = FakeCard(short_path / "c", starter_list)
        card.write_settings(SETTINGS + f'[ssh]\nkeys = ["{KEY}"]\n[time]\nservers = ["192.0.2.123"]\n')
        if enrolled:
            card.write_enrolment()
        else:
            card.paths.boot_enrolment.write_bytes(b"{")  # a problem to write down
        return card

    undisturbed = fresh()
    undisturbed.boot()
    expected = undisturbed.tree()
    for cut_after in itertools.count():
        card = fresh()
        try:
            card.boot(FakeMachine(cut_after=cut_after))
        except PowerCut:
            card.forget_memory()
            assert card.boot().failures == []
            left = card.tree()
            assert {name: left.get(name) for name in expected} == expected
            assert [name for name in left if name.startswith("boot/") and name not in expected] == []
            assert not [name for name in left if TOKEN.encode() in left[name] and name.startswith("boot/")]
        else:
            assert cut_after > 30
            break


def test_the_token_is_safe_on_the_data_partition_before_it_leaves_the_boot_partition(
    short_path: Path, starter_list: Path
) -> None:
    for cut_after in itertools.count():
        card = FakeCard(short_path / str(cut_after), starter_list)
        card.write_settings(SETTINGS)
        card.write_enrolment()
        try:
            card.boot(FakeMachine(cut_after=cut_after))
        except PowerCut:
            kept = (card.paths.boot_enrolment, card.paths.kept_enrolment)
            whole = [
                path
                for path in kept
                if path.exists() and enrolment_file.decode_enrolment(path.read_bytes()).token == TOKEN
            ]
            assert whole
        else:
            break


def test_without_the_data_partition_the_bundle_stays_where_it_is_and_is_used(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.boot(FakeMachine(mounted=False))
    assert card.paths.boot_enrolment.exists()
    assert card.settings_in_use().central is not None


def test_a_mistake_keeps_what_was_good_last_and_is_explained_beside_the_file(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.boot()
    card.forget_memory()
    card.write_settings('[room]\nnmae = "Room 4"\n[dns]\nrate_limit = -1\n[network]\naddress = "192.0.2.14"\n')
    settling = card.boot()
    assert settling.config.source is ConfigSource.LAST
    assert [server.host for server in card.settings_in_use().dns.upstreams] == ["192.0.2.53"]
    assert Condition.SETTINGS_WRONG in card.conditions()
    text = card.problem()
    assert "3 mistakes" in text
    assert "room.nmae: is not a setting; did you mean 'name'?" in text
    assert "dns.rate_limit" in text
    assert "write 192.0.2.14/24" in text
    assert "goes on with the settings that were good last" in text
    assert text.count("\r\n") == text.count("\n")


def test_the_explanation_goes_away_when_all_is_well(card: FakeCard) -> None:
    card.write_settings("[room\n")
    card.boot()
    assert "is not TOML" in card.problem()
    assert "keeps everything closed" in card.problem()
    card.write_settings(SETTINGS)
    card.boot()
    assert not card.paths.problem_file.exists()


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + SETTINGS.encode(),
        SETTINGS.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + SETTINGS.replace("\n", "\r\n").encode(),
    ],
    ids=["Notepad's mark", "CRLF", "both"],
)
def test_what_notepad_saves_is_fine(card: FakeCard, text: bytes) -> None:
    card.write_settings(text)
    assert card.boot().config.problems == ()
    assert card.settings_in_use().room.name == "Room 4"


@pytest.mark.parametrize("name", ["hallpass (1).bundle", "library.bundle", "HALLPASS(2).BUNDLE"])
def test_the_only_bundle_on_the_card_is_taken_whatever_it_is_called_and_leaves_the_card(
    card: FakeCard, name: str
) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.paths.boot_enrolment.rename(card.paths.boot / name)
    (card.paths.boot / "._hallpass.bundle").write_bytes(b"what a Mac leaves beside each file")
    assert card.boot().failures == []
    assert card.settings_in_use().central is not None
    assert not (card.paths.boot / name).exists()
    assert not any(TOKEN.encode() in one.read_bytes() for one in card.paths.boot.iterdir() if one.is_file())
    assert card.paths.kept_enrolment.exists()


def test_of_two_bundles_none_is_guessed_unless_one_is_called_as_it_must_be(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.paths.boot_enrolment.rename(card.paths.boot / "hallpass (1).bundle")
    (card.paths.boot / "hallpass (2).bundle").write_bytes(b"of another room")
    card.boot()
    assert card.settings_in_use().central is None
    card.write_enrolment()
    card.boot()
    assert card.settings_in_use().central is not None


def test_another_rooms_bundle_is_not_taken(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment("Room 5")
    card.boot()
    assert "enrols 'Room 5', but hallpass.toml says that this is 'Room 4'" in card.problem()
    assert card.paths.boot_enrolment.exists()
    assert card.settings_in_use().central is None


def test_a_damaged_bundle_keeps_the_enrolment_of_before(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.boot()
    card.paths.boot_enrolment.write_bytes(b'{"room": "Roo')
    card.boot()
    assert "hallpass.bundle: is damaged" in card.problem()
    assert card.settings_in_use().central is not None


def test_a_room_is_not_renamed_away_from_its_enrolment(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    card.boot()
    card.write_settings(SETTINGS.replace("Room 4", "Room 9"))
    card.boot()
    assert "is 'Room 9', but the card is enrolled as 'Room 4'" in card.problem()
    assert card.settings_in_use().room.name == "Room 4"


def test_a_room_alone_may_say_what_it_closes_and_an_enrolled_one_may_not(card: FakeCard) -> None:
    alone = SETTINGS + '[policy]\nclosed = ["gambling"]\n'
    card.write_settings(alone)
    assert card.boot().config.waits_for == ""
    assert card.settings_in_use().policy is not None
    card.write_enrolment()
    assert "takes its policy from central" in " ".join(card.boot().config.problems)


def test_a_certificate_on_the_card_turns_encrypted_dns_on(card: FakeCard, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign("room-4.school.example")
    card.write_settings(SETTINGS)
    card.paths.boot_certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    machine = FakeMachine()
    assert card.boot(machine).config.problems == ()
    tls = card.settings_in_use().dns.tls
    assert tls is not None
    assert read_validity(tls)
    assert machine.owners[card.paths.certificate_in_use] == (0o400, "hallpass-resolver", "hallpass")
    assert "{ 443, 853 }" in card.paths.firewall_file.read_text()
    assert [path.name for path in card.paths.boot.iterdir()] == ["hallpass.toml"]
    card.forget_memory()
    card.paths.boot_certificate.write_bytes(certificate.read_bytes())
    assert "hallpass-dns.pem: is not a certificate" in card.boot().config.problems[0]
    assert card.settings_in_use().dns.tls is not None


def test_figures_are_reached_from_other_machines_only_where_some_are_named(card: FakeCard) -> None:
    card.write_settings(SETTINGS + "[metrics]\n")
    card.boot()
    assert not card.paths.firewall_file.exists()
    card.write_settings(SETTINGS + '[metrics]\nlisten = "0.0.0.0:9153"\nnetworks = ["192.0.2.20"]\n')
    card.boot()
    assert "{ 9153 }" in card.paths.firewall_file.read_text()
    settings = card.settings_in_use().metrics
    assert settings is not None
    assert "192.0.2.20/32" in map(str, settings.readers)


def test_a_schools_language_goes_from_the_card_to_its_pages(card: FakeCard) -> None:
    card.write_settings(SETTINGS + '[web]\nlanguage = "cy"\n')
    card.boot()
    assert card.settings_in_use().web.language == "cy"
    card.write_settings(SETTINGS + '[web]\nlanguage = "tlh"\n')
    card.boot()
    assert "web.language" in card.problem()
    assert card.settings_in_use().web.language == "cy"


def test_ssh_is_there_only_with_a_key(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.boot()
    assert not card.paths.authorized_keys.exists()
    assert not card.paths.host_key.exists()
    assert not card.paths.firewall_file.exists()
    card.write_settings(SETTINGS + f'[ssh]\nkeys = ["{KEY}"]\n')
    card.boot()
    assert card.paths.authorized_keys.read_text() == KEY + "\n"
    assert card.paths.host_key.exists()
    assert "22" in card.paths.firewall_file.read_text()
    card.write_settings(SETTINGS)
    card.boot()
    assert not card.paths.authorized_keys.exists()


def test_the_clock_goes_on_from_what_the_card_knew_last(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.boot()
    card.paths.last_clock.touch()
    machine = FakeMachine()
    card.boot(machine)
    assert machine.clock == card.paths.last_clock.stat().st_mtime


def test_a_step_that_fails_is_said_and_the_others_go_on(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.paths.hostname_file.mkdir()
    settling = card.boot()
    assert [one.partition(":")[0] for one in settling.failures] == ["host name"]
    assert card.settings_in_use().room.name == "Room 4"
    assert "host name" in card.problem()


def test_brackets_without_end_are_a_mistake_like_any_other(card: FakeCard) -> None:
    card.write_settings(b"a = " + b"[" * 5000)
    card.paths.boot_enrolment.write_bytes(b"[" * 5000)
    assert len(card.boot().config.problems) == 2


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """Return what a card may make of a file: any bytes, or a piece of it lost or turned over."""
    places = st.tuples(st.integers(0, len(good)), st.integers(0, 40), st.binary(max_size=8))
    return st.one_of(
        st.binary(max_size=100),
        places.map(lambda at: good[: at[0]] + at[2] + good[at[0] + at[1] :]),
    )


@given(damaged(SETTINGS.encode() + SHIPPED.read_bytes()[:200]), damaged(ENROLMENT))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_on_the_card_a_room_can_be_run(short_path: Path, text: bytes, bundle: bytes) -> None:
    shutil.rmtree(short_path / "c", ignore_errors=True)
    card = FakeCard(short_path / "c")
    card.write_settings(text)
    card.paths.boot_enrolment.write_bytes(bundle)
    write_room_settings(card.paths, FakeMachine(), choose_config(card.paths))
    assert card.settings_in_use().dns.upstreams


def test_what_was_chosen_can_be_told_without_changing_anything(card: FakeCard) -> None:
    card.write_settings(SETTINGS)
    card.write_enrolment()
    before = card.tree()
    assert choose_config(card.paths).is_enrolment_new
    assert card.tree() == before
    assert msgspec.json.decode(card.paths.boot_enrolment.read_bytes())["hallpass_bundle"] == 1
