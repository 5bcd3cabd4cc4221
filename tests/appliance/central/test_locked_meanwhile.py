"""An opening whose site a lock has closed meanwhile is not lengthened, not put back, and not said to be open."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.central import rules, unblocks, undo
from appliance.central.devices import imports, inventory
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import UnblockRow
from appliance.central.rules import RuleFields
from appliance.cli import hallpass
from tests.fakes.school import FakeSchool

SITE = "games.example.org"
HOUR = timedelta(hours=1)
STAYS_CLOSED = r"stays closed: Nobody can open it\. Nothing was opened"


def open_site(school: FakeSchool, site: str = SITE, **how: Any) -> UnblockRow:
    with school.store.write_session() as session:
        return unblocks.open_site(session, school.clock(), site=site, minutes=30, by="cora", **how)


def lock(school: FakeSchool, name: str = "example.org", groups: tuple[str, ...] = ()) -> None:
    fields = RuleFields(name=name, action="block", locked=True, groups=groups)
    with school.store.write_session() as session:
        rules.create_rule(session, school.clock(), fields=fields, by="dora")


def require_opening(school: FakeSchool, *asked: Any) -> None:
    with school.store.read_session() as session:
        school.central.preview.require_opening(session, *asked)


def change(school: FakeSchool, opening: UnblockRow, **times: Any) -> UnblockRow:
    with school.store.write_session() as session:
        return unblocks.change_unblock(
            session, school.clock(), unblock_id=opening.id, by="cora",
            check_opening=school.central.preview.require_opening, **times,
        )  # fmt: skip


def still_closed(school: FakeSchool) -> dict[int, tuple[list[str], list[str]]]:
    with school.store.read_session() as session:
        found = unblocks.list_active_unblocks(session, school.clock())
        closed = school.central.preview.find_still_closed(session, found)
    return {key: (one.by_trust, one.locked) for key, one in closed.items()}


def test_an_opening_whose_site_a_lock_closed_is_not_lengthened_but_can_be_shortened(school: FakeSchool) -> None:
    now = school.clock()
    begun, planned = open_site(school), open_site(school, since=now + 2 * HOUR)
    lock(school)
    more: tuple[tuple[UnblockRow, dict[str, Any]], ...] = (
        (begun, {"until": now + HOUR}),
        (planned, {"until": now + 4 * HOUR}),
        (planned, {"since": now + HOUR, "until": planned.until}),
    )
    for opening, times in more:
        with pytest.raises(NotPossible, match=STAYS_CLOSED):
            change(school, opening, **times)
    assert change(school, begun, until=now + timedelta(minutes=5)).until == now + timedelta(minutes=5)


def test_an_opening_is_not_lengthened_either_where_a_name_that_opens_with_it_was_locked(
    school: FakeSchool,
) -> None:
    opening = open_site(school, "good.example.net", also=(SITE,))
    lock(school)
    with pytest.raises(NotPossible, match=f"^{SITE} {STAYS_CLOSED}"):
        change(school, opening, until=school.clock() + HOUR)


def test_what_was_ended_early_is_not_put_back_once_it_is_locked(school: FakeSchool) -> None:
    opening = open_site(school)
    with school.store.write_session() as session:
        ended = unblocks.end_unblock(session, school.clock(), unblock_id=opening.id, by="cora")
    lock(school)
    with school.store.write_session() as session, pytest.raises(NotPossible, match=STAYS_CLOSED):
        undo.undo_change(
            session, school.clock(), change=ended, by="cora", check_opening=school.central.preview.require_opening
        )


def test_what_a_lock_has_closed_is_listed_as_such(school: FakeSchool, tmp_path: Path) -> None:
    school.clock.time = datetime.now(UTC)  # the command's
    first, second = open_site(school), open_site(school, "good.example.net", also=("cdn.example.org",))
    whole, staff = open_site(school, "fine.example.net"), open_site(school, "staff.example.net", groups=("staff",))
    assert still_closed(school) == {}
    lock(school)
    lock(school, "staff.example.net", groups=("staff",))
    lock(school, "fine.example.net", groups=("staff",))  # not of those whom it is opened for by default
    locked = {first.id: [SITE], second.id: ["cdn.example.org"], staff.id: ["staff.example.net"]}
    assert still_closed(school) == {key: ([], names) for key, names in locked.items()}
    config = tmp_path / "central.toml"
    config.write_text(f'[central]\nschool = "Example Primary"\ndata = "{tmp_path / "central"}"\n')
    told = CliRunner().invoke(hallpass, ["central", "openings", "list", "--json", "--config", str(config)])
    assert {one["id"]: one["locked"] for one in json.loads(told.output)} == {**locked, whole.id: []}
    told = CliRunner().invoke(hallpass, ["central", "openings", "list", "--config", str(config)])
    assert told.output.count("  locked: ") == 3


@pytest.mark.parametrize(
    "asked", [("good.example.net", ("cdn.example.org",)), (SITE, (), ("staff", "pupils")), (SITE, (), ("pupils",))]
)
def test_nothing_is_opened_of_which_a_part_or_a_group_stays_closed(
    school: FakeSchool, asked: tuple[object, ...]
) -> None:
    with school.store.write_session() as session:
        fields = inventory.check_fields(session, name="Laptop", addresses="192.0.2.9", group="staff", note="")
        inventory.add_device(session, school.clock(), fields, by="cora")
    require_opening(school, *asked)
    lock(school, groups=("pupils",))
    with pytest.raises(NotPossible, match=STAYS_CLOSED):
        require_opening(school, *asked)
    require_opening(school, SITE, (), ("staff",))


def test_the_desk_opens_a_request_without_the_name_that_is_locked(school: FakeSchool) -> None:
    """What was asked for with it can be left out (`also`): then nothing of the opening stays closed."""
    require_opening(school, SITE, ("ads.example.net",))
    lock(school, "ads.example.net")
    with pytest.raises(NotPossible, match=STAYS_CLOSED):
        require_opening(school, SITE, ("ads.example.net",))
    require_opening(school, SITE, ())


@pytest.mark.parametrize(
    "written", ["no such laptop", "192.0.2.0/24", "token:0123456789ab", "02:00:5e:00:53", "*"]
)
def test_nothing_is_opened_for_a_device_that_there_is_not(school: FakeSchool, written: str) -> None:
    with pytest.raises(NotFound, match="there is no device"):
        open_site(school, device=written)


def test_no_device_is_called_as_a_room_calls_one(school: FakeSchool) -> None:
    with school.store.read_session() as session, pytest.raises(NotPossible, match="how a room calls a device"):
        inventory.check_fields(session, name="Token:0123456789ab", addresses="192.0.2.9", group="", note="")


def test_what_is_open_for_one_device_goes_with_its_name(school: FakeSchool) -> None:
    school.enrol()
    renamed: Callable[[str], inventory.DeviceFields] = lambda name: inventory.DeviceFields(  # noqa: E731 (short)
        name=name, addresses=("02:00:5e:00:53:01",), group="", note=""
    )
    with school.store.write_session() as session:
        device = inventory.add_device(session, school.clock(), renamed("Laptop É"), by="cora")
    assert open_site(school, device="  laptop  É ").device == "Laptop É"
    assert open_site(school, "b.example.org", device="02-00-5E-00-53-01").device == "02:00:5e:00:53:01"
    with school.store.write_session() as session:
        inventory.change_device(session, school.clock(), device.id, renamed("Tablet 1"), by="cora")
    assert [one.device for one in school.document().unblocks] == ["Tablet 1", "02:00:5e:00:53:01"]
    with school.store.write_session() as session:
        kept = imports.keep_import(session, school.clock(), b"name,mac\nTrolley 1,02:00:5e:00:53:01\n", by="cora")
        plan = imports.plan_import(session, imports.get_import(session, kept).content)
        imports.save_import(session, school.clock(), kept, plan.digest, by="cora")
    assert [one.device for one in school.document().unblocks] == ["Trolley 1", "02:00:5e:00:53:01"]
    with school.store.write_session() as session:
        imports.undo_import(session, school.clock(), kept, by="cora")
    assert [one.device for one in school.document().unblocks] == ["Tablet 1", "02:00:5e:00:53:01"]
