"""What central shows its rooms: files that are made when they are missing, end soon, or are of no authority."""

import os
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete

from appliance.central.models import RoomAuthorityRow
from appliance.central.room_keys import list_authorities
from appliance.central.rooms_authority import add_authority, end_authority
from appliance.pinned_tls import AUTHORITIES_FILE, PinnedContexts
from tests.fakes.school import FakeSchool


def folder_of(school: FakeSchool) -> Path:
    return school.central.rooms_tls.folder


def add(school: FakeSchool) -> str:
    with school.store.write_session() as session:
        return add_authority(session, school.central.keys, school.clock(), by="test").id


def test_the_first_start_makes_an_authority_and_the_next_ones_find_everything(school: FakeSchool) -> None:
    files = school.central.rooms_tls
    assert not files.are_current()
    files.refresh()
    with school.store.read_session() as session:
        (row,) = list_authorities(session)
    assert files.are_current()
    before = (folder_of(school) / f"{row.id}.pem").read_bytes()
    files.refresh()
    assert (folder_of(school) / f"{row.id}.pem").read_bytes() == before
    school.clock.time += timedelta(days=131)
    files.refresh()
    assert (folder_of(school) / f"{row.id}.pem").read_bytes() != before
    assert files.are_current()


def test_damaged_files_are_made_anew(school: FakeSchool) -> None:
    files = school.central.rooms_tls
    files.refresh()
    for path in folder_of(school).iterdir():
        for damage in (lambda path: path.write_bytes(b"\0\xff"), os.mkfifo, Path.mkdir):
            path.unlink()
            damage(path)
            assert not files.are_current()
            files.refresh()
            assert files.are_current()


def test_two_authorities_are_shown_until_one_is_ended(school: FakeSchool) -> None:
    school.central.rooms_tls.refresh()
    with school.store.read_session() as session:
        (first,) = list_authorities(session)
    school.clock.time += timedelta(days=1)
    second = add(school)
    school.central.rooms_tls.refresh()
    contexts = PinnedContexts(folder_of(school))
    assert contexts.find_context(first.id) is not None
    assert contexts.find_context(second) is not None
    with school.store.write_session() as session:
        end_authority(session, school.clock(), authority_id=first.id, by="test")
    school.central.rooms_tls.refresh()
    assert contexts.find_context(first.id) is None
    assert contexts.find_context(second) is not None
    assert contexts.find_context("../../etc/x") is None


def test_a_database_that_was_put_back_to_before_a_roll_over_cuts_off_nobody(school: FakeSchool) -> None:
    school.central.rooms_tls.refresh()
    school.clock.time += timedelta(days=1)
    second = add(school)
    school.central.rooms_tls.refresh()
    with school.store.write_session() as session:
        session.execute(delete(RoomAuthorityRow).where(RoomAuthorityRow.id == second))
    school.clock.time += timedelta(days=200)
    school.central.rooms_tls.refresh()
    assert PinnedContexts(folder_of(school)).find_context(second) is not None
    assert (folder_of(school) / AUTHORITIES_FILE).read_text().count("BEGIN") == 2


def test_without_its_key_file_central_goes_on_with_what_there_is(school: FakeSchool) -> None:
    school.central.rooms_tls.refresh()
    kept = {path.name: path.read_bytes() for path in folder_of(school).iterdir()}
    school.central.keys.path.unlink()
    school.clock.time += timedelta(days=200)
    school.central.rooms_tls.refresh()
    assert {path.name: path.read_bytes() for path in folder_of(school).iterdir()} == kept
    assert not school.central.keys.path.exists()
