"""What somebody fills in for the feature devices."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import Length, Optional

from appliance.central.devices.fields import MAX_NAME_LENGTH, MAX_NOTE_LENGTH
from webui.shared.translation import lazy_gettext


class DeviceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A device. What may stand in it, its service says."""

    name = StringField(lazy_gettext("Name"), [Length(max=10 * MAX_NAME_LENGTH)])
    addresses = StringField(lazy_gettext("MAC or IP addresses"), [Length(max=1000)])
    group = SelectField(lazy_gettext("Group"), validate_choice=False)
    note = StringField(lazy_gettext("Note"), [Length(max=10 * MAX_NOTE_LENGTH)])
    edition = IntegerField(validators=[Optional()])  # that was looked at


class FileForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A file of devices."""

    file = FileField(lazy_gettext("CSV file"))


class SaveImportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """That a file which was looked at is to be saved."""

    shown = HiddenField(validators=[Length(max=64)])


class NetworksForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The networks of a group."""

    networks = StringField(lazy_gettext("Networks whose devices belong to it"), [Length(max=5000)])
    only_from = StringField(lazy_gettext("Its devices count only on these networks"), [Length(max=5000)])
    revision = HiddenField(validators=[Length(max=16)])  # of the networks that were looked at
