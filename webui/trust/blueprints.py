"""What the features of a trust's site share. Each makes its blueprint as those of central's site do.

Whatever schools hear of is written as what concerns rooms is at central: by the number that grows with it, a
database that was put back from a backup is noticed (`appliance.central.epoch`).
"""

from flask import current_app

from appliance.trust.service import Trust


def trust() -> Trust:
    """Return the service that this application serves."""
    service: Trust = current_app.extensions["trust"]
    return service
