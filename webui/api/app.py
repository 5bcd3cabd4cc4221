"""The rooms' own site: central's machine interface on a port of its own, without pages, forms or sessions."""

import os
from pathlib import Path

from flask import Flask

from appliance.central.service import Central
from appliance.operations import MAX_BODY_BYTES
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from webui.api.responses import answer_elsewhere
from webui.api.routes import api
from webui.shared.server_stop import stop_with_server


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings), serves_rooms=True)
    central.prepare_database()
    central.start_feed()
    central.start_rooms_tls()
    stop_with_server(central.stop)
    return create_rooms_app(central)


def create_rooms_app(central: Central) -> Flask:
    """Return the application of a central service that is prepared."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.extensions["central"] = central
    app.register_blueprint(api)
    app.register_error_handler(Exception, answer_elsewhere)
    return app
