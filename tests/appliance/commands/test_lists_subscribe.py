"""From nothing to "primary school" in one step, on the command line."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from appliance.central.models import PublicationRow, SourceRow
from appliance.central.service import open_central
from appliance.cli import main
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from blocklists import catalogue
from blocklists.index import open_index
from blocklists.sources import load_sources
from tests.blocklists.factories import closed

PRIMARY = catalogue.load_catalogue().find_set("primary-school")


class Ran:
    def __init__(self, status: int, said: str) -> None:
        self.status = status
        self.said = said


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    with pytest.raises(SystemExit) as stopped:
        main(["lists", "subscribe", *(str(argument) for argument in arguments)])
    said = capsys.readouterr()
    return Ran(stopped.value.code if isinstance(stopped.value.code, int) else 0, said.out + said.err)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A folder with a copy of every list of the set, each of them closing what is taught with, too."""
    folder = tmp_path / "copies"
    for one in catalogue.load_catalogue().find_lists(["primary-school"]):
        text = f"{one.id}.bad.example\nttrockstars.com\nlogin.live.com\nminecraft.net\n"
        if one.format == "squidguard":
            (folder / one.id).mkdir(parents=True)
            (folder / one.id / "domains").write_text(text)
            (folder / one.id / "usage").write_text("black\n")
        else:
            (folder / f"{one.id}.txt").write_text("".join(f"0.0.0.0 {name}\n" for name in text.split()))
    return folder


def test_a_room_gets_the_whole_set_in_one_step(
    tmp_path: Path, copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = run(capsys, "primary-school", "--output", tmp_path / "index", "--from", copies)

    assert ran.status == 0, ran.said
    assert "What it lacks: " in ran.said
    assert {one.name for one in load_sources(tmp_path / "index" / "sources.toml")} == set(PRIMARY.lists)
    index = open_index(tmp_path / "index")
    assert {one.name for one in index.sources} == set(PRIMARY.lists)
    assert closed(index, "minecraft.net", "ut1-games.bad.example", "ttrockstars.com", "login.live.com") == {
        "minecraft.net": True,
        "ut1-games.bad.example": True,
        "ttrockstars.com": False,
        "login.live.com": False,
    }


def test_a_list_that_the_folder_lacks_is_left_out_and_said(
    tmp_path: Path, copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copies / "stevenblack-unified.txt").unlink()

    ran = run(capsys, "primary-school", "--output", tmp_path / "index", "--from", copies)

    assert ran.status == 1
    assert "left out: stevenblack-unified" in ran.said
    assert "the index is built without 1 lists of the set" in ran.said
    assert len(open_index(tmp_path / "index").sources) == len(PRIMARY.lists) - 1


def test_wrong_use_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "primary-school").status == 2
    missing = run(capsys, "nursery", "--output", tmp_path / "index")
    assert missing.status == 1
    assert "no set 'nursery'; there are primary-school" in missing.said
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds none of the lists" in run(capsys, "light", "--output", tmp_path / "index", "--from", empty).said


def test_a_central_subscribes_its_school_and_publishes(
    tmp_path: Path, copies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = {one.id: copies / (one.id if one.format == "squidguard" else f"{one.id}.txt") for one in _lists()}
    known = catalogue.load_catalogue()
    here = [
        msgspec.structs.replace(one, url=str(local[one.id])) if one.id in local else one for one in known.lists
    ]
    monkeypatch.setattr(
        "appliance.central.lists.set_subscription.load_catalogue",
        lambda: catalogue.Catalogue(lists=tuple(here), sets=known.sets),
    )
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "data"\n')

    ran = run(capsys, "primary-school", "--central", config)

    assert ran.status == 0, ran.said
    assert "profiles added, without devices yet: early years" in ran.said
    assert "Published: every room follows." in ran.said
    central = open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        assert set(session.scalars(select(SourceRow.name))) == set(PRIMARY.lists)
        (published,) = session.scalars(select(PublicationRow))
    index = open_index(tmp_path / "data" / "indexes" / published.hash)
    central.store.close()
    assert closed(index, "ut1-games.bad.example", "ttrockstars.com") == {
        "ut1-games.bad.example": True,
        "ttrockstars.com": False,
    }


def _lists() -> tuple[catalogue.CatalogueList, ...]:
    return catalogue.load_catalogue().find_lists(["primary-school"])
