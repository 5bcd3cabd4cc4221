"""A trust for tests: a real database and the real application in a folder, with a clock that stands still."""

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.central import accounts
from appliance.central.room_life import hash_token
from appliance.central.service import Central
from appliance.settings.central import CentralSection, CentralSettings
from appliance.settings.values import Endpoint
from appliance.trust import entries, invitations, schools, state
from appliance.trust.entries import Kind
from appliance.trust.service import Trust
from appliance.trust_protocol import SignedDocument, TrustDocument, TrustInvitation, open_document
from tests.fakes.school import PASSWORD, SchoolClock
from webui.trust.app import create_trust_app

BASE = "/api/v1/trust"


def settings(folder: Path, database: str = "") -> CentralSettings:
    section = CentralSection(
        school="Example Trust", data=folder, listen=Endpoint("127.0.0.1", 0), url="http://127.0.0.1:1",
        database=database,
    )  # fmt: skip
    return CentralSettings(central=section)


class FakeTrust:
    """A trust, and short ways to say what happens in it."""

    def __init__(
        self, folder: Path, *, database: str = "", prepared: Path | None = None, clock: SchoolClock | None = None
    ) -> None:
        """`prepared`: the folder of a trust that was closed, of which this one is a copy."""
        self.clock = clock or SchoolClock()
        if prepared is not None:
            shutil.copytree(prepared, folder)
        self.central = Central(settings(folder, database), self.clock, uptime=self.clock.running_seconds)
        if prepared is None:
            self.central.prepare_database()
        self.store = self.central.store
        self.trust = Trust(self.central)
        if prepared is None:
            with self.store.write_session() as session:
                state.create_trust(session, self.clock(), self.central.keys)

    @cached_property
    def app(self) -> Flask:
        return create_trust_app(self.trust)

    def account(self, username: str, password: str = PASSWORD) -> None:
        """Add an administrator."""
        with self.store.write_session(affects_rooms=False) as session:
            accounts.add_account(
                session, self.clock(), username=username, name=username.title(), roles=("trust_administrator",),
                password=password, by="test",
            )  # fmt: skip

    def register(self, name: str, timezone: str = "Europe/London") -> str:
        with self.store.write_session() as session:
            return schools.register_school(session, self.clock(), name=name, timezone=timezone, by="test").id

    def invite(self, name: str, days: int = 7) -> TrustInvitation:
        with self.store.write_session() as session:
            school = schools.require_school(session, name)
            token = schools.invite_school(session, self.clock(), school=school, by="test", days=days)
            made = invitations.make_invitation(session, self.central.settings, school=school, token=token)
        return msgspec.json.decode(made, type=TrustInvitation)

    def enrol(self, name: str) -> str:
        """Register a school, let its central in, and return its credential."""
        self.register(name)
        credential = f"credential of {name}"
        answer = self.call(
            "POST", "enrolment", self.invite(name).token, {"credential_hash": hash_token(credential)}
        )
        assert answer.status_code == 200, answer.text
        return credential

    def lay_down(self, kind: Kind, *names: str, **content: Any) -> int:
        """Lay something down, for all schools or for those of some names."""
        with self.store.write_session() as session:
            ids = [schools.require_school(session, one).id for one in names]
            made = entries.add_entry(session, self.clock(), kind=kind, content=content, schools=ids, by="test")
            return made.id

    def call(self, method: str, path: str, credential: str = "", body: Any = None, **headers: str) -> TestResponse:
        client: FlaskClient = self.app.test_client()
        if credential:
            headers["Authorization"] = f"Bearer {credential}"
        return client.open(f"{BASE}/{path}", method=method, headers=headers, json=body)

    def signed(self, credential: str) -> SignedDocument:
        answer = self.call("GET", "document", credential)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.data, type=SignedDocument)

    def document(self, credential: str) -> TrustDocument:
        with self.store.read_session() as session:
            key = state.require_trust(session).public_key
        return open_document(key, self.signed(credential))

    def close(self) -> None:
        self.central.store.close()
