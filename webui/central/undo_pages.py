"""The address at which a feature's last change is undone: one make for every feature that has one."""

from collections.abc import Callable, Collection

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import undo
from appliance.rights import Right
from webui.central.blueprints import central
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, lazy_gettext

IT_WAS_SO = lazy_gettext("It was so already.")


def add_undo_page(
    blueprint: Blueprint, path: str, right: Right, *, home: str, kinds: Collection[str],
    after: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Let whoever has a right undo changes of some kinds; `home`: the endpoint that they are led to.

    `after`: what is to be done once it is undone.
    """

    @blueprint.post(f"{path}/undo/<change>")
    @requires(right)
    def undo_last(change: str) -> Redirect:
        """Put back what a change replaced."""
        with central().store.write_session() as session:
            what = undo.undo_change(
                session, central().now(), change=change, by=current_username(), kinds=kinds,
                check_opening=central().preview.require_opening,
            )  # fmt: skip
        after()
        flash(gettext("Undone: %(what)s is as it was before.", what=translate_reason(what)))
        return redirect(url_for(home))


def flash_change(blueprint: Blueprint, change: str, words: str, *, otherwise: str = IT_WAS_SO) -> None:
    """Say what was done, with its undo; or that nothing had to be ("" for the change's id)."""
    if change:
        flash_with_undo(words, url_for(f"{blueprint.name}.undo_last", change=change))
    else:
        flash(str(otherwise))
