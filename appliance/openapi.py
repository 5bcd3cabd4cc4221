"""Describes central's machine interface as an OpenAPI 3.1 document: from the table of operations and their types.

Nothing is written by hand here but what no type says. The document lies in `docs/openapi.json`; a test compares.
"""

import inspect
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from appliance.operations import BASE_PATH, INTERFACE_VERSION, MAX_BODY_BYTES, OPERATIONS, Answer, Operation
from appliance.operations.trust import TRUST_OPERATIONS
from appliance.operations.trust_scripts import TRUST_SCRIPT_OPERATIONS
from appliance.problem_details import MEDIA_TYPE, ProblemDetails, ProblemType

_TRUST_DESCRIPTION = """\
What the centrals of schools ask of their trust. Each is known by the credential that it made when it enrolled, and
sees nothing of another school; the token of an invitation is good for its enrolment alone. A script comes with a
key that somebody made for it at the trust, and may do what its maker chose.

Every error is a problem detail (RFC 9457).\
"""
_REF = "#/components/schemas/{name}"
_DESCRIPTION = f"""\
What rooms, and a school's own scripts, ask of central. Each room is known by its token alone, and sees nothing of
another room. A script comes with a key that somebody made for it, and may do what its maker chose.

Every error is a problem detail (RFC 9457). What is sent is at most {MAX_BODY_BYTES} bytes of JSON; fields
that are not known are passed over. What is not understood is answered with 4xx, and sending it again changes
nothing; 503 comes with the seconds after which to try again.\
"""
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "What identifies this content (RFC 9110, section 8.8.3).",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 86_400},
        "required": True,
    },
}  # fmt: skip


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """What a document describes."""

    title: str
    description: str
    operations: tuple[Operation, ...]


CENTRAL = Interface(title="Hallpass central", description=_DESCRIPTION, operations=OPERATIONS)
TRUST = Interface(
    title="Hallpass trust",
    description=_TRUST_DESCRIPTION,
    operations=(*TRUST_OPERATIONS, *TRUST_SCRIPT_OPERATIONS),
)


def describe_interface(interface: Interface = CENTRAL) -> dict[str, Any]:
    """Return the document: values that JSON can hold."""
    kinds = _kinds(interface.operations)
    schemes = dict.fromkeys(one.caller for one in interface.operations)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schema_of = dict(zip(map(_key, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    problems: dict[str, dict[str, Any]] = {}
    for operation in interface.operations:
        described = _describe(operation, schema_of)
        for status, kinds in _problems_by_status(operation):
            name = "Or".join(kind.name.title().replace("_", "") for kind in kinds)
            problems[name] = _problem(status, kinds, schema_of)
            described["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    document: dict[str, Any] = _without_indentation(
        {
            "openapi": "3.1.1",
            "info": {
                "title": interface.title,
                "version": INTERFACE_VERSION,
                "description": interface.description,
            },
            "servers": [{"url": BASE_PATH}],
            "paths": paths,
            "components": {
                "securitySchemes": {one: {"type": "http", "scheme": "bearer"} for one in schemes},
                "responses": dict(sorted(problems.items())),
                "schemas": components,
            },
        }
    )
    return document


def render_interface(interface: Interface = CENTRAL) -> str:
    """Return the document as readable JSON, the same each time."""
    encoded = msgspec.json.encode(describe_interface(interface))
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def _kinds(operations: tuple[Operation, ...]) -> list[Any]:
    """Return every type that is sent or answered, once."""
    found: list[Any] = [ProblemDetails]
    for operation in operations:
        found += [operation.body, *operation.parameters.values(), *operation.query.values()]
        found += [answer.kind for answer in operation.answers.values()]
    return list({_key(kind): kind for kind in found if kind is not None}.values())


def _key(kind: Any) -> str:
    """Return what tells types apart: two `Annotated` ones may be equal without being the same."""
    return repr(kind)


def _describe(operation: Operation, schema_of: dict[str, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.id, "summary": operation.summary}
    described["security"] = [{operation.caller: []}]
    if parameters := list(_parameters(operation, schema_of)):
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": schema_of[_key(operation.body)]}}
        described["requestBody"] = {"required": True, "content": content}
    described["responses"] = {
        str(status): _answer(answer, schema_of) for status, answer in operation.answers.items()
    }
    return described


def _parameters(operation: Operation, schema_of: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for place, named in (("path", operation.parameters), ("query", operation.query)):
        for name, kind in named.items():
            yield {"name": name, "in": place, "required": place == "path", "schema": schema_of[_key(kind)]}


def _answer(answer: Answer, schema_of: dict[str, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.words}
    if answer.headers:
        described["headers"] = {name: _HEADERS[name] for name in answer.headers}
    if answer.kind is not None:
        described["content"] = {answer.media_type: {"schema": schema_of[_key(answer.kind)]}}
    elif answer.media_type != "application/json":
        described["content"] = {answer.media_type: {}}
    return described


def _problems_by_status(operation: Operation) -> Iterator[tuple[int, list[ProblemType]]]:
    in_order = sorted(dict.fromkeys(operation.problems), key=lambda kind: (kind.status, kind.name))
    for status, kinds in groupby(in_order, key=lambda kind: kind.status):
        yield status, list(kinds)


def _problem(status: int, kinds: list[ProblemType], schema_of: dict[str, dict[str, Any]]) -> dict[str, Any]:
    narrowed = {"type": {"enum": [kind.uri for kind in kinds]}, "status": {"const": status}}
    schema = {"allOf": [schema_of[_key(ProblemDetails)], {"properties": narrowed}]}
    described: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds) + ".",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if status in (429, 503):
        described["headers"] = {"Retry-After": _HEADERS["Retry-After"]}
    return described


def _is_description(key: str, value: Any) -> bool:
    return key == "description" and isinstance(value, str)


def _without_indentation(value: Any) -> Any:
    """Return the document with what docstrings say as it reads, and not as it stood in the code."""
    match value:
        case dict():
            return {
                key: inspect.cleandoc(one) if _is_description(key, one) else _without_indentation(one)
                for key, one in value.items()
            }
        case list():
            return [_without_indentation(one) for one in value]
        case _:
            return value
