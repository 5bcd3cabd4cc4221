"""Reads a TOML file into a msgspec struct and reports every mistake in it at once, each with its key.

msgspec stops at the first mistake; a technician with five mistakes would need five attempts. So each field is
converted by itself, and whatever is wrong is collected as ``section.key: what is wrong``. Keys that no setting
has are mistakes too: a misspelt key must not be passed over in silence.

Relative paths are relative to the file. A UTF-8 byte order mark and CRLF (Notepad) are accepted.
"""

import difflib
import errno
import tomllib
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file

MAX_BYTES = 1024 * 1024  # a damaged card may claim any size

S = TypeVar("S", bound=msgspec.Struct)


class SettingsInvalid(HallpassError):
    """A settings file that cannot be used: every mistake in it, one a line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(f"{path}: {count}\n" + "\n".join(f"  {problem}" for problem in problems))


class SettingsUnreadable(SettingsInvalid):
    """A settings file that is not there, or that this user may not read: no mistake in it, and what to do."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(path, [f"cannot be read: {problem.strerror}"])
        self.args = (f"{path}: cannot be read: {problem.strerror}; {_advice(problem)}",)


def load_settings(path: Path, kind: type[S]) -> S:
    """Read a settings file as `kind`. Raises SettingsInvalid with every mistake."""
    return convert_settings(read_toml(path), path, kind)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a settings file as what TOML makes of it. Raises SettingsInvalid."""
    try:
        text = _read(path).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as problem:
        raise SettingsUnreadable(path, problem) from None
    except UnicodeDecodeError as problem:
        raise SettingsInvalid(path, [f"is not UTF-8 text (byte {problem.start})"]) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsInvalid(path, [f"is not TOML: {problem}"]) from None
    except RecursionError:
        raise SettingsInvalid(path, ["is not TOML that anybody would write: its brackets go too deep"]) from None


def _advice(problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return "run this as its owner, or as root (sudo)"
    return (
        "name the settings file with --config FILE or in HALLPASS_CONFIG (docs/settings.md has one to begin with)"
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular_file(path, MAX_BYTES)
    except OSError as problem:
        if problem.errno == errno.EFBIG:
            raise SettingsInvalid(path, ["is too large for a settings file"]) from None
        raise


def convert_settings(table: dict[str, Any], path: Path, kind: type[S]) -> S:
    """Return a file's table as `kind`. Raises SettingsInvalid with every mistake."""
    problems: list[str] = []
    settings = _struct(kind, table, "", path.parent.absolute(), problems)
    if problems or settings is None:
        raise SettingsInvalid(path, problems)
    return settings


def _struct(kind: type[S], table: dict[str, Any], prefix: str, base: Path, problems: list[str]) -> S | None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems.extend(_unknown_keys(table, fields.keys(), prefix))
    values: dict[str, Any] = {}
    before = len(problems)
    for key, field in fields.items():
        if key in table:
            values[field.name] = _value(field.type, table[key], prefix + key, base, problems)
        elif field.required:
            problems.append(f"{prefix}{key}: is missing")
        elif (section := _struct_type(field.type)) and field.default is msgspec.NODEFAULT:
            # A section left out is an empty section: its own defaults hold, its paths know their base.
            values[field.name] = _struct(section, {}, f"{prefix}{key}.", base, problems)
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except ValueError as problem:
        problems.append(f"{prefix.removesuffix('.') or 'settings'}: {problem}")
        return None


def _unknown_keys(table: dict[str, Any], known: typing.Iterable[str], prefix: str) -> Iterator[str]:
    names = list(known)
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            yield f"{prefix}{key}: is not a setting" + (f"; did you mean {near[0]!r}?" if near else "")


def _value(kind: Any, value: Any, key: str, base: Path, problems: list[str]) -> Any:
    section = _struct_type(kind)
    if section is not None and isinstance(value, dict):
        return _struct(section, value, f"{key}.", base, problems)
    item = _item_type(kind)
    if item is not None and isinstance(value, list):
        return tuple(_value(item, one, f"{key}[{at}]", base, problems) for at, one in enumerate(value))
    try:
        if parsed := _parsed_type(kind):
            if not isinstance(value, str):
                raise msgspec.ValidationError(f"expected text, got {type(value).__name__}")
            return parsed.parse(value)
        return msgspec.convert(value, kind, dec_hook=_hook(base))
    except ValueError as problem:
        problems.append(f"{key}: {_plainly(problem)}")
        return None


def _plainly(problem: ValueError) -> str:
    text = str(problem).split(" - at `$")[0]
    return text[:1].lower() + text[1:]


def _hook(base: Path) -> Callable[[type, Any], Any]:
    def convert(kind: type, value: Any) -> Any:
        if kind is Path:
            if not isinstance(value, str) or not value:
                raise ValueError("expected a path as text")
            return base / Path(value).expanduser()
        raise ValueError(f"{kind.__name__} is no type of setting")

    return convert


def _struct_type(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct that an annotation asks for (`X` or `X | None`), or None."""
    for one in (kind, *typing.get_args(kind)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and not hasattr(one, "parse"):
            return one
    return None


def _parsed_type(kind: Any) -> Any:
    """Return the type with a `parse` that an annotation asks for (`X` or `X | None`), or None."""
    ones = typing.get_args(kind) if typing.get_origin(kind) in {typing.Union, types.UnionType} else (kind,)
    return next((one for one in ones if hasattr(one, "parse")), None)


def _item_type(kind: Any) -> Any:
    """Return X of an annotation `tuple[X, ...]`, or None."""
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0]
    return None
