"""Signed lists in a folder: what a room makes of it, and what is there when the export is stopped."""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import files
from appliance.central.errors import CentralError, NotPossible
from appliance.central.tuf_repository.list_export import ExportedLists, export_lists
from appliance.exported_lists import INDEXES_FOLDER, SIGNATURES_FOLDER
from appliance.room.agent.tuf_client import check_index
from appliance.room.agent.tuf_messages import SignatureCheck, SignaturesGood
from tests.fakes.signing_central import SigningCentral

FIRST, SECOND = "a1" * 32, "b2" * 32


def no_report(done: int, of: int) -> None:
    assert done <= of


class Exporter:
    """A central, and a folder on a stick."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.central = SigningCentral(place / "central")
        self.stick = place / "stick"
        self.stick.mkdir()
        self.folder = self.stick / "lists"
        self.central.sign(FIRST, b"first" * 1000)

    def export(self, report: Callable[[int, int], None] = no_report, folder: Path | None = None) -> ExportedLists:
        data = self.place / "central"
        return export_lists(data, self.central.folder, folder or self.folder, self.central.now, report)

    def dies_while_exporting(self, prepare: Callable[[], None], report: Callable[[int, int], None]) -> int:
        """Export in a process of its own; return how that ended (`os.waitpid`)."""
        child = os.fork()
        if child == 0:
            prepare()
            try:
                self.export(report)
            except CentralError:
                os._exit(1)
            os._exit(0)
        return os.waitpid(child, 0)[1]

    def signed_index(self) -> str:
        """Return which index a room finds in the folder, whole; "": none that it would take."""
        metadata = self.folder / SIGNATURES_FOLDER

        def fetch(name: str, max_bytes: int) -> bytes | None:
            path = metadata / name
            return path.read_bytes()[:max_bytes] if path.exists() else None

        for version in (FIRST, SECOND):
            trust = self.place / "room" / os.urandom(8).hex()
            job = SignatureCheck(
                folder=str(trust), trusted_root=(metadata / "1.root.json").read_bytes(), version=version,
                time=self.central.now.timestamp(),
            )  # fmt: skip
            found = check_index(job, fetch)
            if isinstance(found, SignaturesGood):
                path = self.folder / INDEXES_FOLDER / version / "index.hpx"
                return version if path.stat().st_size == found.whole.length else ""
        return ""


@pytest.fixture
def exporter(tmp_path: Path) -> Exporter:
    return Exporter(tmp_path)


def test_a_room_finds_in_the_folder_what_central_has_signed_and_no_secret(exporter: Exporter) -> None:
    exporter.central.put(FIRST, b"overlay", "from-00.hpx")
    exporter.central.repository.sign_index(exporter.central.indexes / FIRST)
    made = exporter.export()
    assert (made.index, made.files, made.size) == (FIRST, 2, 5007)
    assert (made.good_until - exporter.central.now).days == 30
    assert exporter.signed_index() == FIRST
    found = {str(path.relative_to(exporter.folder)) for path in exporter.folder.rglob("*") if path.is_file()}
    assert f"{INDEXES_FOLDER}/{FIRST}/from-00.hpx" in found
    assert not [name for name in found if "key" in name or "state" in name]
    for path in (exporter.folder, *exporter.folder.rglob("*")):
        assert path.stat().st_mode & 0o444 == 0o444, "a web server reads it, whoever that is"


@pytest.mark.parametrize("can_swap", [True, False])
def test_an_earlier_export_is_replaced_also_by_other_keys(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch, *, can_swap: bool
) -> None:
    if not can_swap:  # as on exFAT
        monkeypatch.setattr(files, "swap_names", lambda _one, _other: False)
    exporter.export()
    exporter.central.rotate(with_root=True)
    exporter.central.sign(SECOND, b"second")
    exporter.export()
    assert exporter.signed_index() == SECOND
    assert [path.name for path in exporter.stick.iterdir()] == ["lists"], "nothing is left beside it"
    assert [path.name for path in (exporter.folder / INDEXES_FOLDER).iterdir()] == [SECOND]


@pytest.mark.parametrize("at", [0, 1])
def test_a_stick_that_is_pulled_out_has_what_it_had(exporter: Exporter, at: int) -> None:
    exporter.export()
    exporter.central.rotate(with_root=True)
    exporter.central.sign(SECOND, b"second" * 1000)

    def stop(done: int, of: int) -> None:
        if done >= at * of:
            os.kill(os.getpid(), signal.SIGKILL)

    assert os.WTERMSIG(exporter.dies_while_exporting(lambda: None, stop)) == signal.SIGKILL
    assert exporter.signed_index() == FIRST
    exporter.export()
    assert exporter.signed_index() == SECOND
    assert [path.name for path in exporter.stick.iterdir()] == ["lists"], "the next export clears away"


def test_a_stop_between_two_renames_is_mended_by_the_next_export(exporter: Exporter) -> None:
    exporter.export()
    exporter.folder.rename(exporter.stick / ".lists.before")
    files.put_back_folder(exporter.folder)
    assert exporter.signed_index() == FIRST


def test_a_full_stick_has_what_it_had(exporter: Exporter) -> None:
    exporter.export()
    exporter.central.sign(SECOND, b"second" * 100_000)

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    assert os.waitstatus_to_exitcode(exporter.dies_while_exporting(fill, no_report)) == 1
    assert exporter.signed_index() == FIRST
    assert [path.name for path in exporter.stick.iterdir()] == ["lists"]


def test_what_is_no_export_is_left_alone(exporter: Exporter) -> None:
    exporter.folder.mkdir()
    exporter.export()  # an empty folder is nothing
    (exporter.folder / "homework.txt").write_text("mine")
    photos = exporter.stick / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"")
    (exporter.stick / "file").write_bytes(b"")
    for folder in (exporter.folder, photos, exporter.stick / "file", exporter.place / "central"):
        with pytest.raises(NotPossible, match="something else"):
            exporter.export(folder=folder)
    with pytest.raises(NotPossible, match="whole disk"):
        exporter.export(folder=Path("/proc"))
    with pytest.raises(CentralError, match="No such file"):
        exporter.export(folder=exporter.stick / "none" / "lists")
    assert (exporter.folder / "homework.txt").read_text() == "mine"


def test_what_no_room_would_take_is_not_written(exporter: Exporter) -> None:
    index = exporter.central.indexes / FIRST / "index.hpx"
    index.write_bytes(b"other" * 1000)
    with pytest.raises(CentralError, match="damaged"):
        exporter.export()
    exporter.central.pass_days(31)
    with pytest.raises(NotPossible, match="signatures ended"):
        exporter.export()
    for left in exporter.central.metadata.iterdir():
        left.unlink()
    with pytest.raises(NotPossible, match="nothing is signed"):
        exporter.export()
    assert list(exporter.stick.iterdir()) == []
