"""A message on the next page that offers to undo what was done."""

from typing import Any, cast

from flask import flash


def flash_with_undo(text: str, undo: str, **fields: str) -> None:
    """Say what was done; a form with these fields, sent to the address `undo`, takes it back."""
    # Flask types a message as text, but carries anything that its session can; the base template shows both.
    flash(cast("Any", {"text": text, "undo": undo, "fields": fields}))
