"""The lists that the school subscribes to. A source is a URL, or a file that was handed in and is kept here."""

import hashlib
import re
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

import blocklists.sources
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import Source
from blocklists.compiler import survey_source
from blocklists.errors import SourceUnusable

LARGEST_FILE = 64 * 1024 * 1024  # bytes that may be handed in

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def subscribe(
    session: Session, now: datetime, *, name: str, category: str, location: str, by: str, format: str = "auto",  # noqa: A002 (the word of the settings)
    match: str = "",
) -> Source:  # fmt: skip
    """Add a source. It is in force once it was compiled. Raises NotPossible with every mistake."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise NotPossible(f"{name!r} is no name for a source: small letters, digits and hyphens")
    if session.scalar(select(Source).where(Source.name == name)):
        raise NotPossible(f"there is a source {name!r} already")
    problems = blocklists.sources.check_source(
        blocklists.sources.Source(name=name, category=category, location=location, format=format, match=match)
    )
    if problems:
        raise NotPossible("; ".join(problems))
    source = Source(
        name=name,
        category=category,
        location=location,
        format=format,
        match=match,
        by=by,
        made_at=now,
        report=None,
    )
    session.add(source)
    audit.note(session, now, by, "source added", f"{name} ({category}) {location}")
    return source


def unsubscribe(session: Session, now: datetime, *, source_id: int, by: str) -> None:
    """Take a source away. Raises NotFound."""
    source = get(session, source_id)
    session.delete(source)
    audit.note(session, now, by, "source removed", source.name)


def every(session: Session) -> list[Source]:
    """Return all sources by name."""
    return list(session.scalars(select(Source).order_by(Source.name)))


def get(session: Session, source_id: int) -> Source:
    """Return a source. Raises NotFound."""
    source = session.get(Source, source_id)
    if source is None:
        raise NotFound("there is no such source")
    return source


def keep_file(folder: Path, content: bytes, format: str = "auto") -> Path:  # noqa: A002 (the word of the settings)
    """Keep a file that was handed in, named by its content; return where. Raises NotPossible if it is no list."""
    if not content:
        raise NotPossible("the file is empty")
    if len(content) > LARGEST_FILE:
        raise NotPossible(f"the file is larger than {LARGEST_FILE // 1024 // 1024} MB")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.list"
    path.write_bytes(content)
    given = blocklists.sources.Source(name="the-file", category="unknown", location=str(path), format=format)
    try:
        understood = survey_source(given, path)
    except SourceUnusable as problem:
        path.unlink()
        raise NotPossible(f"this file is no list: {problem}".replace(f"{path}: ", "")) from None
    if not understood.entries:
        path.unlink()
        raise NotPossible("this file is no list: nothing stands in it")
    return path
