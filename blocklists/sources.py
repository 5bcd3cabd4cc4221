"""The sources file: which lists a school subscribes to. TOML, one `[[source]]` for each; checked whole.

Every mistake is reported at once, with the source it stands in. Relative locations are relative to the file.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from blocklists.categories import EVERY_CATEGORY
from blocklists.entries import Match
from blocklists.errors import SourcesInvalid, SourcesUnreadable
from blocklists.formats import DETECTED, format_names

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MATCHES = {"exact": Match.EXACT, "subdomains": Match.SUBDOMAINS, "below": Match.BELOW}
ACTIONS = ("block", "allow")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One subscribed list."""

    name: str
    category: str
    location: str  # a path, made absolute, or a URL
    format: str = DETECTED
    match: str = ""  # "exact", "subdomains", "below"; "": as the format means it
    folder: str = ""  # in an archive or a folder of several lists: which one
    licence: str = ""
    homepage: str = ""
    action: str = "block"  # or "allow": its names are opened, against what the lists of its category close
    allow_wide: bool = False  # whether it may close a public suffix, or nearly everything (`blocklists.width`)

    @property
    def is_url(self) -> bool:
        """Whether the list is fetched from elsewhere."""
        return self.location.startswith(("https://", "http://"))

    @property
    def path(self) -> Path:
        """The path of a list that lies on this machine."""
        return Path(self.location)

    @property
    def default_match(self) -> Match | None:
        """What a bare name means; None: what the format says."""
        return MATCHES.get(self.match)


def load_sources(path: Path) -> tuple[Source, ...]:
    """Read a sources file. Raises SourcesInvalid with every mistake."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        table = tomllib.loads(text)
    except OSError as problem:
        raise SourcesUnreadable(path, problem.strerror or str(problem)) from None
    except UnicodeDecodeError as problem:
        raise SourcesInvalid(path, [f"is not UTF-8 text (byte {problem.start})"]) from None
    except tomllib.TOMLDecodeError as problem:
        raise SourcesInvalid(path, [f"is not TOML: {problem}"]) from None
    problems = [f"{key}: is not a setting; sources are [[source]]" for key in table if key != "source"]
    found = table.get("source", [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourcesInvalid(path, [*problems, "source: write [[source]] for each source"])
    if not found:
        problems.append("source: names no source; write [[source]] for each")
    sources = [
        _parse_source(one, f"source[{at}]", path.parent.absolute(), problems) for at, one in enumerate(found)
    ]
    problems.extend(_duplicate_names(one.name for one in sources if one is not None))
    if problems:
        raise SourcesInvalid(path, problems)
    return tuple(one for one in sources if one is not None)


def check_source(source: Source) -> list[str]:
    """Return what is wrong with a source, each with its key; empty where nothing is."""
    problems = []
    if not _ID.fullmatch(source.name.lower()):
        problems.append(f"name: {source.name!r} may hold letters, digits, - and _ only")
    if not _ID.fullmatch(source.category):
        problems.append(f"category: {source.category!r} may hold small letters, digits, - and _ only")
    if source.format not in format_names():
        problems.append(f"format: {source.format!r} is not one of {', '.join(format_names())}")
    if source.match and source.match not in MATCHES:
        problems.append(f"match: {source.match!r} is not one of {', '.join(MATCHES)}")
    if source.action not in ACTIONS:
        problems.append(f"action: {source.action!r} is not one of {', '.join(ACTIONS)}")
    if source.category == EVERY_CATEGORY and source.action != "allow":
        problems.append(f'category: {EVERY_CATEGORY!r} is for lists that open (action = "allow")')
    problems.extend(_location_problems(source.location))
    return problems


def _location_problems(location: str) -> Iterator[str]:
    if not location:
        yield "location: is empty"
    scheme, separator, _ = location.partition("://")
    if not separator:
        return
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        host = ""
    if scheme not in ("https", "http") or not host:
        yield f"location: {location!r} is neither a path nor an https:// URL"
    elif scheme == "http" and host not in LOOPBACK:
        yield "location: must be https:// (http:// only for this machine itself)"


def _parse_source(table: dict[str, Any], where: str, base: Path, problems: list[str]) -> Source | None:
    name = table.get("name")
    where = f"source {name!r}" if isinstance(name, str) and name else where
    before = len(problems)
    fields = {field.name: field for field in msgspec.structs.fields(Source)}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            problems.append(f"{where}: {key}: is not a setting" + (f"; did you mean {near[0]!r}?" if near else ""))
        elif not isinstance(value, fields[key].type):
            problems.append(f"{where}: {key}: expected {'true or false' if fields[key].type is bool else 'text'}")
    problems.extend(
        f"{where}: {key}: is missing" for key, field in fields.items() if field.required and key not in table
    )
    if len(problems) > before:
        return None
    source = Source(**table)
    problems.extend(f"{where}: {problem}" for problem in check_source(source))
    if source.location and not source.is_url:
        source = msgspec.structs.replace(source, location=str(base / Path(source.location).expanduser()))
    return source


def _duplicate_names(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"source {name!r}: name: is used twice"
        seen.add(name)
