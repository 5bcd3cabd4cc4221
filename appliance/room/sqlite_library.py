"""sqlite_utils without python-dateutil (15 modules, more than 1 MB), in each process that has a database.

Only the command line of sqlite_utils wants it, for a column of dates.
"""

import sys
from types import ModuleType

from dns.left_out_modules import left_out

_DATES = "dateutil"

if _DATES in sys.modules or "sqlite_utils" in sys.modules:
    from sqlite_utils import Database
else:
    stand_in = ModuleType(_DATES)
    vars(stand_in)["parser"] = None
    with left_out(stand_in):
        from sqlite_utils import Database

__all__ = ["Database"]
