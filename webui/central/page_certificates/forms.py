"""What is filled in for the feature page_certificates."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField

EVERY_ROOM = ""


class HandInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A certificate with its key. Browsers fill in no file again."""

    certificate = FileField("Certificate, then whatever signed it (PEM)")
    key = FileField("Its key, without a password (PEM)")
    room = SelectField("For the pages of")
    publicly_trusted = BooleanField("Every browser trusts it: browsers are told to insist on HTTPS for 30 days")
