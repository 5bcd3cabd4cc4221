"""Central makes an overlay where it saves a download, once, and gives the whole index where it does not."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from appliance.central.errors import Busy, CentralError
from appliance.central.lists.deltas import IndexDeltas
from blocklists.compiler import build_index
from blocklists.container import INDEX_NAME
from blocklists.sources import Source


def publish(folder: Path, names: list[str]) -> str:
    """Compile names as a published index and return its hash."""
    text = folder / "names.txt"
    text.write_text("\n".join(names) + "\n")
    source = Source(name="ours", category="games", location=str(text), match="subdomains")
    version = build_index([source], folder / "building").version
    home = folder / "indexes" / version
    home.mkdir(parents=True, exist_ok=True)
    (folder / "building" / INDEX_NAME).replace(home / INDEX_NAME)
    return version


def signed_by_nobody(_: Path) -> None:
    """Sign nothing: what is signed has tests of its own."""


NAMES = [f"site{number}.example" for number in range(3000)]


def test_a_small_change_is_a_small_file_that_is_made_once(tmp_path: Path) -> None:
    old, new = publish(tmp_path, NAMES), publish(tmp_path, [*NAMES, "added.example"])
    overlays = IndexDeltas(tmp_path / "indexes", signed_by_nobody)
    first = overlays.find_delta(new, old)
    assert first is not None
    assert first.stat().st_size < (tmp_path / "indexes" / new / INDEX_NAME).stat().st_size
    made = first.stat().st_mtime_ns
    again = overlays.find_delta(new, old)
    assert again == first
    assert again.stat().st_mtime_ns == made


def test_nobody_waits_while_one_is_made(tmp_path: Path) -> None:
    """A thousand rooms ask at once; each that waited would hold one of the server's few threads."""
    old, new = publish(tmp_path, NAMES), publish(tmp_path, [*NAMES, "added.example"])
    overlays = IndexDeltas(tmp_path / "indexes", signed_by_nobody)
    together = threading.Barrier(4)

    def ask(_: int) -> Path | Busy | None:
        together.wait()
        try:
            return overlays.find_delta(new, old)
        except Busy as busy:
            return busy

    with ThreadPoolExecutor(4) as rooms:
        answers = list(rooms.map(ask, range(4)))
    sent_away = [one for one in answers if isinstance(one, Busy)]
    assert len(sent_away) == 3
    assert all(one.retry_seconds > 0 for one in sent_away)
    assert overlays.find_delta(new, old) in answers
    assert not list((tmp_path / "indexes" / new).glob("*.new"))


def test_a_large_change_is_better_downloaded_whole(tmp_path: Path) -> None:
    old, new = publish(tmp_path, NAMES), publish(tmp_path, [f"other-{name}" for name in NAMES])
    overlays = IndexDeltas(tmp_path / "indexes", signed_by_nobody)
    assert overlays.find_delta(new, old) is None
    assert overlays.find_delta(new, old) is None


def test_a_base_that_is_not_kept_or_no_hash_gives_the_whole(tmp_path: Path) -> None:
    version = publish(tmp_path, NAMES)
    overlays = IndexDeltas(tmp_path / "indexes", signed_by_nobody)
    for base in ("f" * 64, "", "../../etc", version):
        assert overlays.find_delta(version, base) is None


def test_what_cannot_be_signed_is_not_offered_and_tried_again(tmp_path: Path) -> None:
    """Rooms would fetch it in vain: they get the whole index, which is signed."""
    old, new = publish(tmp_path, NAMES), publish(tmp_path, [*NAMES, "added.example"])
    signed: list[Path] = []

    def sign(index: Path) -> None:
        signed.append(index)
        if len(signed) == 1:
            raise CentralError("the key file is missing")

    overlays = IndexDeltas(tmp_path / "indexes", sign)
    assert overlays.find_delta(new, old) is None
    assert overlays.find_delta(new, old) is not None
    assert signed == [tmp_path / "indexes" / new] * 2
