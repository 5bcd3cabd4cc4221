"""Puts a site together of which central's accounts sign in: central's own, and a trust's.

Both are guarded by the same things, in the same order: what may enter, who is signed in, what they may do, and a
second step where it is asked for.
"""

from collections.abc import Iterable, Mapping
from functools import partial

from flask import Blueprint, Flask

from appliance.central.service import Central
from appliance.rights import Scope
from webui.central.accounts.role_names import ROLE_ABOUT, name_roles
from webui.central.blueprints import START
from webui.central.first_account_notice import install_first_account_notice
from webui.central.input_checks import install_input_checks
from webui.central.people_names import name_person
from webui.central.plain_port import install_plain_port
from webui.central.school_identity import school_identity
from webui.central.second_factor.rule_views import install_second_factor_rule
from webui.central.sign_in import check_sign_in
from webui.shared import auth
from webui.shared.access import install_access
from webui.shared.language_menu import install_languages
from webui.shared.reasons import Sentences
from webui.shared.school_clock import SchoolClock, install_school_clock
from webui.shared.translation import translate


def assemble_site(
    app: Flask,
    central: Central,
    *,
    api: Blueprint,
    features: Iterable[Blueprint],
    scope: Scope,
    domains: tuple[str, ...],
    sentences: Sentences,
    place: str,
    frame: Mapping[str, object],
    nobody_yet: str,
) -> None:
    """Add the machine interface, the pages, and what guards them.

    `scope`: where the rights hold that are asked for; `domains` and `sentences`: as `install_languages` has them;
    `place`: for whom the site is; `frame`: what every page's template is given; `nobody_yet`: what the page for
    signing in says before there is any account.
    """
    app.extensions["central"] = central
    install_languages(app, default=central.settings.central.language, domains=domains, sentences=sentences)
    install_school_clock(app, SchoolClock(lambda: school_identity(central).zone, central.now))
    app.extensions["hallpass-csrf"].exempt(api)  # its callers bring a credential in a header; no browser would
    app.register_blueprint(api)
    install_plain_port(app, central.settings)
    install_input_checks(app, without=api.name)
    for feature in features:
        app.register_blueprint(feature)
    app.context_processor(lambda: {"place": translate(place), "school": school_identity(central).name, **frame})
    install_first_account_notice(app, central, nobody_yet)
    app.jinja_env.filters["roles"] = name_roles
    app.jinja_env.globals["role_about"] = ROLE_ABOUT
    app.jinja_env.filters["person"] = name_person
    auth.install_auth(app, central.sessions, partial(check_sign_in, central), home=START)
    install_access(app, scope, token_interfaces=(api.name,))
    install_second_factor_rule(app)
