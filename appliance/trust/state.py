"""What a trust is known by: its id, the key that signs its documents, and the numbers of their order.

The key is sealed with the file that stands outside the database (`appliance.central.key_file`). Documents are
numbered within an epoch, which begins anew, and higher, wherever the database's own does: after a restore
(`appliance.central.epoch`). So a school never takes for old what was decided after a backup was put back.
"""

import secrets
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from appliance.central.accounts import has_any_account
from appliance.central.errors import CentralError
from appliance.central.key_file import KeyFile
from appliance.central.models import RoomRow, TrustRow
from appliance.central.store import read_revisions
from appliance.central.trust_database import find_trust
from appliance.trust_protocol import make_document_key

_PURPOSE = "trust"


class NoTrust(CentralError):
    """A database that is no trust's, or one that cannot become one."""


def require_trust(session: Session) -> TrustRow:
    """Return the trust that a database is of. Raises NoTrust."""
    row = find_trust(session)
    if row is None:
        raise NoTrust("this is a school's database, and no trust's: see hallpass trust init")
    return row


def create_trust(session: Session, now: datetime, keys: KeyFile) -> TrustRow:
    """Make a database a trust's. Raises NoTrust where it is one already, or has rooms or accounts."""
    if find_trust(session) is not None:
        raise NoTrust("this database is a trust's already")
    if session.scalar(select(RoomRow.id).limit(1)) is not None:
        raise NoTrust("this database has rooms, so it is a school's: a trust has one of its own")
    if has_any_account(session):
        raise NoTrust("this database has accounts of people at a school: a trust has one of its own")
    private, public = make_document_key()
    row = TrustRow(
        id=1, trust_id=secrets.token_hex(16), public_key=public, sealed_key=keys.seal(_PURPOSE, private.hex()),
        epoch=int(now.timestamp()), database_epoch=read_revisions(session).epoch, number=1,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def read_document_key(row: TrustRow, keys: KeyFile) -> bytes:
    """Return the private key. Raises KeyFileUnusable."""
    return bytes.fromhex(keys.unseal(_PURPOSE, row.sealed_key))


def is_epoch_current(session: Session, row: TrustRow) -> bool:
    """Tell whether the database is the one to which the numbers of the documents belong."""
    return row.database_epoch == read_revisions(session).epoch


def begin_epoch_if_restored(session: Session, now: datetime) -> None:
    """Begin a new epoch of documents where the database has begun one."""
    row = require_trust(session)
    if not is_epoch_current(session, row):
        row.epoch = max(int(now.timestamp()), row.epoch + 1)
        row.database_epoch = read_revisions(session).epoch


def count_change(session: Session) -> None:
    """Say that schools' documents are others from now on."""
    session.execute(update(TrustRow).values(number=TrustRow.number + 1))
