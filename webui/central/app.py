"""Central's site: the coordinator's pages.

It answers the rooms' machine interface as well, for rooms that were enrolled before that had a port of its own.
"""

import os
from pathlib import Path

from flask import Flask

from appliance.central.accounts import authenticate, find_account
from appliance.central.service import Central
from appliance.protocol import Account
from appliance.rights import Right, Scope, has_right
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from webui.api.views import api
from webui.central.accounts.views import blueprint as accounts
from webui.central.audit.views import blueprint as audit
from webui.central.blueprints import START
from webui.central.delegations.views import blueprint as delegations
from webui.central.events import blueprint as events
from webui.central.incidents.views import blueprint as incidents
from webui.central.input_checks import install_input_checks
from webui.central.lists.views import blueprint as lists
from webui.central.profiles.views import blueprint as profiles
from webui.central.reports.views import blueprint as reports
from webui.central.requests.views import blueprint as requests
from webui.central.rooms.views import blueprint as rooms
from webui.central.rules.views import blueprint as rules
from webui.central.unblocks.views import blueprint as unblocks
from webui.shared import auth
from webui.shared.access import install_access
from webui.shared.base_app import create_base_app
from webui.shared.server_stop import stop_with_server

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
PLACE = "for the coordinator"
FEATURES = (
    requests,
    unblocks,
    reports,
    rules,
    profiles,
    delegations,
    lists,
    rooms,
    accounts,
    incidents,
    audit,
    events,
)


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings))
    central.prepare_database()
    central.start_feed()
    central.start_publisher()
    stop_with_server(central.stop)
    return create_central_app(central)


def create_central_app(central: Central) -> Flask:
    """Return the application of a central service that is prepared."""
    settings = central.settings
    app = create_base_app(
        __name__,
        settings.central.shared_folder,
        cookie="hallpass-central",
        tls=settings.tls is not None,
        largest_body=MAX_UPLOAD_BYTES,
    )
    app.extensions["central"] = central
    app.extensions["hallpass-csrf"].exempt(api)  # rooms bring a token in a header; no browser would
    app.register_blueprint(api)
    install_input_checks(app, without=api.name)
    for feature in FEATURES:
        app.register_blueprint(feature)
    app.context_processor(lambda: {"place": PLACE, "school": settings.central.school})

    def check(username: str, password: str) -> Account | str:
        account = authenticate(central.store, central.now(), username, password)
        if account is None:
            return "User name or password is not right. After several wrong tries an account waits a little."
        if not has_right(account.role, Right.SIGN_IN, Scope.SCHOOL):
            return "This page is for the coordinator. Teachers sign in on their room's own page."
        return account

    def still_holds(account: Account) -> bool:
        with central.store.read_session() as session:
            now = find_account(session, account.username, central.now())
        return now is not None and now.role == account.role

    auth.install_auth(app, check, still_holds, home=START)
    install_access(app, Scope.SCHOOL, token_interfaces=(api.name,))
    return app
