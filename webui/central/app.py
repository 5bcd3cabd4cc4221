"""Central's site: the pages of whoever works for the whole school.

It answers the rooms' machine interface as well, for rooms that were enrolled before that had a port of its own.
"""

import os
from functools import partial
from pathlib import Path

from flask import Flask

from appliance.central.service import Central
from appliance.rights import Scope
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from webui.api.routes import api
from webui.central.accounts.account_sign_ins import blueprint as account_sign_ins
from webui.central.accounts.made_links import blueprint as made_links
from webui.central.accounts.new_password import blueprint as new_password
from webui.central.accounts.own_email import blueprint as own_email
from webui.central.accounts.own_password import blueprint as own_password
from webui.central.accounts.views import blueprint as people
from webui.central.audit.views import blueprint as audit
from webui.central.decision_words import describe_decision
from webui.central.delegations.views import blueprint as delegations
from webui.central.devices.group_views import blueprint as groups
from webui.central.devices.import_views import blueprint as device_imports
from webui.central.devices.views import blueprint as devices
from webui.central.events import blueprint as events
from webui.central.first_start.views import blueprint as first_start
from webui.central.home.views import blueprint as home
from webui.central.incidents.views import blueprint as incidents
from webui.central.incidents.views import staff_blueprint as staff_incidents
from webui.central.lesson_plans.views import blueprint as lesson_plans
from webui.central.lists.views import blueprint as lists
from webui.central.lookups.views import blueprint as lookups
from webui.central.lookups.views import staff_blueprint as staff_lookups
from webui.central.open_tasks import count_waiting
from webui.central.openid.views import blueprint as openid
from webui.central.page_certificates.views import blueprint as page_certificates
from webui.central.profiles.views import blueprint as profiles
from webui.central.reasons import SENTENCES
from webui.central.reports.views import blueprint as reports
from webui.central.requests.views import blueprint as requests
from webui.central.room_cards.views import blueprint as room_cards
from webui.central.room_sign_in.views import blueprint as room_sign_in
from webui.central.rooms.views import blueprint as rooms
from webui.central.rules.views import blueprint as rules
from webui.central.school_settings.views import blueprint as school_settings
from webui.central.script_keys.views import blueprint as script_keys
from webui.central.second_factor.rule_views import blueprint as second_factor_rule
from webui.central.second_factor.views import blueprint as own_second_factor
from webui.central.site_assembly import assemble_site
from webui.central.site_bundles.views import blueprint as site_bundles
from webui.central.site_search.views import blueprint as site_search
from webui.central.start import NAVIGATION
from webui.central.start import blueprint as start
from webui.central.statistics.views import blueprint as statistics
from webui.central.timetables.views import blueprint as timetables
from webui.central.unblocks.views import blueprint as unblocks
from webui.central.webhooks.views import blueprint as webhooks
from webui.shared.base_app import create_base_app
from webui.shared.help import blueprint as help_pages
from webui.shared.server_stop import stop_with_server
from webui.shared.sign_ins import blueprint as sign_ins
from webui.shared.style_guide import blueprint as style_guide
from webui.shared.translation import translatable

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
PLACE = translatable("for the whole school")
_NOBODY_YET = translatable(
    "Nobody can sign in here yet. So that nobody on the network can put themselves in charge, the first account "
    "is made on the machine that runs this site: whoever looks after it types “hallpass account add NAME --role "
    "coordinator --link” there, and gives the coordinator the link that it prints. The coordinator chooses a "
    "password with it, and is led through the rest."
)
FRAME = {
    "navigation": NAVIGATION,
    "layout": "central.html",
    "sign_ins_where": "central",
    "password_page": "own_password.show",
    "start_page": "first_start.show",
    "second_factor_page": "second_factor.show",
    "email_page": "own_email.show",
}
FEATURES = (
    start,
    home,
    first_start,
    requests,
    unblocks,
    reports,
    rules,
    site_bundles,
    site_search,
    lesson_plans,
    profiles,
    timetables,
    delegations,
    school_settings,
    lists,
    devices,
    device_imports,
    groups,
    rooms,
    room_cards,
    page_certificates,
    people,
    room_sign_in,
    made_links,
    new_password,
    own_password,
    own_email,
    openid,
    own_second_factor,
    second_factor_rule,
    account_sign_ins,
    sign_ins,
    style_guide,
    help_pages,
    incidents,
    statistics,
    staff_incidents,
    lookups,
    staff_lookups,
    audit,
    script_keys,
    webhooks,
    events,
)


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings))
    central.prepare_database()
    central.start_feed()
    central.start_publisher()
    central.start_mail()
    central.start_webhooks()
    central.start_trust()
    central.start_upkeep()
    central.start_acme(Path(os.environ["HALLPASS_CONFIG"]))
    central.start_metrics()
    stop_with_server(central.stop)
    return create_central_app(central)


def create_central_app(central: Central) -> Flask:
    """Return the application of a central service that is prepared."""
    app = create_base_app(
        __name__,
        central.settings.central.shared_folder,
        cookie="hallpass-central",
        largest_body=MAX_UPLOAD_BYTES,
    )
    app.jinja_env.filters["decision"] = describe_decision
    app.context_processor(
        lambda: {
            "count_waiting": partial(count_waiting, central),
            "openid_label": central.settings.openid.words if central.settings.openid else "",
        }
    )
    assemble_site(
        app,
        central,
        api=api,
        features=FEATURES,
        scope=Scope.SCHOOL,
        domains=("room", "central"),
        sentences=SENTENCES,
        place=PLACE,
        frame=FRAME,
        nobody_yet=_NOBODY_YET,
    )
    return app
