"""A room's site: the teacher's pages, and the calm page that stands where something is closed."""

import os
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask

from appliance.rights import Scope
from appliance.room.page_certificate import HTTPS_TAKEN_VARIABLE
from appliance.room.paths import RoomPaths
from appliance.room.web_sessions import RoomSessions
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from webui.room.asks.views import blueprint as asks
from webui.room.block_page.views import blueprint as block_page
from webui.room.block_page.views import serve_block_page
from webui.room.events import blueprint as events
from webui.room.lessons.views import blueprint as lessons
from webui.room.log.views import blueprint as log
from webui.room.plans.views import blueprint as plans
from webui.room.poster.views import blueprint as poster
from webui.room.refresh_cache import install_refresh_cache
from webui.room.room_client import RoomClient
from webui.room.secure_pages import SecurePages
from webui.room.sign_in import RoomSignIn
from webui.room.sign_in_at_central import blueprint as sign_in_at_central
from webui.room.sign_in_at_central import install_sign_in_at_central
from webui.room.today.views import blueprint as today
from webui.shared import auth
from webui.shared.access import install_access
from webui.shared.base_app import create_base_app
from webui.shared.help import blueprint as help_pages
from webui.shared.language_menu import install_languages
from webui.shared.school_clock import install_school_clock
from webui.shared.sign_ins import blueprint as sign_ins
from webui.shared.style_guide import blueprint as style_guide

SIGN_INS_PAGE = {"layout": "room.html", "sign_ins_where": "room", "password_page": "", "start_page": ""}
FEATURES = (
    today, asks, sign_in_at_central, lessons, plans, log, poster, sign_ins,
    style_guide, help_pages, events, block_page,
)  # fmt: skip


def create_app(settings: RoomSettings | None = None) -> Flask:
    """Return the application; without settings, for those in the file that HALLPASS_CONFIG names."""
    settings = settings or load_settings(Path(os.environ["HALLPASS_CONFIG"]), RoomSettings)
    room = RoomClient(settings)
    pages = SecurePages(settings, room, is_https_served=HTTPS_TAKEN_VARIABLE not in os.environ)
    app = create_base_app(__name__, settings.room.data, cookie="hallpass-room")
    app.extensions["room"] = room
    install_refresh_cache(app, room.count_changes)
    install_languages(app, default=settings.web.language, domains=("room",))
    install_school_clock(app, room.clock)
    app.extensions["hallpass-csrf"].exempt(block_page)  # a page of another name has no session of ours
    for feature in FEATURES:
        app.register_blueprint(feature)
    app.before_request(serve_block_page)
    pages.install(app)
    app.context_processor(
        lambda: {
            "pupils_page": "block_page.show_pupils",
            "place": room.name,
            "room": room.name,
            "notices": room.list_notices(),
            **SIGN_INS_PAGE,
        }
    )
    app.context_processor(lambda: {"clear_words": pages.words_on_form()})

    paths = RoomPaths.from_settings(settings)
    table = RoomSessions(paths.sessions, paths.account_states, lambda: datetime.now(UTC))
    auth.install_auth(
        app, table, RoomSignIn(room, table).check, home="today.show", instead_of_form=pages.render_instead_of_form
    )
    install_sign_in_at_central(app)
    install_access(app, Scope.ROOM)
    return app
