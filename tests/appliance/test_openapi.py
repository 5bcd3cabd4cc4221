"""The document that describes the interface: every limit stands in it, and it is the one in the documentation."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli import hallpass
from appliance.control_characters import REQUIRED_TEXT_PATTERN, TEXT_PATTERN
from appliance.openapi import TRUST, describe_interface, render_interface
from appliance.operations import OPERATIONS
from appliance.problem_details import ProblemType
from tests.docs.sources import ROOT

DOCUMENT = describe_interface()
SECRETS = {"password"}  # may hold whatever somebody chose


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


def values_in(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every value that a schema lets in, with the name of its field."""
    schema = resolved(schema)
    for one in schema.get("anyOf", ()):
        yield from values_in(name, one)
    for field, one in schema.get("properties", {}).items():
        yield from values_in(field, one)
    if "items" in schema:
        yield from values_in(name, schema["items"])
    if "type" in schema:
        yield name, schema


def sent() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every value that a room sends: in a message, or in an address."""
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                yield from values_in(parameter["name"], parameter["schema"])
            if "requestBody" in operation:
                yield from values_in("", operation["requestBody"]["content"]["application/json"]["schema"])


def is_limited(name: str, schema: dict[str, Any]) -> bool:
    match schema["type"]:
        case "string" if schema.get("format") == "date-time":
            return "pattern" in schema
        case "string":
            return "maxLength" in schema and ("pattern" in schema or name in SECRETS)
        case "integer" | "number":
            return {"minimum", "maximum"} <= schema.keys()
        case "array":
            return "maxItems" in schema
        case _:
            return True


def test_whatever_a_room_sends_has_its_limits_in_the_document() -> None:
    found = list(sent())
    assert len(found) > 40
    assert [(name, schema) for name, schema in found if not is_limited(name, schema)] == []


def test_every_operation_is_described_once_with_what_may_go_wrong() -> None:
    described = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]
    assert described == list(dict.fromkeys(described))
    assert set(described) == {one.id for one in OPERATIONS}
    for operation in OPERATIONS:
        responses = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
        assert {"401", "503"} <= set(responses)
        assert set(responses) == {str(one.status) for one in operation.problems} | set(map(str, operation.answers))


def test_every_kind_of_problem_has_a_name_of_its_own() -> None:
    assert len({kind.uri for kind in ProblemType}) == len(ProblemType.__members__)


def test_a_mistake_that_is_quoted_is_one_short_line() -> None:
    said = ProblemType.BAD_MESSAGE.describe("not understood: \r\n\u2028\u202e" + "x" * 10_000).detail
    assert len(said) == 500
    assert said.startswith(r"not understood: \x0d\x0a\u2028\u202e")


@pytest.mark.parametrize("text", ["", "a", "a b", "Größe: ½ π — “Römer”, 日本語 🏛️", "عربي \u200f"])
def test_honest_words_have_the_form_that_the_document_names(text: str) -> None:
    assert re.fullmatch(TEXT_PATTERN, text)
    assert bool(re.fullmatch(REQUIRED_TEXT_PATTERN, text)) == bool(text)


@pytest.mark.parametrize("text", ["a\x00", "\n", "a\n", "\x1bx", "\x85", "a\u2028b", "\u202ea", "a\u2069"])
def test_a_control_character_is_outside_the_form_that_the_document_names(text: str) -> None:
    assert not re.fullmatch(TEXT_PATTERN, text)
    assert not re.fullmatch(REQUIRED_TEXT_PATTERN, text)


def test_the_document_in_the_documentation_is_the_one_of_the_code() -> None:
    kept = (ROOT / "docs" / "openapi.json").read_text()
    assert kept == render_interface(), "hallpass central openapi > docs/openapi.json"


def test_the_document_of_a_trusts_interface_is_the_one_that_is_kept() -> None:
    kept = (ROOT / "docs" / "openapi-trust.json").read_text()
    assert kept == render_interface(TRUST), "hallpass trust openapi > docs/openapi-trust.json"


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(hallpass, ["central", "openapi"])
    assert (done.exit_code, done.output) == (0, render_interface())
