"""Central's site: the coordinator's pages and the rooms' machine interface, as one application."""

import atexit
import os
from pathlib import Path

from flask import Flask

from appliance.central import accounts
from appliance.central.service import Central
from appliance.protocol import Account
from appliance.settings.central import CentralSettings
from appliance.settings.load import load
from webui.api.views import api
from webui.coordinator.views import pages
from webui.shared import signing_in
from webui.shared.site import make_site

LARGEST_UPLOAD = 64 * 1024 * 1024
PLACE = "for the coordinator"
MAY_COME_IN = frozenset({"coordinator"})  # other roles have no pages here yet


def create_app(settings: CentralSettings | None = None) -> Flask:
    """Return the application; without settings, for those in the file that HALLPASS_CONFIG names."""
    settings = settings or load(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings)
    central = Central(settings)
    central.prepare()
    central.start()
    atexit.register(central.stop)
    app = make_site(__name__, settings.central.data, tls=settings.tls is not None, largest_body=LARGEST_UPLOAD)
    app.extensions["central"] = central
    app.extensions["hallpass-csrf"].exempt(api)  # rooms bring a token in a header; no browser would
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.context_processor(lambda: {"place": PLACE, "school": settings.central.school})

    def check(username: str, password: str) -> Account | str:
        account = accounts.sign_in(central.store, central.now(), username, password)
        if account is None:
            return "User name or password is not right. After several wrong tries an account waits a little."
        if account.role not in MAY_COME_IN:
            return "This page is for the coordinator. Teachers sign in on their room's own page."
        return account

    def still_holds(account: Account) -> bool:
        with central.store.reading() as session:
            now = accounts.find(session, account.username, central.now())
        return now is not None and now.role == account.role

    signing_in.install(app, check, still_holds, home="pages.queue")
    return app
