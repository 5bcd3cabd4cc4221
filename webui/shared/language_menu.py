"""The menu of languages at the foot of each page, and what an application needs in order to speak them."""

from pathlib import Path

from flask import Blueprint, Flask, abort, redirect, request
from flask_babel import Babel
from werkzeug.wrappers import Response

from appliance.rights import Right
from webui.shared.access import requires
from webui.shared.auth import own_page
from webui.shared.languages import (
    COOKIE,
    ENGLISH,
    LANGUAGES,
    choose_language,
    current_language,
    find_language,
    group_digits,
)
from webui.shared.reasons import SENTENCES, Sentences, translate_reason
from webui.shared.request_answers import translate_answer
from webui.shared.translation import translate

KEPT_DAYS = 400  # the most that browsers keep a cookie for
TRANSLATIONS = Path(__file__).parents[1] / "translations"

blueprint = Blueprint("languages", __name__)


def install_languages(
    app: Flask, *, default: str, domains: tuple[str, ...], sentences: Sentences | None = None
) -> None:
    """Have an application's pages speak each reader's language.

    `default` is the school's, "" where it leaves that to browsers; `domains` are the catalogues of its texts,
    `sentences` what its site's own lower layers say.
    """
    app.extensions[SENTENCES] = sentences or Sentences()
    Babel(
        app,
        default_locale=ENGLISH.code,
        default_domain=";".join(domains),
        default_translation_directories=";".join([str(TRANSLATIONS)] * len(domains)),
        locale_selector=lambda: choose_language(default).code,
    )
    app.register_blueprint(blueprint)
    app.jinja_env.filters["translated"] = translate
    app.jinja_env.filters["said"] = translate_reason
    app.jinja_env.filters["answer"] = translate_answer
    app.jinja_env.filters["grouped"] = group_digits
    app.context_processor(
        lambda: {"languages": LANGUAGES, "language": current_language(), "language_next": _this_page()}
    )


@blueprint.post("/language")
@requires(Right.VISIT)
def choose() -> Response:
    """Keep the language that somebody has chosen, in this browser, and show them the page again."""
    language = find_language(request.form.get("language", ""))
    if language is None:
        abort(400)
    response = redirect(own_page(request.form.get("next", "")) or "/")
    response.set_cookie(
        COOKIE, language.code, max_age=KEPT_DAYS * 86_400, secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return response


def _this_page() -> str:
    """Return the address that shows this page again; that of the start where it was the answer to a form."""
    if request.method != "GET" or request.endpoint is None:
        return "/"
    is_whole = all(own_page(one) for one in request.args.getlist("next"))  # what leads elsewhere stands on no page
    return request.full_path.removesuffix("?") if is_whole else request.path
