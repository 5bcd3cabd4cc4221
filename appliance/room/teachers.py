"""Who may act as a teacher in a room: with a teacher's rights, whatever else they may do at central."""

import msgspec

from appliance.protocol import Account
from appliance.rights import may_teach

NO_TEACHER = "This page is for the teachers of this room. Please sign in at central, where your own work is"


def as_teacher(account: Account) -> Account | None:
    """Return an account as a room takes it, or None where its owner is no teacher."""
    return msgspec.structs.replace(account, role="teacher", more_roles=()) if may_teach(account.roles) else None
