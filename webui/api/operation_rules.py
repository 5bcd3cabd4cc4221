"""The rules of a machine interface, made of a table of operations; what none of them answers is a problem."""

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Map, Rule

from appliance.central.errors import NotFound
from appliance.operations import BASE_PATH, Operation
from appliance.rights import Right
from webui.api.path_forms import CONVERTERS, flask_path, install_path_forms
from webui.shared.access import requires

View = Callable[..., Response]


def add_operations(
    api: Blueprint, operations: Sequence[Operation], make_view: Callable[[Operation], View], right: Right
) -> None:
    """Have an interface answer operations, each by the view made for it.

    Another method or another address is a problem; whoever asks for it needs a right, too.
    """
    install_path_forms(api)
    for one in operations:
        api.add_url_rule(
            flask_path(one), one.id, make_view(one), methods=[one.method], provide_automatic_options=False
        )
    _answer_unknown_addresses(api, operations, right)


def _answer_unknown_addresses(api: Blueprint, operations: Sequence[Operation], right: Right) -> None:
    rules = [Rule(flask_path(one), endpoint=one.id, methods=[one.method]) for one in operations]
    addresses = Map(rules, converters=CONVERTERS)

    @requires(right)
    def answer_unknown(unknown: str) -> Response:
        if allowed := addresses.bind("", path_info=f"/{unknown}").allowed_methods():
            raise MethodNotAllowed(allowed, f"{request.method} is none of what can be done here")
        raise NotFound(f"there is no /{unknown} here")

    def add(state: BlueprintSetupState) -> None:
        # Werkzeug's rules and not Flask's, which name their methods: this one holds for every method there is.
        endpoint = f"{api.name}.unknown"
        state.app.view_functions[endpoint] = answer_unknown
        bare = Rule(f"{BASE_PATH}/", endpoint=endpoint, defaults={"unknown": ""}, strict_slashes=False)
        state.app.url_map.add(bare)
        state.app.url_map.add(Rule(f"{BASE_PATH}/<anything:unknown>", endpoint=endpoint))

    api.record(add)
