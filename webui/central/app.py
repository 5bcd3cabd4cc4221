"""Central's site: the coordinator's pages and the rooms' machine interface, as one application."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask

from appliance.central import accounts
from appliance.central.service import Central
from appliance.protocol import Account
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from webui.api.views import api
from webui.central.views import pages
from webui.shared import auth
from webui.shared.base_app import create_base_app

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
PLACE = "for the coordinator"
ALLOWED_ROLES = frozenset({"coordinator"})  # other roles have no pages here yet


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings))
    central.prepare_database()
    central.start()
    _stop_with_server(central)
    return create_central_app(central)


def create_central_app(central: Central) -> Flask:
    """Return the application of a central service that is prepared."""
    settings = central.settings
    app = create_base_app(
        __name__, settings.central.data, tls=settings.tls is not None, largest_body=MAX_UPLOAD_BYTES
    )
    app.extensions["central"] = central
    app.extensions["hallpass-csrf"].exempt(api)  # rooms bring a token in a header; no browser would
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.context_processor(lambda: {"place": PLACE, "school": settings.central.school})

    def check(username: str, password: str) -> Account | str:
        account = accounts.authenticate(central.store, central.now(), username, password)
        if account is None:
            return "User name or password is not right. After several wrong tries an account waits a little."
        if account.role not in ALLOWED_ROLES:
            return "This page is for the coordinator. Teachers sign in on their room's own page."
        return account

    def still_holds(account: Account) -> bool:
        with central.store.read_session() as session:
            now = accounts.find_account(session, account.username, central.now())
        return now is not None and now.role == account.role

    auth.install_auth(app, check, still_holds, home="pages.queue")
    return app


def _stop_with_server(central: Central) -> None:
    """Send the open feeds away as soon as the server is told to stop: by themselves they would never end."""

    def chained(before: Any) -> Callable[[int, FrameType | None], None]:
        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=central.stop).start()  # a signal handler may hold any lock: it only starts
            if callable(before):
                before(number, frame)

        return stop

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, chained(signal.getsignal(number)))
