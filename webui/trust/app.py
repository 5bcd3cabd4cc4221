"""A trust's site: the pages of its administrators, and what the centrals of its schools call.

Accounts, sign-in, second steps and the audit are central's own pages: a trust's database has the same tables. What
a page of a school would show (rooms, devices, requests, sites) is not there, and none of it is in the database.
"""

import os
from pathlib import Path

from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader

import webui.central
from appliance.central.service import Central
from appliance.rights import Scope
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust.entries import KIND_WORDS
from appliance.trust.service import Trust
from webui.central.accounts.account_sign_ins import blueprint as account_sign_ins
from webui.central.accounts.made_links import blueprint as made_links
from webui.central.accounts.new_password import blueprint as new_password
from webui.central.accounts.own_password import blueprint as own_password
from webui.central.accounts.views import blueprint as people
from webui.central.audit.views import blueprint as audit
from webui.central.script_keys.views import blueprint as script_keys
from webui.central.second_factor.views import blueprint as own_second_factor
from webui.central.site_assembly import assemble_site
from webui.shared.base_app import create_base_app
from webui.shared.server_stop import stop_with_server
from webui.shared.sign_ins import blueprint as sign_ins
from webui.shared.translation import translatable, translate
from webui.trust.entries.views import blueprint as entries
from webui.trust.entry_words import describe_entry, name_category
from webui.trust.numbers.views import blueprint as numbers
from webui.trust.reasons import SENTENCES
from webui.trust.school_interface import api
from webui.trust.schools.views import blueprint as schools
from webui.trust.start import NAVIGATION
from webui.trust.start import blueprint as start

PLACE = translatable("for a trust")
FOOTER = translatable("A trust sees numbers of its schools: no name of a person, a device, a room or a site.")
_NOBODY_YET = translatable(
    "Nobody can sign in here yet. So that nobody on the network can put themselves in charge, the first account "
    "is made on the machine that runs this site: whoever looks after it types “hallpass account add NAME --role "
    "trust_administrator --link --config trust.toml” there, and gives the link that it prints to whom it is for."
)
FRAME = {
    "navigation": NAVIGATION,
    "layout": "trust.html",
    "is_trust": True,
    "has_no_help": True,
    "sign_ins_where": "trust",
    "password_page": "own_password.show",
    "second_factor_page": "second_factor.show",
    "footer_words": FOOTER,
}
FEATURES = (
    start,
    schools,
    entries,
    numbers,
    people,
    made_links,
    new_password,
    own_password,
    own_second_factor,
    account_sign_ins,
    sign_ins,
    audit,
    script_keys,
)


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings))
    central.prepare_database()
    trust = Trust(central)
    trust.prepare()
    trust.start()
    stop_with_server(trust.stop)
    return create_trust_app(trust)


def create_trust_app(trust: Trust) -> Flask:
    """Return the application of a trust that is prepared."""
    app = create_base_app(__name__, trust.settings.central.shared_folder, cookie="hallpass-trust")
    of_central = FileSystemLoader(Path(webui.central.__path__[0]) / "templates")  # the frame of both sites
    app.jinja_loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), of_central])
    app.extensions["trust"] = trust
    app.jinja_env.filters["entry"] = describe_entry
    app.jinja_env.filters["entry_kind"] = lambda kind: translate(KIND_WORDS[kind])
    app.jinja_env.filters["category"] = name_category
    assemble_site(
        app,
        trust.central,
        api=api,
        features=FEATURES,
        scope=Scope.TRUST,
        domains=("room", "central", "trust"),
        sentences=SENTENCES,
        place=PLACE,
        frame=FRAME,
        nobody_yet=_NOBODY_YET,
    )
    return app
