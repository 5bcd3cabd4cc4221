"""A real HTTP server is told: signed, again until it is taken, and never where no webhook may lead."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from appliance import protocol
from appliance.central import requests, rooms, webhook_sender, webhooks
from appliance.central.errors import NotPossible
from appliance.central.incidents.intake import receive_incident
from appliance.central.models import RoomRow, WebhookDeliveryRow, WebhookRow
from appliance.central.webhook_sender import WebhookSender
from appliance.central.webhook_targets import WebhookGuard, is_own_address
from appliance.settings.values import Endpoint
from blocklists.download_targets import TargetPolicy
from blocklists.errors import FetchFailed
from tests.fakes.school import FakeSchool

ALL = tuple(webhooks.EVENTS)


class Service:
    """Somebody else's service, on loopback."""

    def __init__(self) -> None:
        self.status = 204
        self.location = ""
        self.hangs = threading.Event()
        self.calls: list[tuple[dict[str, str], bytes]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
                service.hangs.wait(5) if service.status == 0 else None
                self.send_response(service.status or 200)
                if service.location:
                    self.send_header("Location", service.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.calls]


@contextmanager
def serving() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        service.hangs.set()
        service.server.shutdown()
        thread.join()
        service.server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as one:
        yield one


def add(school: FakeSchool, url: str, *events: str, is_inside: bool = True) -> str:
    with school.store.write_session(affects_rooms=False) as session:
        return webhooks.add_webhook(
            session,
            school.clock(),
            school.central.keys,
            url=url,
            events=events or ALL,
            is_inside=is_inside,
            by="cora",
        )


def sender(school: FakeSchool) -> WebhookSender:
    return WebhookSender(school.store, school.central.settings, school.central.keys, school.clock)


def tell(school: FakeSchool, kind: str = "list.held") -> None:
    with school.store.write_session(affects_rooms=False) as session:
        webhooks.enqueue_event(session, school.clock(), kind, list="games")


def rows(school: FakeSchool) -> tuple[WebhookRow, list[WebhookDeliveryRow]]:
    with school.store.read_session() as session:
        (hook,) = webhooks.list_webhooks(session)
        return hook, list(session.scalars(select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.id)))


