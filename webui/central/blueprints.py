"""What the features of central's site share: each makes its blueprint here.

Who may come to which of its pages, `appliance.rights` says. What its services refuse is said as a message on the
page that the feature's forms stand on.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, current_app, flash, g, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central.errors import CentralError, NotFound
from appliance.central.service import Central
from appliance.rights import Right
from webui.shared.access import requires
from webui.shared.reasons import translate_reason

START = "start.show"  # leads everybody to their own first page


def create_feature_blueprint(name: str, import_name: str, *, home: str) -> Blueprint:
    """Return the blueprint of a feature; `home` is the endpoint of the page that its forms stand on."""
    blueprint = Blueprint(name, import_name, template_folder="templates")

    @blueprint.before_request
    def note_revision() -> None:
        g.revision = central().store.revisions().pages  # before anything is read: what changes later is heard of

    @blueprint.errorhandler(CentralError)
    def go_home(problem: CentralError) -> Redirect:
        flash(f"{translate_reason(problem)}.", "warning")
        return redirect(url_for(home if request.method == "POST" else START))  # a page never leads to itself

    return blueprint


def create_set_blueprint(
    name: str, import_name: str, right: Right, pages: Iterable[tuple[str, str, Callable[..., Any]]]
) -> Blueprint:
    """Return the blueprint of one of two sets of pages of one make: pupils', or staff's for the head alone.

    `pages`: method, address and view of each; every one needs the set's right. Its list is the page called `show`,
    to which one is led where something is not there, or is the other set's.
    """
    home = f"{name}.show"
    blueprint = create_feature_blueprint(name, import_name, home=home)

    @blueprint.errorhandler(NotFound)
    def say_there_is_none(problem: NotFound) -> Redirect:
        flash(f"{translate_reason(problem)}.", "warning")
        return redirect(url_for(home))

    for method, rule, view in pages:
        blueprint.add_url_rule(rule, view.__name__, _with_right(right, view), methods=[method])
    return blueprint


def _with_right(right: Right, view: Callable[..., Any]) -> Callable[..., Any]:
    def serve(**parameters: str) -> Any:  # a function of its own: a method holds no mark
        return view(**parameters)

    return requires(right)(serve)


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service
