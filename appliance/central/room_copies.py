"""Two with one identity: a copied card is told from a room that was started again, moved, or put back.

Each time a room opens its feed it names two links of a chain that it makes and keeps itself: the last one that
central took, and the next. Of two that continue from one link, one finds that central has gone on with the other.
Beside the links a room names its running process, by which the same one is known however it comes, and its board.
What follows from them (ADR 0019):

- the same process, or nobody else there: it comes in. That it is in another board, or goes on from an older link
  (data that were put back), is written into the audit; the chain goes on from here;
- another one is there, and chain and board fit: a room that was started again, whose old line is not closed yet.
  It comes in; if the old one is still there after `OVERLAP_SECONDS`, the newer one is stopped;
- another one is there, and they do not fit: it waits, and is stopped if after `OVERLAP_SECONDS` both are there.

Stopped is stopped until a person decides (`keep_running`, `admit_stopped`). Whatever else is called has to name
the link from which the chain goes on: a token alone, read off a file, calls nothing once its room has come with
links. Who names none is a room of before: it comes in where no other is there.
"""

from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RoomRow

OVERLAP_SECONDS = 15.0  # longer than a line without anybody at its end stands (`appliance.web_server`)
MAX_STOPPED_LINKS = 50  # of one room
BY = "central"
STOPPED_WORDS = (
    "another card works as this room, and this one came later: it is stopped until somebody decides at central, "
    "on the room's page"
)


class Arrival(msgspec.Struct, frozen=True):
    """Who opens a room's feed, or calls."""

    last_link: str = ""  # that central took
    next_link: str = ""
    process: str = ""
    board: str = ""  # its serial number; "": it has none

    @property
    def is_of_before(self) -> bool:
        """Tell whether it is a room that knows nothing of links."""
        return not (self.next_link and self.process)

    def continues(self, link: str) -> bool:
        """Tell whether it goes on from where central is; its answer to the last arrival may have been lost."""
        return not link or link in (self.last_link, self.next_link)


def is_stopped(room: RoomRow, arrival: Arrival) -> bool:
    """Tell whether this one is stopped, whatever it calls."""
    return any(link in room.stopped_links for link in (arrival.last_link, arrival.next_link) if link)


def is_off_chain(room: RoomRow, arrival: Arrival) -> bool:
    """Tell whether a caller does not know where the chain goes on: it has the token, and is not who follows."""
    return not arrival.continues(room.link)


def must_wait(room: RoomRow, arrival: Arrival, *, is_other_there: bool) -> bool:
    """Tell whether an arrival has to wait until whoever is there is gone."""
    if not is_other_there or (room.process and arrival.process == room.process):
        return False
    is_moved = bool(arrival.board and room.board and arrival.board != room.board)
    return is_moved or not arrival.continues(room.link)


def admit(session: Session, now: datetime, room_id: int, arrival: Arrival) -> None:
    """Let somebody in: from here on the chain goes on with them."""
    room = session.get_one(RoomRow, room_id)
    if arrival.is_of_before:
        if room.link:
            audit.record_audit(
                session, now, BY, "room without links", f"{room.name}: an older Hallpass, or its token"
            )
        room.link = room.process = ""
        return
    if room.process and arrival.process != room.process:
        if not arrival.continues(room.link):
            audit.record_audit(session, now, BY, "room put back", f"{room.name} goes on from older data")
        if room.board and arrival.board and arrival.board != room.board:
            words = f"{room.name}: from board {room.board} to {arrival.board}"
            audit.record_audit(session, now, BY, "card in another board", words)
    room.link, room.process = arrival.next_link, arrival.process
    room.board = arrival.board or room.board


def stop_arrival(session: Session, now: datetime, room_id: int, arrival: Arrival) -> None:
    """Stop who came while another one was there, and stayed."""
    _stop(session, now, session.get_one(RoomRow, room_id), arrival)


def stop_newer(session: Session, now: datetime, room_id: int, *, newer: Arrival, older: Arrival) -> None:
    """Stop who was let in although the other one was still there, and let the chain go on with the older one."""
    room = session.get_one(RoomRow, room_id)
    if room.link != newer.next_link:
        return  # it has gone on meanwhile: what is known is too old
    room.link, room.process, room.board = older.next_link, older.process, older.board or room.board
    _stop(session, now, room, newer)


def keep_running(session: Session, now: datetime, *, room_id: int, by: str) -> RoomRow:
    """Decide that the one which works is the right one. The other stays stopped. Raises NotPossible."""
    room = _disputed(session, room_id)
    room.copy_seen_at, room.copy_board = None, ""
    audit.record_audit(session, now, by, "copy stays stopped", room.name)
    return room


def admit_stopped(session: Session, now: datetime, *, room_id: int, by: str) -> RoomRow:
    """Decide that the stopped one is the right one: it comes in, and the other is stopped. Raises NotPossible."""
    room = _disputed(session, room_id)
    room.stopped_links = [room.link] if room.link else []
    room.link = room.process = room.board = ""
    room.copy_seen_at, room.copy_board = None, ""
    audit.record_audit(session, now, by, "copy takes over", f"{room.name}: the card that worked before is stopped")
    return room


def forget_links(room: RoomRow) -> None:
    """Begin a new chain: the room has a new card."""
    room.link = room.process = room.board = room.copy_board = ""
    room.stopped_links, room.copy_seen_at = [], None


def _stop(session: Session, now: datetime, room: RoomRow, arrival: Arrival) -> None:
    if arrival.next_link in room.stopped_links or (not arrival.next_link and room.copy_seen_at is not None):
        return
    if arrival.next_link:
        room.stopped_links = [*room.stopped_links, arrival.next_link][-MAX_STOPPED_LINKS:]
    room.copy_seen_at, room.copy_board = now, arrival.board
    boards = f"board {room.board or 'not known'} works, board {arrival.board or 'not known'} is stopped"
    audit.record_audit(session, now, BY, "two cards of one room", f"{room.name}: {boards}")


def _disputed(session: Session, room_id: int) -> RoomRow:
    room = session.get(RoomRow, room_id)
    if room is None:
        raise NotFound("there is no such room")
    if room.copy_seen_at is None:
        raise NotPossible(f"nothing is to be decided about {room.name}: one card works as it")
    return room
