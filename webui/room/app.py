"""A room's site: the teacher's pages, and the calm page that stands where something is closed."""

import os
from pathlib import Path

from flask import Flask

from appliance.protocol import Account, Credentials
from appliance.room.agent import rpc
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from webui.room.block_page import block_page, serve_block_page
from webui.room.lessons import classroom
from webui.room.room_client import RoomClient
from webui.room.views import pages
from webui.shared import auth
from webui.shared.base_app import create_base_app

ALLOWED_ROLES = frozenset({"teacher", "coordinator", "head", "safeguarding"})


def create_app(settings: RoomSettings | None = None) -> Flask:
    """Return the application; without settings, for those in the file that HALLPASS_CONFIG names."""
    settings = settings or load_settings(Path(os.environ["HALLPASS_CONFIG"]), RoomSettings)
    room = RoomClient(settings)
    app = create_base_app(__name__, settings.room.data, tls=False)
    app.extensions["room"] = room
    app.extensions["hallpass-csrf"].exempt(block_page)  # a page of another name has no session of ours
    app.register_blueprint(pages)
    app.register_blueprint(classroom)
    app.register_blueprint(block_page)
    app.before_request(serve_block_page)
    app.context_processor(lambda: {"place": room.name, "room": room.name, "notices": room.list_notices()})

    def check(username: str, password: str) -> Account | str:
        try:
            account = room.call_agent(rpc.SignInRequest(Credentials(username, password))).account
        except (rpc.RpcRejected, rpc.AgentUnavailable) as no:
            return f"{no}."
        if account is None or account.role not in ALLOWED_ROLES:
            return "This page is for the teachers of this room."
        return account

    auth.install_auth(app, check, lambda _account: True, home="pages.today")
    return app
