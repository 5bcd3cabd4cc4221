"""What rooms and a school's scripts can ask of central: one table, which makes the routes and the document.

A row is an operation: its method and address, what is sent and answered, what may go wrong, and the right that it
needs. The view of the same name stands in `webui/api/views.py`; the document is made in `appliance.openapi`. What
every operation answers alike (a token that is not known, a database that is away) stands in no row.
"""

from appliance.operations.operation import (
    BASE_PATH,
    INTERFACE_VERSION,
    MAX_BODY_BYTES,
    SCRIPTS_PATH,
    Answer,
    Operation,
)
from appliance.operations.rooms import METADATA_NAME, ROOMS_OPERATIONS
from appliance.operations.scripts import SCRIPTS_OPERATIONS

__all__ = [
    "BASE_PATH",
    "INTERFACE_VERSION",
    "MAX_BODY_BYTES",
    "METADATA_NAME",
    "OPERATIONS",
    "SCRIPTS_PATH",
    "Answer",
    "Operation",
]

OPERATIONS = (*ROOMS_OPERATIONS, *SCRIPTS_OPERATIONS)
