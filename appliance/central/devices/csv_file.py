"""Devices as a CSV file (RFC 4180): what a school's inventory exports, and what a spreadsheet may open.

The first line names the columns; further ones than `COLUMNS` are passed over, so that an inventory need not be cut
down. Every mistake is said with its line. What is exported is safe in a spreadsheet: a cell that would be computed
there begins with an apostrophe, which is taken away again when the file comes back. Pure: bytes in, rows out.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from appliance.central.devices.fields import is_mac, name_key
from appliance.central.devices.inventory import DeviceFields
from appliance.central.errors import NotPossible
from appliance.spreadsheets import is_formula

COLUMNS = ("name", "mac", "address", "group", "note")
MAX_BYTES = 4 * 1024 * 1024
_OTHER_NAMES = {
    "device": "name", "device name": "name", "hostname": "name", "host name": "name", "computer name": "name",
    "mac address": "mac", "mac addresses": "mac", "macs": "mac", "wifi mac": "mac", "wi-fi mac": "mac",
    "wi-fi mac address": "mac", "ethernet mac": "mac", "ethernet mac address": "mac", "hardware address": "mac",
    "physical address": "mac", "ip": "address", "ip address": "address", "addresses": "address",
    "ip addresses": "address", "profile": "group", "notes": "note", "comment": "note",
}  # fmt: skip
_DELIMITERS = ",;\t"
_EXCELS_LINE = re.compile(rf'\s*"?sep=([{_DELIMITERS}])"?[;,\t]*\r?\n', re.IGNORECASE)  # which delimiter it is
_MAX_CELL = 1000  # characters


class CsvRow(msgspec.Struct, frozen=True):
    """One device in a file, as it stands there. None: the file has no such column."""

    line: int  # from 1, as editors count
    name: str
    addresses: str  # of every column with addresses
    group: str | None
    note: str | None


class LineError(msgspec.Struct, frozen=True):
    """Something in a file that cannot be taken; `line` 0: the whole of it."""

    line: int
    words: str

    def __str__(self) -> str:
        """Return it with its line."""
        return f"line {self.line}: {self.words}" if self.line else self.words


def decode_csv(content: bytes) -> str:
    """Return a file's text, as spreadsheets of any age write it. Raises NotPossible."""
    if len(content) > MAX_BYTES:
        raise NotPossible(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise NotPossible("this is no CSV file: it holds bytes that no text has")
    if not text.strip():
        raise NotPossible("the file is empty")
    return text


def read_csv(text: str) -> tuple[list[CsvRow], list[LineError]]:
    """Return the devices in a file and its mistakes."""
    said = _EXCELS_LINE.match(text)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = said[1] if said else max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    if said:
        next(reader, None)
    rows: list[CsvRow] = []
    errors: list[LineError] = []
    columns: dict[int, str] | None = None
    try:
        for line, cells in _numbered(reader):
            if columns is None:
                columns = _find_columns(cells)
                if words := _missing_columns(columns):
                    return [], [LineError(line, words)]
            elif any(len(cell) > _MAX_CELL for cell in cells):
                errors.append(LineError(line, f"a field is longer than {_MAX_CELL} characters"))
            else:
                rows.append(_make_row(line, cells, columns))
    except csv.Error as problem:
        errors.append(LineError(reader.line_num, f"this is no CSV: {problem}"))
    return rows, errors


def write_csv(devices: Iterable[DeviceFields]) -> str:
    """Return devices as a file that a spreadsheet shows and `read_csv` reads."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for one in devices:
        macs = [address for address in one.addresses if is_mac(address)]
        others = [address for address in one.addresses if not is_mac(address)]
        cells = (one.name, " ".join(macs), " ".join(others), one.group, one.note)
        writer.writerow([protect_cell(cell) for cell in cells])
    return written.getvalue()


def protect_cell(text: str) -> str:
    """Return a text that no spreadsheet computes. An apostrophe of its own is doubled, so that it comes back."""
    return f"'{text}" if text.startswith("'") or is_formula(text) else text


def unprotect_cell(text: str) -> str:
    """Return the text that `protect_cell` was given."""
    return text[1:] if text.startswith("'") and protect_cell(text[1:]) == text else text


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line on which it begins."""
    line = getattr(reader, "line_num", 0) + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = getattr(reader, "line_num", line) + 1


def _find_columns(cells: list[str]) -> dict[int, str]:
    names = ((at, name_key(cell.replace("_", " "))) for at, cell in enumerate(cells))
    found = ((at, _OTHER_NAMES.get(name, name)) for at, name in names)
    return {at: name for at, name in found if name in COLUMNS}


def _missing_columns(columns: Mapping[int, str]) -> str:
    found = set(columns.values())
    if "name" in found and found & {"mac", "address"}:
        single = [name for name in ("name", "group", "note") if list(columns.values()).count(name) > 1]
        return f"the column {single[0]} stands there twice" if single else ""
    return f"the first line must name the columns: {', '.join(COLUMNS)} (name, and mac or address, at least)"


def _make_row(line: int, cells: list[str], columns: Mapping[int, str]) -> CsvRow:
    texts: dict[str, list[str]] = {name: [] for name in columns.values()}
    for at, name in columns.items():
        texts[name].append(unprotect_cell(cells[at].strip()) if at < len(cells) else "")
    addresses = ",".join(text for name in ("mac", "address") for text in texts.get(name, ()) if text)
    group, note = (texts[name][0] if name in texts else None for name in ("group", "note"))
    return CsvRow(line, texts["name"][0], addresses, group, note)
