"""Takes away the files of lists that were handed in and that nothing names any more.

A file is kept as soon as somebody looks at it; who looks at many and uses none would fill the disk.
"""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.lists import sources
from appliance.central.models import SettingChangeRow, SourceRow

KEPT_UNUSED = timedelta(days=1)  # from the look at a file to its use


def prune_files(session: Session, now: datetime, folder: Path) -> None:
    """Take away what no list, and no change that can be undone, names. Nobody writes the database meanwhile."""
    named = {Path(location).name for location in session.scalars(select(SourceRow.location))}
    changes = select(SettingChangeRow.before, SettingChangeRow.after).where(SettingChangeRow.kind == sources.KIND)
    for values in session.execute(changes):
        named |= {Path(value["location"]).name for value in values if value}
    oldest = (now - KEPT_UNUSED).timestamp()
    for path in folder.glob("*.list"):
        with contextlib.suppress(OSError):  # whoever looked at it may be taking it away just now
            if path.name not in named and path.stat().st_mtime < oldest:
                path.unlink()