def test_news_is_told_once_signed_as_standard_webhooks_asks(school: FakeSchool, service: Service) -> None:
    secret = add(school, service.url)
    tell(school)
    by = sender(school)
    assert (by.send_due(), by.send_due()) == (1, 0)
    ((headers, body),) = service.calls
    assert json.loads(body) == {
        "type": "list.held",
        "timestamp": "2026-11-24T09:00:00Z",
        "data": {"list": "games"},
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(school.clock().timestamp())
    assert rows(school)[1][0].text == "", "what was told is forgotten"


def test_what_is_told_of_and_that_it_names_nobody(school: FakeSchool, service: Service) -> None:
    school.enrol()
    add(school, service.url)
    asked, other = school.request(), school.request(site="chat.example.org")
    with school.store.write_session() as session:
        now, room = school.clock(), session.merge(school.room())
        requests.approve_request(session, now, request_id=asked, by="cora", minutes=30)
        requests.deny_request(session, now, request_id=other, by="cora", answer="why")
        for kind, number in (("told-a-grown-up", 1), ("many-refusals", 2)):
            message = protocol.Incident(
                id=f"{number}" * 32, kind=kind, happened_at=now, device="d" * 12, evidence=("secret.example.org",)  # type: ignore[arg-type]  # two of its kinds
            )  # fmt: skip
            receive_incident(session, now, room, message)
    assert sender(school).send_due() == 5
    told = [one["type"] for one in service.bodies()]
    assert told == ["request.created", "request.created", "request.decided", "request.decided", "incident.urgent"]
    assert service.bodies()[2]["data"]["state"] == "approved"
    said = b"".join(body for _, body in service.calls)
    for word in (b"teacher", b"For the lesson", b"cora", b"secret.example.org", b"d" * 12):
        assert word not in said
    assert service.bodies()[4]["data"] == {}


def test_a_room_that_falls_silent_and_is_back_is_told_of_once_each(school: FakeSchool, service: Service) -> None:
    school.enrol()
    add(school, service.url, "room.gone", "room.back")

    def look() -> int:
        with school.store.write_session(affects_rooms=False) as session:
            return webhooks.note_rooms(session, school.clock())

    def seen() -> None:
        with school.store.write_session(affects_rooms=False) as session:
            rooms.mark_seen(session, school.clock(), [school.room().id], is_news=True)

    assert look() == 0, "one that was never there is not gone"
    seen()
    school.clock.pass_minutes(3)
    assert (look(), look()) == (1, 0)
    seen()
    assert (look(), look()) == (1, 0)
    sender(school).send_due()
    assert [(one["type"], one["data"]["room"]) for one in service.bodies()] == [
        ("room.gone", "Room 4"), ("room.back", "Room 4"),
    ]  # fmt: skip
    with school.store.read_session() as session:
        assert session.scalars(select(RoomRow)).one().notified_gone_at is None


def test_what_fails_is_tried_again_later_under_the_same_id_and_others_wait_for_it(
    school: FakeSchool, service: Service
) -> None:
    add(school, service.url)
    service.status = 500
    tell(school)
    tell(school)
    by = sender(school)
    assert (by.send_due(), len(service.calls)) == (0, 1)
    hook, deliveries = rows(school)
    assert (hook.failures, deliveries[0].error) == (1, "it answers 500")
    assert by.send_due() == 0, "not at once"
    service.status = 200
    school.clock.pass_minutes(2)
    assert by.send_due() == 2
    assert service.calls[0][0]["webhook-id"] in {headers["webhook-id"] for headers, _ in service.calls[1:]}
    assert rows(school)[0].failures == 0


def test_a_redirect_is_not_followed(school: FakeSchool, service: Service) -> None:
    with serving() as other:
        service.status, service.location = 307, other.url
        add(school, service.url)
        tell(school)
        assert sender(school).send_due() == 0
        assert other.calls == []
    assert rows(school)[1][0].error == "it answers 307 (redirects are not followed)"


def test_a_service_that_hangs_or_is_away_costs_its_own_deliveries_only(
    school: FakeSchool, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "CALL_SECONDS", 0.3)
    service.status = 0
    add(school, service.url, "list.held")
    with serving() as other, serving() as gone:
        add(school, other.url, "list.held")
        add(school, gone.url, "list.held")
        gone.server.socket.close()
        tell(school)
        began = time.monotonic()
        assert sender(school).send_due() == 1
        assert time.monotonic() - began < 5
        assert len(other.calls) == 1


def test_what_fails_again_and_again_is_put_aside_and_told_again_when_somebody_says_so(
    school: FakeSchool, service: Service
) -> None:
    add(school, service.url)
    service.status = 404
    by = sender(school)
    tell(school)
    tell(school)
    for _ in range(webhooks.FAILURES_BEFORE_PAUSE):
        by.send_due()
        school.clock.pass_minutes(31)
    hook, deliveries = rows(school)
    assert hook.put_aside_at is not None
    assert {one.next_try_at for one in deliveries} == {None}, "what waited is given up"
    tell(school)
    assert len(rows(school)[1]) == 2, "nothing more is kept for it"
    service.status = 200
    with school.store.write_session(affects_rooms=False) as session:
        webhooks.resume_webhook(session, school.clock(), webhook_id=hook.id, by="cora")
    tell(school)
    assert by.send_due() == 1


@pytest.mark.parametrize(
    ("url", "is_inside"),
    [
        ("http://desk.example.org/x", False), ("http://desk.example.org/x", True),
        ("https://desk.example.org/x", True),
        ("https://127.0.0.1/x", False), ("https://192.0.2.1@127.0.0.1/", False), ("https://localhost/x", False),
        ("http://10.0.0.1/x", False), ("https://[::1]/x", False), ("https://[::ffff:127.0.0.1]/x", False),
        ("ftp://desk.example.org/", False), ("https://", False), ("https://[", False), ("https://a b/", False),
        ("https://desk.example.org:99999/", False), ("https://desk.example.org/\x00", False),
        ("https://desk.example.org/#x", False), ("https://desk.example.org/" + "x" * 500, False),
        ("https://\u202edesk.example.org/", False), ("javascript:alert(1)", False), ("", False),
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_told_is_refused_in_words(
    school: FakeSchool, url: str, is_inside: bool
) -> None:
    with pytest.raises(NotPossible):
        add(school, url, is_inside=is_inside)


def guard(host: str, own_ports: tuple[int, ...] = (), **hosts: str) -> Callable[[str, int], list[str]]:
    return WebhookGuard(TargetPolicy(hosts=hosts), host, own_ports).reachable_addresses


def test_neither_a_name_nor_a_said_address_leads_to_where_no_webhook_may() -> None:
    public = "desk.example.org"
    policy = TargetPolicy(hosts={public: "127.0.0.1"})
    with pytest.raises(FetchFailed, match="this machine itself"):
        WebhookGuard(policy, public, ()).reachable_addresses(public, 443)
    with pytest.raises(FetchFailed, match="link-local"):
        guard("fe80::1")("fe80::1", 80)
    with pytest.raises(FetchFailed, match="central itself"):
        guard("127.0.0.1", (8081,))("127.0.0.1", 8081)
    assert guard("127.0.0.1", (8081,))("127.0.0.1", 9000) == ["127.0.0.1"]
    assert is_own_address("127.0.0.1")
    assert not is_own_address("192.0.2.1")


def test_central_is_never_told_by_itself(school: FakeSchool, service: Service) -> None:

    own = msgspec.structs.replace(
        school.central.settings.central, listen=Endpoint("127.0.0.1", service.server.server_port)
    )
    settings = msgspec.structs.replace(school.central.settings, central=own)
    add(school, service.url)
    tell(school)
    assert WebhookSender(school.store, settings, school.central.keys, school.clock).send_due() == 0
    assert service.calls == []
    assert "central itself" in rows(school)[1][0].error


def test_what_nobody_took_for_two_days_is_given_up_and_a_month_later_forgotten(school: FakeSchool) -> None:
    add(school, "http://127.0.0.1:1/", "list.held")
    tell(school)
    school.clock.time += timedelta(days=3)
    assert sender(school).send_due() == 0
    assert rows(school)[1][0].next_try_at is None
    school.clock.time += timedelta(days=31)
    with school.store.write_session(affects_rooms=False) as session:
        webhooks.prune_deliveries(session, school.clock())
    assert rows(school)[1] == []
