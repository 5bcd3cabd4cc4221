"""How the school is called and what its clock follows, asked for once in each request."""

from flask import g, has_app_context

from appliance.central.school_identity import SchoolIdentity
from appliance.central.service import Central


def school_identity(central: Central) -> SchoolIdentity:
    """Return the school's name and time zone, as they are set."""
    if not has_app_context():
        return central.identity.current()
    if "school_identity" not in g:
        g.school_identity = central.identity.current()
    found: SchoolIdentity = g.school_identity
    return found
