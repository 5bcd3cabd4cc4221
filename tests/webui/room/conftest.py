from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.protocol import Account
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.fakes.signed_in import signed_in_client
from webui.room.app import create_app

TESS = Account(username="tess", name="Tess Teacher", role="teacher")


@pytest.fixture
def app(tmp_path: Path, short_path: Path) -> Flask:
    return create_app(
        RoomSettings(
            room=RoomSection(name="Room 4", data=tmp_path, run=short_path / "run"),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        )
    )


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def teacher(app: Flask) -> FlaskClient:
    return signed_in_client(app, TESS)
