""" "Tell a grown-up": one device drowns nobody, equal ones are one, and only what was really closed counts."""

from appliance.room.incidents import pupil_reports
from appliance.room.incidents.pupil_reports import MORE_REPORTS, REPORTS_PER_DEVICE, PupilReports, ReportOutcome
from dns.querylog.records import QueryRecord

NOW = 1_795_000_000
CHILD, OTHER = "192.0.2.7", "192.0.2.8"


def refused(device: str, name: str, second: int = NOW, count: int = 1) -> QueryRecord:
    return QueryRecord(
        second, device, "pupils", name, 1, "refused", "list", "gambling", "own", name, 0, count, 0.1
    )


def saw(*pairs: tuple[str, str]) -> PupilReports:
    reports = PupilReports()
    for device, name in pairs:
        reports.observe_blocked(refused(device, name))
    return reports


def tell(reports: PupilReports, device: str, name: str, now: float = NOW) -> ReportOutcome:
    return reports.take_report((device,), name, now, lambda address: f"token of {address}")[0]


def test_what_was_refused_to_a_device_is_told_with_what_the_room_saw() -> None:
    reports = saw((CHILD, "bad.example"), (CHILD, "bad.example"))
    outcome, incident = reports.take_report((CHILD,), "bad.example", NOW, lambda address: f"token of {address}")
    assert outcome == "told"
    assert incident is not None
    assert (incident.kind, incident.device) == ("told-a-grown-up", f"token of {CHILD}")
    assert incident.evidence == ("bad.example", "this room refused it to this device 2 times just before")


def test_a_name_that_was_not_refused_to_that_device_lately_is_no_report() -> None:
    reports = saw((CHILD, "bad.example"))
    assert tell(reports, CHILD, "made-up.example") == "unseen"
    assert tell(reports, OTHER, "bad.example") == "unseen"
    assert tell(reports, CHILD, "bad.example", NOW + pupil_reports.SEEN_SECONDS + 1) == "unseen"


def test_the_other_address_of_the_same_device_finds_what_was_refused_to_it() -> None:
    reports = saw((CHILD, "bad.example"))
    outcome, _ = reports.take_report(("2001:db8::7", CHILD), "bad.example", NOW, str)
    assert outcome == "told"


def test_the_same_page_of_the_same_device_is_one_report() -> None:
    reports = saw((CHILD, "bad.example"), (OTHER, "bad.example"))
    assert [tell(reports, CHILD, "bad.example", NOW + at) for at in range(30)] == ["told", *["again"] * 29]
    assert tell(reports, OTHER, "bad.example") == "told"
    reports.observe_blocked(refused(CHILD, "bad.example", NOW + pupil_reports.MERGE_SECONDS))
    assert tell(reports, CHILD, "bad.example", NOW + pupil_reports.MERGE_SECONDS) == "told"


def test_thirty_reports_of_one_device_leave_another_its_own() -> None:
    names = [f"n{number}.example" for number in range(30)]
    reports = saw(*((CHILD, name) for name in names), (OTHER, "bad.example"))
    said = [tell(reports, CHILD, name) for name in names]
    assert said == ["told"] * REPORTS_PER_DEVICE + ["enough"] * (30 - REPORTS_PER_DEVICE)
    assert tell(reports, OTHER, "bad.example") == "told"


def test_many_addresses_of_one_device_keep_no_first_report_of_another_away() -> None:
    addresses = [f"2001:db8::{number:x}" for number in range(1, 201)]
    reports = saw(*((one, name) for one in addresses for name in ("a.example", "b.example", "c.example")))
    said = [tell(reports, one, name) for one in addresses for name in ("a.example", "b.example", "c.example")]
    assert said.count("told") == len(addresses) + MORE_REPORTS
    reports.observe_blocked(refused(OTHER, "bad.example"))
    assert tell(reports, OTHER, "bad.example") == "told"


def test_memory_is_bounded_however_many_devices_and_names_there_are() -> None:
    reports = PupilReports()
    for number in range(pupil_reports.MAX_DEVICES + 10):
        reports.observe_blocked(refused(f"2001:db8::{number:x}", "bad.example"))
    for number in range(pupil_reports.MAX_NAMES_PER_DEVICE + 10):
        reports.observe_blocked(refused(CHILD, f"n{number}.example"))
    assert tell(reports, "2001:db8::1", "bad.example") == "unseen"
    assert tell(reports, CHILD, "n0.example") == "unseen"
    assert tell(reports, CHILD, f"n{pupil_reports.MAX_NAMES_PER_DEVICE + 9}.example") == "told"


def test_a_clock_that_went_back_silences_nobody() -> None:
    reports = saw((CHILD, "bad.example"))
    assert tell(reports, CHILD, "bad.example") == "told"
    reports.observe_blocked(refused(CHILD, "bad.example", NOW - 7200))
    assert tell(reports, CHILD, "bad.example", NOW - 7200) == "told"
