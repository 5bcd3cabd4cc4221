"""Going back to the answer of a form: to what it said, or to the page that the form stands on, never to an error.

Pages are kept by no browser: on a shared machine nobody who comes after finds them. But a browser that keeps
nothing can show the answer to a form, on going back to it, only by sending the form once more, and says that
something is missing instead. So answers that tell of no person and of no device are kept, for the browser alone:
what was looked ahead, and what has to be put right, is there again. Of all others a script leaves the address
alone in the browser's history; and whoever asks for an address that takes forms alone is led to the page of its
feature.
"""

from flask import Flask, Response, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as BaseResponse

from appliance.rights import Right
from webui.shared.access import requested_right

# Whose answers tell of sites, lists, hours, rooms and schools alone.
KEPT = frozenset(
    {
        Right.EDIT_RULES, Right.EDIT_PROFILES, Right.EDIT_SCHOOL, Right.DELEGATE, Right.EDIT_LISTS,
        Right.ENROL_ROOMS, Right.MANAGE_SCHOOLS, Right.LAY_DOWN,
    }
)  # fmt: skip


def install_answered_forms(app: Flask) -> None:
    """Have answers to forms kept that may be, and tell templates of those that are not."""

    @app.after_request
    def keep_answer(response: Response) -> Response:
        if _is_kept() and response.mimetype == "text/html" and response.status_code == 200:
            response.headers["Cache-Control"] = "private, no-cache"
        return response

    app.context_processor(lambda: {"is_passing_answer": request.method == "POST" and not _is_kept()})


def lead_to_page_of_form(problem: HTTPException) -> BaseResponse | None:
    """Lead to the page of its feature who asks for an address that takes forms alone; None: that is not it."""
    if not isinstance(problem, MethodNotAllowed) or request.method != "GET":
        return None
    try:
        endpoint, _ = current_app.create_url_adapter(request).match(method="POST")  # type: ignore[union-attr]  # there is a request
        return redirect(url_for(f"{endpoint.rpartition('.')[0]}.show"))
    except (HTTPException, BuildError):
        return None


def _is_kept() -> bool:
    return request.method == "POST" and requested_right() in KEPT
