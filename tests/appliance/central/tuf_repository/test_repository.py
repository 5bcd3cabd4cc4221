"""Central's side of The Update Framework: what is signed, for how long, by which keys."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from appliance.central.backup_file import BackupError
from appliance.central.errors import CentralError, NotPossible
from appliance.central.key_file import KeyFileUnusable
from appliance.central.tuf_repository.key_store import KEYS_FILE, read_keys
from appliance.central.tuf_repository.list_signer import ListSigner
from appliance.central.tuf_repository.repository import KEPT_VERSIONS
from appliance.central.tuf_repository.root_key_file import read_root_key, write_root_key
from appliance.central.tuf_repository.signed_state import SignedState, list_conditions, read_state
from tests.fakes.signing_central import BEGAN, SigningCentral

FIRST, SECOND, BASE = "a1" * 32, "b2" * 32, "c3" * 32
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def lists(tmp_path: Path) -> SigningCentral:
    made = SigningCentral(tmp_path)
    made.sign(FIRST, b"an index")
    return made


def state(lists: SigningCentral) -> SignedState:
    found = read_state(lists.folder)
    assert found is not None
    return found


def targets(lists: SigningCentral) -> Targets:
    return Metadata[Targets].from_bytes(lists.read(lists.newest("targets")) or b"").signed


def test_the_index_and_its_overlays_are_what_rooms_may_take_and_nothing_else(lists: SigningCentral) -> None:
    assert set(targets(lists).targets) == {f"{FIRST}/index.hpx"}
    lists.put(SECOND, b"an overlay", f"from-{FIRST}.hpx")
    path = lists.sign(SECOND, b"another index")
    signed = targets(lists).targets
    assert set(signed) == {f"{SECOND}/index.hpx", f"{SECOND}/from-{FIRST}.hpx"}
    with path.open("rb") as file:
        signed[f"{SECOND}/index.hpx"].verify_length_and_hashes(file)
    assert signed[f"{SECOND}/from-{FIRST}.hpx"].custom == {"version": SECOND, "base": FIRST}


def test_an_overlay_to_an_index_that_is_no_more_current_changes_nothing(lists: SigningCentral) -> None:
    lists.sign(SECOND, b"another index")
    before = lists.copy()
    lists.put(FIRST, b"an overlay", f"from-{BASE}.hpx")
    lists.repository.sign_index(lists.indexes / FIRST, is_current=True)
    assert lists.copy() == before


def test_what_ends_soon_is_signed_anew_and_nothing_sooner(lists: SigningCentral) -> None:
    before = lists.copy()
    lists.repository.renew()
    assert lists.copy() == before
    lists.pass_days(2)
    lists.repository.renew()
    assert state(lists).expires["timestamp"] == lists.now + timedelta(days=30)
    assert state(lists).expires["snapshot"] == BEGAN + timedelta(days=180)
    lists.pass_days(100)
    lists.repository.renew()
    assert state(lists).expires["snapshot"] == lists.now + timedelta(days=180)
    assert (state(lists).index, state(lists).files) == (FIRST, ("index.hpx",))


def test_versions_grow_also_where_the_clock_goes_back_and_after_a_restore(lists: SigningCentral) -> None:
    first = targets(lists).version
    lists.pass_days(-30)
    lists.sign(SECOND, b"another index")
    assert targets(lists).version == first + 1
    kept = {name: content for name, content in lists.copy().items() if content is not None}
    lists.pass_days(60)
    lists.sign(FIRST, b"an index")
    seen = targets(lists).version
    for path in lists.metadata.iterdir():
        path.unlink()
    for name, content in kept.items():  # a backup that is put back
        (lists.metadata / name).write_bytes(content)
    lists.pass_days(1)
    lists.sign(SECOND, b"another index")
    assert targets(lists).version > seen


def test_only_a_few_versions_are_kept_but_every_root(lists: SigningCentral) -> None:
    for _ in range(KEPT_VERSIONS + 2):
        lists.rotate()
    names = set(lists.copy())
    assert len([name for name in names if name.endswith("snapshot.json")]) == KEPT_VERSIONS
    assert {f"{number}.root.json" for number in range(1, KEPT_VERSIONS + 4)} <= names


def test_the_root_key_is_gone_from_the_machine_once_it_was_read_from_its_stick(
    lists: SigningCentral, tmp_path: Path
) -> None:
    stick = tmp_path / "root.pem"
    with pytest.raises(BackupError, match="characters"):
        write_root_key(stick, lists.repository.unseal_root(), "short")
    write_root_key(stick, lists.repository.unseal_root(), PASSPHRASE)
    assert stick.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in stick.read_bytes()
    with pytest.raises(NotPossible, match="exists already"):
        write_root_key(stick, lists.repository.unseal_root(), PASSPHRASE)
    assert not state(lists).is_root_stored
    with pytest.raises(CentralError, match="passphrase is another one"):
        read_root_key(stick, "wrong horse battery staple")
    lists.repository.confirm_root(read_root_key(stick, PASSPHRASE))
    assert state(lists).is_root_stored
    with pytest.raises(NotPossible, match="stick alone"):
        lists.repository.unseal_root()
    lists.repository.rotate_online_keys(read_root_key(stick, PASSPHRASE))
    assert state(lists).root_version == 2
    assert state(lists).is_root_stored


def test_another_ones_root_key_confirms_and_rotates_nothing(lists: SigningCentral, tmp_path: Path) -> None:
    other = SigningCentral(tmp_path / "other")
    other.sign(FIRST, b"an index")
    before = (lists.copy(), (lists.folder / KEYS_FILE).read_bytes())
    for attempt in (
        lists.repository.confirm_root, lists.repository.rotate_online_keys, lists.repository.rotate_root_key,
    ):  # fmt: skip
        with pytest.raises(NotPossible, match="not the root key of this central"):
            attempt(other.repository.unseal_root())
    assert before == (lists.copy(), (lists.folder / KEYS_FILE).read_bytes())


def test_a_new_root_is_signed_by_the_one_before_and_has_to_be_stored(lists: SigningCentral) -> None:
    old = json.loads(lists.read("root.json") or b"")
    lists.repository.confirm_root(root := lists.repository.unseal_root())
    lists.repository.rotate_root_key(root)
    new = Metadata[Root].from_bytes(lists.read("2.root.json") or b"")
    Metadata[Root].from_dict(old).verify_delegate("root", new)
    new.verify_delegate("root", new)
    assert not state(lists).is_root_stored
    with pytest.raises(NotPossible, match="another one"):
        lists.repository.confirm_root(root)


def test_a_machine_that_stops_in_the_middle_of_a_rotation_goes_on_where_it_was(lists: SigningCentral) -> None:
    before = lists.copy()
    lists.rotate()
    for path in lists.metadata.iterdir():  # the keys were written, and nothing else any more
        path.unlink()
    for name, content in before.items():
        (lists.metadata / name).write_bytes(content or b"")
    (lists.folder / "state.json").unlink()
    lists.repository.renew()
    assert state(lists).root_version == 2
    assert lists.read("2.root.json") == (read_keys(lists.folder) or pytest.fail("no keys")).root_metadata.encode()
    root = Metadata[Root].from_bytes(lists.read("root.json") or b"")
    for role in ("timestamp", "snapshot", "targets"):
        root.verify_delegate(role, Metadata.from_bytes(lists.read(lists.newest(role)) or b""))


def test_damaged_keys_are_said_and_replaced_by_nobody_but_a_person(lists: SigningCentral) -> None:
    (lists.folder / KEYS_FILE).write_bytes(b"{}")
    with pytest.raises(CentralError, match="is damaged"):
        lists.repository.renew()
    lists.repository.begin_anew()
    assert state(lists).root_version == 1
    assert set(targets(lists).targets) == {f"{FIRST}/index.hpx"}


@pytest.mark.parametrize("damage", ["garbage", "folder", "pipe"])
def test_whatever_stands_where_a_signature_belongs_is_signed_anew(lists: SigningCentral, damage: str) -> None:
    for name in ("1.root.json", "root.json", "timestamp.json", lists.newest("snapshot"), lists.newest("targets")):
        path = lists.metadata / name
        path.unlink()
        if damage == "garbage":
            path.write_bytes(b"\0{")
        elif damage == "folder":
            (path / "x").mkdir(parents=True)
        else:
            os.mkfifo(path)
        lists.repository.renew()
        for role in ("timestamp.json", "root.json", lists.newest("snapshot"), lists.newest("targets")):
            assert json.loads(lists.read(role) or b"")["signatures"], (name, role)
    assert set(targets(lists).targets) <= {f"{FIRST}/index.hpx"}


def test_without_the_key_file_nothing_is_signed_and_what_is_signed_stays(lists: SigningCentral) -> None:
    before = lists.copy()
    lists.key_file.path.unlink()
    with pytest.raises(KeyFileUnusable, match="is missing"):
        lists.repository.sign_index(lists.indexes / FIRST)
    assert lists.copy() == before


def test_a_person_is_told_in_time(lists: SigningCentral) -> None:
    assert "stands on this machine alone" in " ".join(list_conditions(state(lists), BEGAN))
    lists.repository.confirm_root(lists.repository.unseal_root())
    for days, said in (
        (14, ""),
        (16, "signature of the lists ends in 14 days"),
        (31, "signature of the lists has ended"),
        (5 * 365 - 58, "key behind the signed lists ends in 59 days"),
        (5 * 365 + 2, "key behind the signed lists has ended"),
    ):
        words = list_conditions(state(lists), BEGAN + timedelta(days=days))
        assert said in " ".join(words)
        assert bool(words) == bool(said)


def test_a_server_has_it_done_by_a_process_and_only_where_something_is_to_do(lists: SigningCentral) -> None:
    signer = ListSigner(lists.folder, lists.key_file, lambda: lists.now)
    before = lists.copy()
    signer.sign_index(lists.indexes / FIRST)
    signer.renew()
    assert lists.copy() == before
    lists.pass_days(3)
    signer.renew()
    assert state(lists).expires["timestamp"] == lists.now + timedelta(days=30)
    lists.put(FIRST, b"an overlay", f"from-{BASE}.hpx")
    signer.sign_overlay(lists.indexes / FIRST)
    assert state(lists).files == (f"from-{BASE}.hpx", "index.hpx")
    lists.key_file.path.unlink()
    lists.put(SECOND, b"another index")
    with pytest.raises(CentralError, match=r"cannot be signed: .* is missing"):
        signer.sign_index(lists.indexes / SECOND)
    assert state(lists).index == FIRST


def test_nothing_but_metadata_is_found_by_a_name(lists: SigningCentral) -> None:
    signer = ListSigner(lists.folder, lists.key_file, lambda: BEGAN)
    assert signer.find_metadata("root.json") == lists.metadata / "root.json"
    for name in ("../keys.json", "keys.json", "", "root.json/", "-1.root.json", "x" * 5000, "\0", "1.root.json\n"):
        assert signer.find_metadata(name) is None
