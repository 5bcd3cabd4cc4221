"""`hallpass image personalise` on a real image: a FAT file system behind an MBR, read back with mtools."""

import lzma
import os
import shutil
import stat
import struct
import subprocess
import tomllib
from pathlib import Path

import pytest

from appliance.card.boot_partition import ImageBootFiles, ImageInvalid, find_boot_offset, unpack_image
from appliance.card.enrolment_file import EnrolmentFile, encode_enrolment
from tests.appliance.test_cli import hallpass_on_a_terminal
from tests.fakes.card import TOKEN
from tests.fakes.programs import run

SHIPPED = Path(__file__).parents[3] / "image-build/boot/hallpass.toml"
SECTOR = 512
FIRST = 2048
BOOT_MB = 4


def partition_table(kind: int, first: int = FIRST, sectors: int = BOOT_MB * 2048) -> bytes:
    entry = struct.pack("<B3sB3sII", 0, b"\0\0\0", kind, b"\0\0\0", first, sectors)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    fat = folder / "boot.fat"
    fat.write_bytes(bytes(BOOT_MB * 2**20))
    tools = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    subprocess.run(["mkfs.vfat", "-n", "HALLPASS", str(fat)], check=True, capture_output=True, env=tools)
    subprocess.run(["mcopy", "-i", str(fat), str(SHIPPED), "::hallpass.toml"], check=True, capture_output=True)
    image = folder / "hallpass-arm64.img"
    with image.open("wb") as file:
        file.write(partition_table(0x0C))
        file.seek(FIRST * SECTOR)
        file.write(fat.read_bytes())
        file.write(bytes(2**20))  # where the root would be
    return image


@pytest.fixture
def image(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(pristine, tmp_path))


def make_bundle(path: Path, room: str, token: str = TOKEN) -> Path:
    path.write_bytes(encode_enrolment(EnrolmentFile(room=room, url="https://central.example.org", token=token)))
    return path


