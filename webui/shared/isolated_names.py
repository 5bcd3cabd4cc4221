"""Names in a sentence: each reads in its own direction, whatever the sentence around it reads in.

Without, an address such as 2001:db8::1 in Arabic is shown with its pieces turned round, and so is a list of sites.
"""

from collections.abc import Iterable

from flask import Flask
from markupsafe import Markup

from webui.shared.translation import gettext


def isolate(name: object) -> Markup:
    """Return a name as HTML, on its own."""
    return Markup("<bdi>{}</bdi>").format(name)


def isolate_all(names: Iterable[object]) -> Markup:
    """Return names as HTML, each on its own, with the comma of the page's language between them."""
    return Markup(gettext(", ")).join(isolate(name) for name in names)  # noqa: S704 (a text of our catalogues)


def install_isolated_names(app: Flask) -> None:
    """Give an application's templates the filters for names."""
    app.jinja_env.filters["isolated"] = isolate
    app.jinja_env.filters["names"] = isolate_all
