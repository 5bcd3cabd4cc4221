"""What rooms and scripts may ask of central: for each operation, an address and a message for every call."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from appliance import protocol
from appliance.operations import OPERATIONS, SCRIPTS_PATH
from appliance.script_interface import decisions
from tests.bench.school_years import TRUST
from tests.fakes.furnished import OF_COORDINATORS, FurnishedSchool
from tests.fakes.pinned_room import PinnedRoom
from tests.fakes.school import PASSWORD

Call = tuple[str, bytes | None]  # below the interface's address, and the body


def examples(school: FurnishedSchool) -> Mapping[str, Iterator[Call]]:
    """Return for each operation what to call, again and again; what is left out is measured as a service alone."""
    return {**_of_rooms(school), **_of_scripts()}


def _of_rooms(school: FurnishedSchool) -> dict[str, Iterator[Call]]:
    now = school.clock()
    hour = int(now.timestamp()) // 3600
    digest = "0" * 64
    health = protocol.RoomHealth(version="0.1.0", policy=1, index="", index_age_seconds=1, conditions=())
    counted = protocol.HourCounts(
        hour=hour,
        answers=tuple(protocol.CountedAnswers("refused", one, 9) for one in ("games", "chat", "")),
        sites=tuple(protocol.CountedSite(f"s{at}.example.org", "games", 9) for at in range(20)),
    )
    seen = protocol.SeenDevices(
        devices=tuple(
            protocol.SeenDevice(mac=f"00:00:5e:00:53:{at:02x}", address=f"192.0.2.{at + 1}", seconds_ago=1)
            for at in range(60)
        )
    )
    heads = protocol.KeptHeads(tuple(protocol.KeptHead(number=at + 1, hash=digest, at=now) for at in range(100)))
    signing = PinnedRoom(Path(school.central.settings.central.data) / "bench-room", 0).signing_request()

    def action() -> protocol.RoomAction:
        return protocol.RoomAction(id=uuid4().hex, who="t7", what="lesson", happened_at=now)

    return {
        "request_certificate": _sent("/certificate", lambda: protocol.CertificateRequest(signing)),
        "get_page_certificate": _asked("/page-certificate"),
        "sign_page_certificate": _sent("/page-certificate", lambda: protocol.CertificateRequest(signing)),
        "get_policy": _asked("/policy"),
        "get_index": _asked(f"/index/{digest}"),
        "get_list_signature": _asked("/signatures/root.json"),
        "put_request": _delivered("requests", lambda: school.unblock_request(f"{uuid4().hex[:8]}.example.org")),
        "delete_request": (
            _call(f"/requests/{one}") for one in map("{:032x}".format, itertools.count(0, TRUST.rooms))
        ),
        "get_requests": _asked("/requests"),
        "put_report": _delivered(
            "reports",
            lambda: protocol.SiteReport(id=uuid4().hex, site="bad.example.org", teacher="t7", reported_at=now),
        ),
        "put_incident": _delivered(
            "incidents",
            lambda: protocol.Incident(
                id=uuid4().hex, kind="tunnel", happened_at=now, device="d1", evidence=("x.example.org",)
            ),
        ),
        "get_incidents": _asked("/incidents"),
        "get_lookups": _asked("/lookups"),
        "put_lookup": (
            _call(f"/lookups/{one}", protocol.LookupAnswer(id=one))
            for one in itertools.repeat(str(school.arguments["lookup_id"]))
        ),
        "put_action": _delivered("actions", action),
        "put_actions": _sent(
            "/actions", lambda: protocol.RoomActions(actions=tuple([action() for _ in range(64)]))
        ),
        "put_health": _sent("/health", lambda: health),
        "put_counts": _sent("/counts", lambda: counted),
        "put_audit_heads": _sent("/audit-heads", lambda: heads),
        "put_seen_devices": _sent("/seen-devices", lambda: seen),
        "get_accounts": _asked("/accounts"),
        "sign_in": _sent("/sign-in", lambda: protocol.Credentials("cora", PASSWORD)),
        "start_sign_in": _sent(
            "/sign-in/start",
            lambda: protocol.RoomSignInStart(state_hash=digest, return_url="http://192.0.2.1/sign-in/ticket"),
        ),
        "redeem_ticket": _sent(
            "/sign-in/ticket", lambda: protocol.SignInTicket(id="0" * 32, state=digest, ticket=digest)
        ),
        "get_log_key": _asked("/log-key"),
    }


def _of_scripts() -> dict[str, Iterator[Call]]:
    waiting = map("{:032x}".format, itertools.count(20))
    rules, openings = itertools.count(20), itertools.count(50_020)
    of = SCRIPTS_PATH
    read = [
        one for one in OPERATIONS if one.method == "GET" and one.right in OF_COORDINATORS and not one.parameters
    ]
    return {one.id: _asked(one.path) for one in read} | {
        "list_school_rooms": _asked(f"{of}/rooms"),
        "list_school_requests": _asked(f"{of}/requests?state=decided"),
        "approve_school_request": (
            _call(f"{of}/requests/{one}/approval", decisions.Approval()) for one in waiting
        ),
        "deny_school_request": (
            _call(f"{of}/requests/{one}/denial", decisions.Denial(answer="Not today")) for one in waiting
        ),
        "list_school_openings": _asked(f"{of}/openings"),
        "open_school_site": _sent(
            f"{of}/openings", lambda: decisions.NewOpening(site=f"{uuid4().hex[:8]}.example.org", minutes=5)
        ),
        "end_school_opening": (_call(f"{of}/openings/{one}") for one in openings),
        "list_school_rules": _asked(f"{of}/rules"),
        "add_school_rule": _sent(
            f"{of}/rules", lambda: decisions.NewRule(name=f"{uuid4().hex[:8]}.example.org", action="block")
        ),
        "remove_school_rule": (_call(f"{of}/rules/{one}") for one in rules),
        "get_school_report": _asked(f"{of}/reports/annual"),
    }


def _call(path: str, message: msgspec.Struct | None = None) -> Call:
    return path, None if message is None else msgspec.json.encode(message)


def _asked(path: str) -> Iterator[Call]:
    return itertools.repeat(_call(path))


def _sent(path: str, make: Callable[[], Any]) -> Iterator[Call]:
    return (_call(path, make()) for _ in itertools.count())


def _delivered(kind: str, make: Callable[[], Any]) -> Iterator[Call]:
    return (_call(f"/{kind}/{one.id}", one) for one in (make() for _ in itertools.count()))
