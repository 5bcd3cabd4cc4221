"""The rows of rooms' counts, and the sums over all rooms, which follow them: whoever writes one writes both here.

A sum is there as long as a room's row of the same hour, verdict and category is. So a report of a year, or a
picture of a week, does not add up a thousand rooms' rows. Sums are by hour, as rows are: the days of any time zone
can be made of them, and an hour that a room tells once more changes one of each.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from appliance.central.models import CountRow, SchoolCountRow

Cell = tuple[int, bool, str, str]  # hour, whether it is the first of a day that was summed up, verdict, category
RoomCell = tuple[int, Cell]  # a room's id, and the cell
_CELLS_AT_ONCE = 500  # a statement takes only so many values


def take_rows(session: Session, *wanted: ColumnElement[bool]) -> dict[RoomCell, int]:
    """Delete rows and return their answers; they stay in the sums until `put_rows` has been told of them."""
    columns = (CountRow.room_id, CountRow.hour, CountRow.is_day, CountRow.verdict, CountRow.category)
    gone = session.execute(delete(CountRow).where(*wanted).returning(*columns, CountRow.answers))
    return {(room, (hour, is_day, verdict, kind)): answers for room, hour, is_day, verdict, kind, answers in gone}


def put_rows(session: Session, cells: Mapping[RoomCell, int], *, instead_of: Mapping[RoomCell, int]) -> None:
    """Add rows, and have the sums follow, also for those that were taken."""
    if cells:
        session.execute(
            insert(CountRow),
            [{"room_id": room, **_key(cell), "answers": answers} for (room, cell), answers in cells.items()],
        )
    answers: Counter[Cell] = Counter()
    rooms: Counter[Cell] = Counter()
    for by, rows in ((-1, instead_of), (1, cells)):
        for (_, cell), count in rows.items():
            answers[cell] += by * count
            rooms[cell] += by
    changed = sorted(cell for cell in rooms if answers[cell] or rooms[cell])
    for some in (changed[at : at + _CELLS_AT_ONCE] for at in range(0, len(changed), _CELLS_AT_ONCE)):
        _change_sums(session, some, answers, rooms)


def prune_rows(session: Session, before: int) -> None:
    """Delete rows and sums of before an hour."""
    for table in (CountRow, SchoolCountRow):
        session.execute(delete(table).where(table.hour < before))


def _change_sums(
    session: Session, cells: Iterable[Cell], answers: Mapping[Cell, int], rooms: Mapping[Cell, int]
) -> None:
    hours = {cell[0] for cell in cells}
    kept = {tuple(row) for row in session.execute(select(*_KEY).where(SchoolCountRow.hour.in_(hours)))}
    new = [{**_key(cell), "answers": answers[cell], "rooms": rooms[cell]} for cell in cells if cell not in kept]
    if new:
        session.execute(insert(SchoolCountRow), new)
    other = [
        {**{f"of_{name}": value for name, value in _key(cell).items()}, "more": answers[cell], "by": rooms[cell]}
        for cell in cells
        if cell in kept
    ]
    if other:
        session.connection().execute(_CHANGE, other)
    if any(rooms[cell] < 0 for cell in cells):
        session.execute(delete(SchoolCountRow).where(SchoolCountRow.hour.in_(hours), SchoolCountRow.rooms == 0))


def _key(cell: Cell) -> dict[str, object]:
    return dict(zip(("hour", "is_day", "verdict", "category"), cell, strict=True))


_KEY = (SchoolCountRow.hour, SchoolCountRow.is_day, SchoolCountRow.verdict, SchoolCountRow.category)
_CHANGE = (
    update(SchoolCountRow)
    .where(*(column == bindparam(f"of_{column.key}") for column in _KEY))
    .values(answers=SchoolCountRow.answers + bindparam("more"), rooms=SchoolCountRow.rooms + bindparam("by"))
)
