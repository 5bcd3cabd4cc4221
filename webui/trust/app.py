"""A trust's site: the pages of its administrators, and what the centrals of its schools call.

Accounts, sign-in, second steps and the audit are central's own pages: a trust's database has the same tables. What
a page of a school would show (rooms, devices, requests, sites) is not there, and none of it is in the database.
"""

import os
from functools import partial
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
from webui.central.accounts.role_names import ROLE_ABOUT, name_roles
from webui.central.accounts.views import blueprint as people
from webui.central.audit.views import blueprint as audit
from webui.central.blueprints import START
from webui.central.first_account_notice import install_first_account_notice
from webui.central.input_checks import install_input_checks
from webui.central.people_names import name_person
from webui.central.plain_port import install_plain_port
from webui.central.school_identity import school_identity
from webui.central.script_keys.views import blueprint as script_keys
from webui.central.second_factor.rule_views import install_second_factor_rule
from webui.central.second_factor.views import blueprint as own_second_factor
from webui.central.sign_in import check_sign_in
from webui.shared import auth
from webui.shared.access import install_access
from webui.shared.base_app import create_base_app
from webui.shared.language_menu import install_languages
from webui.shared.school_clock import SchoolClock, install_school_clock
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
    central, settings = trust.central, trust.settings
    app = create_base_app(__name__, settings.central.shared_folder, cookie="hallpass-trust")
    of_central = FileSystemLoader(Path(webui.central.__path__[0]) / "templates")  # the frame of both sites
    app.jinja_loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), of_central])
    app.extensions["trust"], app.extensions["central"] = trust, central
    domains = ("room", "central", "trust")
    install_languages(app, default=settings.central.language, domains=domains, sentences=SENTENCES)
    install_school_clock(app, SchoolClock(lambda: school_identity(central).zone, central.now))
    app.extensions["hallpass-csrf"].exempt(api)  # schools bring a credential in a header; no browser would
    app.register_blueprint(api)
    install_plain_port(app, settings)
    install_input_checks(app, without=api.name)
    for feature in FEATURES:
        app.register_blueprint(feature)
    app.context_processor(
        lambda: {
            "place": translate(PLACE),
            "school": school_identity(central).name,
            "navigation": NAVIGATION,
            **FRAME,
        }
    )
    install_first_account_notice(app, central, _NOBODY_YET)
    app.jinja_env.filters["roles"] = name_roles
    app.jinja_env.globals["role_about"] = ROLE_ABOUT
    app.jinja_env.filters["person"] = name_person
    app.jinja_env.filters["entry"] = describe_entry
    app.jinja_env.filters["entry_kind"] = lambda kind: translate(KIND_WORDS[kind])
    app.jinja_env.filters["category"] = name_category
    auth.install_auth(app, central.sessions, partial(check_sign_in, central), home=START)
    install_access(app, Scope.TRUST, token_interfaces=(api.name,))
    install_second_factor_rule(app)
    return app
