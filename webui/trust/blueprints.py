"""What the features of a trust's site share. Each makes its blueprint as those of central's site do."""

from flask import current_app

from appliance.trust.service import Trust


def trust() -> Trust:
    """Return the service that this application serves."""
    service: Trust = current_app.extensions["trust"]
    return service
