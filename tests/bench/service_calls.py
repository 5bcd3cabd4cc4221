"""Every service of central with something to give it, found in the modules and not listed by hand.

A service is a public function of `appliance.central` that is given a session. What it is given besides goes by the
name of the parameter, or stands in `Services`. Those for which nothing stands here are named by the benchmark.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

import appliance.central
from appliance import protocol
from appliance.central import profiles, room_copies, rules, school_settings, script_keys, webhooks
from appliance.central.audit_search import AuditFilter
from appliance.central.devices.inventory import DeviceFields
from appliance.central.incidents.search import IncidentFilter
from appliance.central.incidents.states import StateChange
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.lists import sources
from appliance.central.models import DeviceRow, MailRow, ProfileRow, RequestRow, RoomRow, UnblockRow
from appliance.central.profile_settings import TimetableRow, read_settings
from appliance.central.unblocks import OpeningTime
from appliance.rights import Right
from dns.policy.document import Span
from tests.fakes.furnished import LONG_NAME, OF_COORDINATORS, PLAN_ID, FurnishedSchool
from tests.fakes.school import PASSWORD

# What others call within their own transaction, or that reads everything there is by its nature.
LEFT_OUT = {
    "audit_verification.read_stored_entries": "all of it: measured as `verify_audit`",
    "audit_verification.verify_audit": "all of it: measured by itself",
    "change_channel.notify_in_transaction": "PostgreSQL's, at each commit",
    "change_scope.collect_scope": "SQLAlchemy's own call at each flush",
    "count_rows.prune_rows": "measured as `counts.prune_counts`",
    "count_rows.put_rows": "measured as `counts.receive_counts`",
    "count_rows.take_rows": "measured as `counts.receive_counts`",
    "epoch.begin_epoch": "of a restore",
}
_LONG = {"audit_search.iterate_entries", "incidents.export.export_groups"}  # what writes a file of everything


class ServiceCall(msgspec.Struct, frozen=True):
    """A service, and how it is called."""

    name: str
    call: Callable[[Session], object]
    writes_file: bool


_OF_UNDO = ("read_value", "restore_value", "restore_builtin_list")  # measured by `undo_change`


def find_services() -> dict[str, Callable[..., Any]]:
    """Return every service, by its module and name."""
    found = {}
    packages = pkgutil.walk_packages(appliance.central.__path__, "appliance.central.")
    for one in packages:
        if ".migrations" in one.name or ".models" in one.name or one.name.endswith("process"):
            continue
        module = importlib.import_module(one.name)
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and function.__module__ == one.name and not name.startswith("_")
            if is_own and name not in _OF_UNDO and "session" in inspect.signature(function).parameters:
                found[f"{one.name.removeprefix('appliance.central.')}.{name}"] = function
    return found


class Services:
    """The services of a school that is filled (`tests.bench.school_years`)."""

    def __init__(self, school: FurnishedSchool) -> None:
        self._school = school
        now = school.clock()
        self._furnish()
        with school.store.read_session() as session:
            room = session.scalars(select(RoomRow)).first()
            assert room is not None
            self._room_id, self._room_name = room.id, room.name
            decided = select(RequestRow.id).where(RequestRow.state == "denied")
            self._denied = session.scalars(decided).first()
            of_room = select(RequestRow.id).where(RequestRow.room_id == room.id, RequestRow.state == "waiting")
            self._waiting = session.scalars(of_room).first()
            self._unblock = session.scalars(select(UnblockRow.id).where(UnblockRow.ended_at.is_(None))).first()
            self._closed = session.scalars(
                select(IncidentGroupRow.id).where(IncidentGroupRow.state == "closed")
            ).first()
            self._profile = read_settings(session.get_one(ProfileRow, "pupils"))
            settings = school_settings.read_settings(session)
        fields = rules.RuleFields(name="new.example.org", action="block")
        self._given: dict[str, Any] = {
            "now": now, "by": "cora", "username": "t7", "zone": ZoneInfo("Europe/London"), "token": "0" * 43,
            "handle": "0" * 16, "who": "cora", "right": Right.DECIDE_REQUESTS, "password": PASSWORD,
            "room_ids": (self._room_id,), "room_id": self._room_id, "name": "t8", "typed": "t9000x", "ends": None,
            "roles": ("teacher",), "keys": school.central.keys, "preview": school.central.preview,
            "check_opening": school.central.preview.require_opening,
            "since": now - timedelta(days=7), "until": now, "limit": 50, "page": 1, "group": "pupils",
            "device_id": 7, "addresses": "00:00:5e:00:53:77", "text": "laptop 7", "role": "governor",
            "words": "romans", "request_id": f"{7:032x}", "report_id": f"{7:032x}", "group_id": f"{7:032x}",
            "whose": "pupils", "answer": "", "reason": "A parent has asked", "plan_id": PLAN_ID, "minutes": 30,
            "days": 30, "key_hash": "0" * 64, "key_id": 1, "unblock_id": self._unblock, "webhook_id": 1,
            "rule_id": 7, "site": "www.new.example.org", "written": "www.s7.example.org", "profile": "pupils",
            "categories": ("games",), "category": "games", "sites": ("s7.example.org",), "kind": "weekly",
            "title": "Romans", "links": ("museum.example.org",), "names": ("cdn.example.org",), "per_day": 3,
            "place": "room", "url": "https://hook.example.org/", "address": "cora@example.org", "to": "t7",
            "teacher": "t7", "version": None, "changed": settings, "settings": self._profile,
            "fields": fields, "span": Span(first=now.date(), last=now.date(), name="Inset day"), "value": {},
            "row": TimetableRow(start="12:00", end="13:00", name="Lunch", opens=("games",)), "week": ["mon"],
            "wanted": AuditFilter(), "account": protocol.Account(username="t7", name="T", role="teacher"),
            "events": tuple(webhooks.EVENTS), "is_inside": False, "owner": "cora", "rights": (Right.SEE_ROOMS,),
            "digest": "daily", "on_request": True, "only_from": "", "networks": "192.0.2.0/24", "moves": (),
            "arrival": room_copies.Arrival(), "claim": timedelta(minutes=5), "lookup_id": "1" * 32, "error": "x",
            "suffix": "rooms.example.org", "device": "d7" * 6, "is_used": True, "is_news": True, "mail_id": 1,
            "next_try_at": now, "content": b"name,addresses,group\nnew,00:00:5e:00:53:79,pupils\n",
            "import_id": school.arguments["import_id"], "shown": "", "subject": "x", "subjects": ("x",),
            "recipients": ("cora@example.org",), "of": "staff", "sign_in_id": "0" * 32, "sealed": "x", "code": "1",
            "school": "Example Primary", "session_id": "0", "identifier": "x", "source_id": 1,
            "pages_url": "", "change": self._change, "before": "staff", "after": "pupils", "groups": (),
            "state": "retired", "action": "block", "location": "https://lists.example.org/x",
            "room_name": self._room_name,
            "device_ids": (7, 8, 9), "revision": "", "authority_id": "0" * 16,
            "max_age": timedelta(days=1), "row_id": 1, "row_ids": (1,), "scope": None,
        }  # fmt: skip
        self._of_one = self._overrides()

    def calls(self) -> Iterator[ServiceCall]:
        """Yield every service for which there is something to give it."""
        for name, function in find_services().items():
            if name not in LEFT_OUT and not self.missing(name, function):
                yield ServiceCall(name, self._bind(name, function), name in _LONG)

    def without_example(self) -> list[str]:
        """Return those for which nothing stands here."""
        return [name for name, function in find_services().items() if self.missing(name, function)]

    def missing(self, name: str, function: Callable[..., Any]) -> list[str]:
        """Return the parameters for which nothing stands here."""
        known = {"session", "room", "request", *self._given, *self._of_one.get(name, ())}
        return [
            one.name
            for one in inspect.signature(function).parameters.values()
            if one.default is one.empty and one.name not in known and one.kind is not one.VAR_KEYWORD
        ]

    def _bind(self, name: str, function: Callable[..., Any]) -> Callable[[Session], object]:
        wanted = inspect.signature(function).parameters
        own = self._of_one.get(name, {})

        def call(session: Session) -> object:
            given: dict[str, Any] = {}
            for one in wanted.values():
                if one.name in own:
                    value = own[one.name]
                    given[one.name] = value(session) if inspect.isfunction(value) else value
                elif one.default is one.empty and one.kind is not one.VAR_KEYWORD:
                    given[one.name] = self._value(session, one.name)
            answer = function(**given)
            return list(answer) if isinstance(answer, Iterator) else answer

        return call

    def _value(self, session: Session, name: str) -> Any:
        if name == "session":
            return session
        if name == "room":
            return session.get_one(RoomRow, self._room_id)
        if name == "request":
            return session.get_one(RequestRow, f"{7:032x}")
        return self._given[name]

    def _furnish(self) -> None:
        """Add what only a few services need."""
        school, now = self._school, self._school.clock()
        with school.store.write_session() as session:
            script_keys.add_key(
                session, now, name="bench", owner="cora", rights=OF_COORDINATORS, by="cora",
                ends=now + timedelta(days=30),
            )  # fmt: skip
            profiles.copy_profile(session, now, name="pupils", new_name="unused", by="cora")
            sources.subscribe_source(
                session, now, name="games", category="games", location="https://lists.example.org/g", by="cora"
            )
            made = rules.RuleFields(name="undone.example.org", action="block")
            self._change = rules.create_rule(session, now, fields=made, by="cora").change
            session.add(MailRow(text="x", queued_at=now, next_try_at=now, recipient="a@example.org", subject="x"))

    def _overrides(self) -> Mapping[str, Mapping[str, Any]]:
        now, by_id = self._school.clock(), f"{7:032x}"
        incidents = IncidentFilter(whose="pupils", shown="all", search="s7")
        wanted = DeviceFields(name="New", addresses=("00:00:5e:00:53:78",), group="pupils")
        teachers = protocol.UnblockRequest(
            id="a" * 32, site="new.example.org", reason="x", minutes=30, teacher="t7", asked_at=now
        )
        heads = protocol.KeptHeads((protocol.KeptHead(number=5000, hash="0" * 64, at=now),))
        hour = int(now.timestamp()) // 3600
        seen = protocol.SeenDevice(mac="00:00:5e:00:53:01", address="192.0.2.1", seconds_ago=1)
        counted = protocol.HourCounts(hour=hour, answers=(protocol.CountedAnswers("allowed", "", 9),))

        def of(row: type, key: object) -> Callable[[Session], object]:
            return lambda session: session.get_one(row, key)

        def devices(session: Session) -> object:
            return list(session.scalars(select(DeviceRow).limit(50)))

        def groups(session: Session) -> object:
            return list(session.scalars(select(IncidentGroupRow).limit(25)))

        def all_rooms(session: Session) -> list[RoomRow]:
            return list(session.scalars(select(RoomRow)))

        return {
            "account_management.change_account": {"name": "T", "room_ids": ()},
            "account_management.return_account": {"username": "gone"},
            "accounts.add_account": {"username": "brand-new", "name": "T"},
            "audit.record_audit": {"what": "bench"},
            "audit_witnesses.receive_heads": {"said": heads},
            "change_preview.preview_profile": {"name": "pupils", "changed": self._profile},
            "counts.receive_counts": {"said": counted},
            "audit_days.count_kinds": {"is_claim": False}, "decision_times.count_states": {"wanted": ()},
            "decision_times.list_minutes": {"wanted": ()}, "counts.count_by_day": {},
            "delegations.delegate_category": {"confirmed": True},
            "devices.groups.get_room_group": {"room": self._room_name},
            "devices.groups.set_room_group": {"room": self._room_name},
            "devices.imports.plan_import": {"text": "name,addresses,group\nnew,00:00:5e:00:53:79,pupils\n"},
            "devices.inventory.add_device": {"wanted": wanted},
            "devices.inventory.change_device": {"wanted": wanted},
            "devices.inventory.check_fields": {"name": "New"},
            "devices.inventory.find_device": {"wanted": "laptop 7"},
            "devices.inventory.find_device_by_address": {"address": "00:00:5e:00:00:07"},
            "devices.inventory.search_devices": {"text": "laptop 7"},
            "devices.inventory.without_lost_group": {"wanted": wanted},
            "devices.sightings.find_last_seen": {"devices": devices},
            "devices.sightings.receive_seen_devices": {"seen": protocol.SeenDevices(devices=(seen,))},
            "first_start.invite": {"username": "new-head", "name": "Head", "role": "technician"},
            "first_start.give_role": {"username": "t7", "role": "leadership"},
            "second_factor_rule.ask_of_roles": {"roles": ("coordinator",)},
            "requests.pass_request_on": {"to": "deputy_coordinator"},
            "site_bundles.remove_bundle": {"site": LONG_NAME},
            "lookups.delete_answer": {"lookup_id": str(self._school.arguments["lookup_id"])},
            "profiles.remove_profile": {"name": "unused"}, "timetables.remove_row": {"row": "0"},
            "inbox.read_inbox": {"words": "romans"}, "inbox.read_decided": {"words": "romans"},
            "inbox.read_openings": {"words": "s7"}, "inbox.read_reports": {"words": "r7"},
            "incidents.alerts.alert_people": {"group": of(IncidentGroupRow, by_id)},
            "incidents.export.export_groups": {"wanted": incidents},
            "incidents.intake.add_incident": {
                "incident_id": "b" * 32, "kind": "many-refusals", "happened_at": now, "evidence": ("x.example",)
            },
            "incidents.intake.receive_incident": {
                "incident": protocol.Incident(
                    id="b" * 32, kind="tunnel", happened_at=now, device="d1", evidence=("x.example",)
                )
            },
            "incidents.search.list_groups": {"wanted": incidents},
            "incidents.search.latest_evidence": {"groups": groups},
            "incidents.states.change_state": {"change": StateChange(state="closed", outcome="A drill")},
            "incidents.states.release_group": {"group_id": str(self._school.arguments["group_id"])},
            "lists.source_use.set_use": {"use": importlib.import_module(
                "appliance.central.lists.source_use").SourceUse()},
            "lists.sources.subscribe_source": {"name": "new"}, "lists.sources.find_source": {"name": "games"},
            "lookups.ask_room": {"since": now - timedelta(hours=1), "lookup_id": "2" * 32},
            "lookups.get_lookup": {"lookup_id": str(self._school.arguments["lookup_id"])},
            "lookups.receive_answer": {
                "answer": protocol.LookupAnswer(id=str(self._school.arguments["lookup_id"]))
            },
            "outbox_queue.has_due": {"kind": MailRow}, "outbox_queue.take_due": {"kind": MailRow},
            "outbox_queue.mark_sent": {"kind": MailRow}, "outbox_queue.mark_failed": {"kind": MailRow},
            "outbox_queue.prune": {"kind": MailRow, "before": now},
            "own_requests.require_other": {"teacher": "t8"},
            "page_certificates.list_conditions": {"rooms": all_rooms},
            "page_certificates.require_free_page": {"name": "room-4.example.org"},
            "profiles.add_profile": {"settings": msgspec.structs.replace(self._profile, name="new")},
            "profiles.save_profile": {"name": "pupils"}, "profiles.check_change": {"name": "pupils"},
            "profiles.get_profile": {"name": "pupils"}, "profiles.set_default": {"name": "staff"},
            "profiles.copy_profile": {"name": "pupils", "new_name": "new"},
            "profiles.apply_settings": {"row": of(ProfileRow, "pupils")},
            "profiles.check_removable": {"row": of(ProfileRow, "unused")},
            "profiles.set_blocked_categories": {"blocked": ["games"]},
            "profiles.insert_profile": {"settings": msgspec.structs.replace(self._profile, name="new")},
            "profiles.apply_default": {"name": "staff"},
            "reports.receive_report": {
                "report": protocol.SiteReport(id="c" * 32, site="bad.example.org", teacher="t7", reported_at=now)
            },
            "reports.reopen_report": {"report_id": f"{40:032x}"}, "reports.list_reports": {},
            "request_expiry.end_of_request": {"asked_at": now},
            "request_expiry.set_request_days": {"days": 2},
            "requests.submit_request": {"message": teachers},
            "requests.reopen_request": {"request_id": self._denied},
            "requests.deny_request": {"answer": "Not today"},
            "requests.list_request_states": {}, "requests.withdraw_request": {"request_id": self._waiting},
            "school_year.remove_span": {"kind": "holidays"},
            "room_actions.receive_room_action": {
                "action": protocol.RoomAction(id="d" * 32, who="t7", what="lesson", happened_at=now)
            },
            "room_life.find_room": {"name": self._room_name}, "room_life.require_room": {"name": self._room_name},
            "room_life.require_room_ids": {"names": (self._room_name,)},
            "room_life.enrol_room": {"name": "A new room"}, "room_life.rename_room": {"name": "Another name"},
            "card_secrets.give_card": {"name": "A new room"},
            "room_life.require_unused": {"names": ("A new room",), "replace": False},
            "rooms.record_health": {"health": protocol.RoomHealth(
                version="0.1.0", policy=1, index="", index_age_seconds=1, conditions=("stopped",))},
            "rooms.mark_seen": {"room_ids": lambda session: [one.id for one in all_rooms(session)]},
            "rules.add_rule": {"name": "new.example.org"},
            "school_reports.make_report": {"kind": "annual"},
            "school_settings.changed_meanwhile": {"kind": "settings"},
            "school_settings.write_settings": {"settings": self._given["changed"]},
            "school_settings.checked_settings": {"settings": self._given["changed"]},
            "school_settings_check.check_settings": {
                "settings": self._given["changed"], "before": self._given["changed"]},
            "school_year.add_span": {"kind": "holidays"}, "script_keys.add_key": {
                "name": "another", "ends": now + timedelta(days=30)},
            "script_keys.describe_state": {"row": lambda session: script_keys.list_keys(session)[0]},
            "setting_history.record_change": {"before": {}, "after": {}, "kind": "settings"},
            "setting_history.last_changed_by": {"kind": "settings"},
            "unblocks.add_unblock": {"span": OpeningTime(now, now + timedelta(minutes=5))},
            "unblocks.change_unblock": {"until": now + timedelta(minutes=50)},
            "unblocks.list_active_unblocks": {}, "webhooks.enqueue_event": {"kind": next(iter(webhooks.EVENTS))},
            "site_bundles.put_bundle": {"site": "lesson.example.org"},
            "staff_groups.keep_staff": {"name": "teachers"},
            "notices.find_notices": {"username": "cora"}, "notices.choose_notices": {"username": "cora"},
            "log_keys.log_key_of": {}, "mail_outbox.enqueue": {"text": "x"},
            "mail_outbox.set_mail_address": {"username": "cora"},
            "accounts.find_user": {"username": "t7"}, "inbox.read_history": {},
        }  # fmt: skip
