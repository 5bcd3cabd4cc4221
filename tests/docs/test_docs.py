"""The documents name every setting and every command, and their links lead somewhere."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from appliance.card.settings import CardSettings
from appliance.cli import COMMANDS, hallpass
from appliance.settings.central import CentralSettings
from appliance.settings.dns import DnsCacheSection
from appliance.settings.room import RoomSettings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("image-build/*.md")]


def keys(kind: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        yield field.encode_name
        for one in (field.type, *typing.get_args(field.type)):
            if isinstance(one, type) and issubclass(one, msgspec.Struct) and not hasattr(one, "parse"):
                yield from keys(one)


def commands(group: click.Command, words: tuple[str, ...]) -> Iterator[str]:
    yield " ".join(words)
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from commands(found, (*words, name))


@pytest.mark.parametrize("kind", [RoomSettings, CentralSettings])
def test_every_setting_is_documented(kind: type[msgspec.Struct]) -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    missing = [key for key in keys(kind) if not re.search(rf"[`\[.,]{key}[`\].,]", text)]
    assert missing == []


def defaults(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield each setting whose default is a plain value, with the value as TOML writes it."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.default, bool | int | float) or (isinstance(field.default, str) and field.default):
            yield field.encode_name, msgspec.toml.encode({"x": field.default}).decode()[4:].strip()
        for one in (field.type, *typing.get_args(field.type)):
            if isinstance(one, type) and issubclass(one, msgspec.Struct) and not hasattr(one, "parse"):
                yield from defaults(one)


@pytest.mark.parametrize("kind", [RoomSettings, CentralSettings])
def test_every_default_in_the_documents_is_the_one_that_holds(kind: type[msgspec.Struct]) -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| (`.+?) \| ([^|]*) \|", text, re.MULTILINE)
    for key, value in defaults(kind):
        said = [default for keys, default in rows if f"`{key}`" in keys]
        plainly = {value, value.removesuffix(".0")}
        assert any(plainly & set(re.split(r"[ ,`]+", default)) for default in said), (key, value, said)


def test_every_setting_of_a_card_is_explained_in_the_file_that_it_brings() -> None:
    text = (ROOT / "image-build/boot/hallpass.toml").read_text()
    rare = {"workers", "own_names", "cache", *keys(DnsCacheSection), "ttl", "commit_seconds", "fold_seconds"}
    missing = [key for key in keys(CardSettings) if key not in rare and not re.search(rf"\b{key}\b", text)]
    assert missing == []
    assert rare <= set(keys(CardSettings)), "these are documented in docs/settings.md alone"


def test_every_command_is_documented() -> None:
    text = "".join(document.read_text() for document in DOCUMENTS)
    named = {command for name in COMMANDS for command in commands_of(name)}
    missing = sorted(command for command in named if command not in text)
    assert missing == []


def commands_of(name: str) -> Iterator[str]:
    command = hallpass.get_command(click.Context(hallpass), name)
    assert command is not None
    yield from commands(command, ("hallpass", name))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_every_test_that_the_list_of_rfcs_names_exists() -> None:
    listed = re.findall(
        r"^\| [^|]+ \| [^|]+ \| `([^`]+)` `([^`]+)` \|$", (ROOT / "docs" / "dns.md").read_text(), re.MULTILINE
    )
    assert len(listed) > 40
    missing = [(file, test) for file, test in listed if f"def {test}(" not in (ROOT / "tests" / file).read_text()]
    assert missing == []
