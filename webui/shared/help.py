"""The page Help of both sites: a guide for each who works with Hallpass, from `webui/shared/guides/`."""

from functools import cache
from importlib import resources

import msgspec
from flask import Blueprint, abort, render_template
from markupsafe import Markup

from appliance.rights import Right
from webui.shared.access import requires
from webui.shared.translation import translatable

# The file of each guide, and what it is called.
GUIDES = {
    "teacher": translatable("For teachers"),
    "coordinator": translatable("For coordinators"),
    "safeguarding-lead": translatable("For safeguarding leads"),
}
_HEADING_CLASSES = {"h1": "h3", "h2": "h5"}

blueprint = Blueprint("help", __name__)


class Guide(msgspec.Struct, frozen=True):
    """A guide as a page shows it."""

    title: str
    body: Markup


@blueprint.get("/help")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """List the guides."""
    return render_template("shared/help.html", guides=GUIDES)


@blueprint.get("/help/<guide>")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show_guide(guide: str) -> str:
    """Show one guide."""
    if guide not in GUIDES:
        abort(404)
    return render_template("shared/guide.html", guide=render_guide(guide))


def read_guide(name: str) -> str:
    """Return a guide as it is written."""
    return (resources.files("webui.shared.guides") / f"{name}.md").read_text()


@cache
def render_guide(name: str) -> Guide:
    """Return a guide as a page shows it."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 (for a page that is seldom looked at)

    parser = MarkdownIt("commonmark", {"html": False})
    tokens = parser.parse(read_guide(name))
    for one in tokens:
        if one.type == "heading_open":
            one.attrSet("class", _HEADING_CLASSES[one.tag])
    body = parser.renderer.render(tokens, parser.options, {})
    return Guide(GUIDES[name], Markup(body))  # noqa: S704 (our own file, and no HTML is taken from it)
