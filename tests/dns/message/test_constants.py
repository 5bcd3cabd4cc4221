import ast
import enum
from collections.abc import Iterator
from pathlib import Path

import dnslib
import pytest

from dns.message import constants
from dns.message.constants import Rcode, RecordType, parse_record_type

ROOT = Path(__file__).parents[3]
PACKAGES = ("appliance", "blocklists", "dns", "hardware", "webui", "tests")
NAMES = {
    name: int(member)
    for registry in (constants.RecordType, constants.Rcode, constants.EdnsOption, constants.ExtendedErrorCode)
    for name, member in registry.__members__.items()
}
OTHER_NAMES_OF_DNSLIB = {53: "HIP"}  # a mistake of the library's: 53 is SMIMEA (RFC 8162)


@pytest.mark.parametrize(
    ("registry", "theirs"), [(RecordType, dnslib.QTYPE), (Rcode, dnslib.RCODE)], ids=["types", "response codes"]
)
def test_numbers_are_those_that_a_library_knows(registry: type[enum.IntEnum], theirs: dnslib.Bimap) -> None:
    for number, name in theirs.forward.items():
        if number not in OTHER_NAMES_OF_DNSLIB:
            assert registry[name] == number


@pytest.mark.parametrize("registry", [one for one in vars(constants).values() if isinstance(one, enum.EnumType)])
def test_every_number_has_one_name(registry: type[enum.IntEnum]) -> None:
    assert len(registry.__members__) == len({int(member) for member in registry})


@pytest.mark.parametrize(
    ("text", "number"),
    [("A", 1), (" aaaa ", 28), ("NSAP-PTR", 23), ("TYPE65", 65), ("type0", 0), ("TYPE65535", 65535)],
)
def test_a_type_is_read_by_name_or_number(text: str, number: int) -> None:
    assert parse_record_type(text) == number


@pytest.mark.parametrize("text", ["", "TYPE", "TYPE65536", "TYPE-1", "65", "NO-SUCH", "name"])
def test_what_is_no_type_is_told_apart(text: str) -> None:
    assert parse_record_type(text) is None


def test_no_other_module_gives_a_number_the_name_that_it_has_here() -> None:
    assert list(second_copies()) == []


def second_copies() -> Iterator[str]:
    """Yield where a name of a registry is bound to its number as a plain literal."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "constants.py":
                for line, name, value in literals(ast.parse(path.read_text(encoding="utf-8"))):
                    if NAMES.get(name.strip("_")) == value:
                        yield f"{path.relative_to(ROOT)}:{line}: {name} = {value}"


def literals(module: ast.Module) -> Iterator[tuple[int, str, int]]:
    """Yield line, name and value of each constant of a module that is a number, those of tuples included."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = (
                    zip(target.elts, node.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                    else [(target, node.value)]
                )
                for name, value in pairs:
                    if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and type(value.value) is int:
                        yield node.lineno, name.id, value.value
