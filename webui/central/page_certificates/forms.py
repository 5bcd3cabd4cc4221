"""What is filled in for the feature page_certificates."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, SelectField

from webui.shared.translation import lazy_gettext

EVERY_ROOM = ""


class HandInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A certificate with its key. Browsers fill in no file again."""

    certificate = FileField(lazy_gettext("Certificate, then whatever signed it (PEM)"))
    key = FileField(lazy_gettext("Its key, without a password (PEM)"))
    room = SelectField(lazy_gettext("For the pages of"))
    publicly_trusted = BooleanField(
        lazy_gettext("Every browser trusts it: browsers are told to insist on HTTPS for 30 days")
    )


class TakeBackForm(FlaskForm):  # type: ignore[misc]  # as above
    """Which certificate is meant: by its room, and by what whoever takes it back has looked at."""

    room_id = HiddenField()
    seen = HiddenField()
