"""What structs, dataclasses and enumerations of `dns` are; `python -m tests.fakes.struct_shapes` prints it."""

import dataclasses
import enum
import importlib
import inspect
import json
import pkgutil
import re
import sys
from typing import Any

import msgspec

import dns


def struct_shapes() -> dict[str, Any]:
    """Return for each class by its name how it is configured, and its fields in their order."""
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(dns.__path__, "dns."):
        for name, one in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(one) and one.__module__ == module.name and (shape := _shape_of(one)) is not None:
                found[f"{module.name}.{name}"] = shape
    return found


def _shape_of(one: type) -> object | None:
    if issubclass(one, msgspec.Struct):
        config = one.__struct_config__
        settings = {name: repr(getattr(config, name)) for name in dir(config) if not name.startswith("_")}
        return [settings, list(one.__struct_fields__), re.sub(r" at 0x\w+", "", str(inspect.signature(one)))]
    if issubclass(one, enum.Enum):
        return [one.__mro__[1].__name__, [[member.name, repr(member.value)] for member in one]]
    if dataclasses.is_dataclass(one):
        options = repr(one.__dataclass_params__) if hasattr(one, "__dataclass_params__") else ""
        return [options, [field.name for field in dataclasses.fields(one)], hasattr(one, "__dict__")]
    return None


if __name__ == "__main__":
    json.dump(struct_shapes(), sys.stdout)