def personalise(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run("image", "personalise", *map(str, arguments))


def read(image: Path) -> tuple[dict[str, object], bytes | None]:
    boot = ImageBootFiles(image)
    settings = boot.read_file("hallpass.toml")
    assert settings is not None
    return tomllib.loads(settings.decode()), boot.read_file("hallpass.bundle")


def test_one_rooms_settings_and_enrolment_go_into_a_copy(image: Path, tmp_path: Path) -> None:
    before = image.read_bytes()
    bundle = make_bundle(tmp_path / "room4.bundle", "Room 4")
    made = tmp_path / "room4.img"
    done = personalise(
        image, "--room", "Room 4", "--bundle", bundle, "--set", "network.address=192.0.2.14/24",
        "--set", "gateway=192.0.2.1", "--set", "led.pin=22", "--set", "upstreams=192.0.2.53, 192.0.2.54",
        "--output", made,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{made}: Room 4\n"), done.stderr
    settings, enrolment = read(made)
    assert settings["room"] == {"name": "Room 4"}
    assert settings["network"] == {"address": "192.0.2.14/24", "gateway": "192.0.2.1"}
    assert settings["led"] == {"pin": 22}
    assert settings["dns"] == {"upstreams": ["192.0.2.53", "192.0.2.54"]}
    assert enrolment == bundle.read_bytes()
    assert image.read_bytes() == before
    assert made.stat().st_mode & 0o077 == 0
    assert b"# keys = [" in (ImageBootFiles(made).read_file("hallpass.toml") or b"")


@pytest.mark.parametrize(("terminal", "draws"), [("xterm", True), ("dumb", False)])
def test_a_bar_is_drawn_on_terminals_that_can_and_on_no_other(
    image: Path, tmp_path: Path, terminal: str, *, draws: bool
) -> None:
    made = tmp_path / "x.img"
    said = hallpass_on_a_terminal(
        "image", "personalise", str(image), "--room", "Room 4", "--output", str(made), TERM=terminal
    )
    assert ("\r\x1b" in said or "\x1b[?25" in said) == draws
    assert f"{made}: Room 4" in said


def test_the_file_system_is_still_whole(image: Path, tmp_path: Path) -> None:
    made = tmp_path / "x.img"
    assert personalise(image, "--room", "Room 4", "--output", made).returncode == 0
    fat = tmp_path / "fat"
    fat.write_bytes(made.read_bytes()[find_boot_offset(made) :][: BOOT_MB * 2**20])
    subprocess.run(["/usr/sbin/fsck.vfat", "-n", str(fat)], check=True, capture_output=True)


def test_a_packed_image_is_unpacked_on_the_way(image: Path, tmp_path: Path) -> None:
    packed = tmp_path / "hallpass-arm64.img.xz"
    packed.write_bytes(lzma.compress(image.read_bytes(), preset=0))
    image.unlink()
    done = personalise(packed, "--room", "Room 4")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hallpass-arm64-room-4.img", packed.name]
    assert read(tmp_path / "hallpass-arm64-room-4.img")[0]["room"] == {"name": "Room 4"}


@pytest.mark.parametrize("stands_there", [False, True])
def test_what_is_unpacked_is_its_owners_alone_since_it_may_hold_a_token(
    image: Path, tmp_path: Path, *, stands_there: bool
) -> None:
    packed, raw = tmp_path / "hallpass-arm64.img.xz", tmp_path / "raw"
    packed.write_bytes(lzma.compress(image.read_bytes(), preset=0))
    if stands_there:
        raw.touch(mode=0o666)
    modes: set[int] = set()
    before = os.umask(0)
    try:
        unpack_image(packed, raw, lambda _bytes: modes.add(stat.S_IMODE(raw.stat().st_mode)))
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert raw.read_bytes() == image.read_bytes()


def test_a_packed_image_that_was_cut_off_leaves_nothing_behind(image: Path, tmp_path: Path) -> None:
    packed = tmp_path / "hallpass-arm64.img.xz"
    packed.write_bytes(lzma.compress(image.read_bytes(), preset=0)[:-40])
    done = personalise(packed, "--room", "Room 4")
    assert done.returncode == 1
    assert "damaged or cut off" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [image.name, packed.name]


def test_many_rooms_at_once(image: Path, tmp_path: Path) -> None:
    for number in (4, 5):
        make_bundle(tmp_path / f"room{number}.bundle", f"Room {number}", f"{TOKEN}{number}")
    table = tmp_path / "rooms.csv"
    table.write_bytes(
        b"\xef\xbb\xbfroom;bundle;address;led.driver\r\n"
        b"Room 4;room4.bundle;192.0.2.14/24;activity\r\n"
        b"Room 5;room5.bundle;192.0.2.15/24;\r\n\r\n"
    )
    cards = tmp_path / "cards"
    done = personalise(image, "--csv", table, "--set", "gateway=192.0.2.1", "--output", cards)
    assert done.returncode == 0, done.stderr
    names = ["hallpass-arm64-room-4.img", "hallpass-arm64-room-5.img"]
    assert sorted(path.name for path in cards.iterdir()) == names
    settings, enrolment = read(cards / names[1])
    assert settings["network"] == {"address": "192.0.2.15/24", "gateway": "192.0.2.1"}
    assert enrolment == (tmp_path / "room5.bundle").read_bytes()
    assert read(cards / names[0])[0]["led"] == {"driver": "activity"}


def test_every_mistake_in_a_table_is_said_with_its_line_before_anything_is_written(
    image: Path, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "room4.bundle", "Room 4")
    table = tmp_path / "rooms.csv"
    table.write_text(
        "room,bundle,address,gateway,led.pim\n"
        "Room 4,room4.bundle,192.0.2.14/24,192.0.2.1,\n"
        "Room 5,gone.bundle,192.0.2.15,192.0.2.1,\n"
        "Room 6,room4.bundle,,,17\n"
        "Room-4,,192.0.2.14/24,192.0.2.1,\n"
        ",,,,9\n"
    )
    cards = tmp_path / "cards"
    done = personalise(image, "--csv", table, "--output", cards)
    assert done.returncode == 1
    for words in (
        "nothing was written: 7 mistakes",
        "rooms.csv line 3: " + str(tmp_path / "gone.bundle") + ": cannot be read",
        "rooms.csv line 3: network.address: '192.0.2.15' does not say how large",
        "rooms.csv line 4: " + str(tmp_path / "room4.bundle") + ": enrols 'Room 4', not 'Room 6'",
        "rooms.csv line 4: led.pim: is not a setting; did you mean 'pin'?",
        "rooms.csv line 5: the host name room-4 is also that of Room 4 (rooms.csv line 2)",
        "rooms.csv line 5: the address 192.0.2.14 is also that of Room 4",
        "rooms.csv line 6: the room has no name",
    ):
        assert words in done.stderr
    assert list(cards.iterdir()) == []
    assert TOKEN not in done.stderr


def test_rows_that_contradict_each_other_are_found_however_they_are_written(image: Path, tmp_path: Path) -> None:
    table = tmp_path / "rooms.csv"
    table.write_text(
        "room,address,gateway,address6\n"
        "Room 4,192.0.2.14/24,192.0.2.1,2001:db8::14/64\n"
        "Room 5,192.0.2.15/25,192.0.2.1,2001:DB8:0::14/64\n"
        "Room 6,192.0.2.1/24,192.0.2.2,\n"
        "Room 7,192.0.2.17/24,192.0.2.15,\n"
        "Röom 4,192.0.2.18/24,192.0.2.254,\n"
    )
    done = personalise(image, "--csv", table, "--output", tmp_path / "cards")
    assert done.returncode == 1
    for words in (
        "line 3: the address 2001:db8::14 is also that of Room 4 (rooms.csv line 2)",
        "line 3: the network 192.0.2.0/25 lies in 192.0.2.0/24, that of Room 4 (rooms.csv line 2)",
        "line 4: the address 192.0.2.1 is the gateway of Room",
        "line 5: the gateway 192.0.2.15 is the address of Room 5",
        "line 6: the host name room-4 is also that of Room 4",
        "5 mistakes",
    ):
        assert words in done.stderr


def test_two_rows_do_not_share_the_address_that_the_image_brings(image: Path, tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.img"
    network = ("--set", "address=192.0.2.14/24", "--set", "gateway=192.0.2.1")
    assert personalise(image, "--room", "Room 4", *network, "--output", fixed).returncode == 0
    table = tmp_path / "rooms.csv"
    table.write_text("room\nRoom 4\nRoom 5\n")
    done = personalise(fixed, "--csv", table, "--output", tmp_path / "cards")
    assert "the address 192.0.2.14 is also that of Room 4" in done.stderr


def test_the_bundle_that_is_there_is_another_rooms(image: Path, tmp_path: Path) -> None:
    enrolled = tmp_path / "enrolled.img"
    bundle = make_bundle(tmp_path / "room4.bundle", "Room 4")
    assert personalise(image, "--bundle", bundle, "--output", enrolled).returncode == 0
    done = personalise(enrolled, "--room", "Room 5", "--output", tmp_path / "room5.img")
    assert done.returncode == 1
    assert "nothing was written: the hallpass.bundle that is there enrols 'Room 4', not 'Room 5'" in done.stderr
    again = tmp_path / "again.img"
    assert personalise(enrolled, "--room", "Room 4", "--set", "led.pin=22", "--output", again).returncode == 0
    assert read(again)[1] == bundle.read_bytes()


def test_an_address_that_is_centrals_own_is_a_mistake(image: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "room4.bundle"
    bundle.write_bytes(encode_enrolment(EnrolmentFile(room="Room 4", url="https://192.0.2.14:8082", token=TOKEN)))
    network = ("--set", "address=192.0.2.14/24", "--set", "gateway=192.0.2.1")
    done = personalise(image, "--bundle", bundle, *network, "--output", tmp_path / "x.img")
    assert "192.0.2.14 is central's address" in done.stderr
    assert not (tmp_path / "x.img").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"name,bundle\nRoom 4,\n", "there is no column 'room'"),
        (b"room,bundle\nRoom 4\n", "line 2: has 1 cells, but there are 2 columns"),
        (b"room\n\n", "names no room"),
        (b"room\nR\xe4um\n", "save it as 'CSV UTF-8'"),
        (b'room\n"Room 4\n', "line 2: unexpected end of data"),
    ],
)
def test_a_table_that_is_none_is_said(image: Path, tmp_path: Path, text: bytes, words: str) -> None:
    table = tmp_path / "rooms.csv"
    table.write_bytes(text)
    done = personalise(image, "--csv", table, "--output", tmp_path / "cards")
    assert done.returncode == 1
    assert words in done.stderr


def test_a_mounted_boot_partition_is_written_in_place(tmp_path: Path) -> None:
    boot = tmp_path / "HALLPASS"
    boot.mkdir()
    shutil.copy(SHIPPED, boot)
    bundle = make_bundle(tmp_path / "room4.bundle", "Room 4")
    assert personalise(boot, "--bundle", bundle, "--set", "language=cy").returncode == 0
    written = tomllib.loads((boot / "hallpass.toml").read_text())
    assert written["room"] == {"name": "Room 4"}
    assert written["web"] == {"language": "cy"}
    assert (boot / "hallpass.bundle").read_bytes() == bundle.read_bytes()
    assert "no boot partition of a card" in personalise(tmp_path, "--room", "Room 4").stderr


def test_nothing_that_is_there_is_overwritten(image: Path, tmp_path: Path) -> None:
    made = tmp_path / "room4.img"
    made.write_text("mine")
    done = personalise(image, "--room", "Room 4", "--output", made)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert made.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not an image", "it has no partition table"),
        (partition_table(0xEE), "of another kind"),
        (partition_table(0x83), "has no boot partition"),
        (partition_table(0x0C), "is cut off"),
    ],
)
def test_what_is_no_image_of_a_card_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(content)
    with pytest.raises(ImageInvalid, match=words):
        find_boot_offset(path)


def test_missing_tools_are_named_with_their_package(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    done = personalise(image, "--room", "Room 4")
    assert done.returncode == 1
    assert "mcopy, mtype, cp: not found; try: sudo apt install coreutils mtools" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--csv", "x.csv", "--room", "Room 4"), ("--room", "Room 4", "--set", "nonsense")],
    ids=["no room", "two ways", "no value"],
)
def test_wrong_use_is_said(image: Path, arguments: tuple[str, ...]) -> None:
    assert personalise(image, *arguments).returncode == 2
