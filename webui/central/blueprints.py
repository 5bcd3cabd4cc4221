"""What the features of central's site share: each makes its blueprint here.

Who may come to which of its pages, `appliance.rights` says. What its services refuse is said as a message on the
page that the feature's forms stand on.
"""

from flask import Blueprint, current_app, flash, g, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central.errors import CentralError
from appliance.central.service import Central

START = "start.show"  # leads everybody to their own first page


def create_feature_blueprint(name: str, import_name: str, *, home: str) -> Blueprint:
    """Return the blueprint of a feature; `home` is the endpoint of the page that its forms stand on."""
    blueprint = Blueprint(name, import_name, template_folder="templates")

    @blueprint.before_request
    def note_revision() -> None:
        g.revision = central().store.revisions().pages  # before anything is read: what changes later is heard of

    @blueprint.errorhandler(CentralError)
    def go_home(problem: CentralError) -> Redirect:
        flash(f"{problem}.", "warning")
        return redirect(url_for(home if request.method == "POST" else START))  # a page never leads to itself

    return blueprint


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service
