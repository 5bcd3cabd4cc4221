"""What a document, a docstring or a comment names in backticks exists: files, modules, and what stands in them."""

import ast
import functools
import importlib
import inspect
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.docs.sources import FILES, PACKAGES, ROOT, words_of

FOLDERS = (*PACKAGES, "docs", "image-build")
CODE = sorted(name for name in FILES if name.endswith(".py"))
# Records of decisions and of changes speak of the day on which they were written.
DOCUMENTS = sorted(
    name
    for name in FILES
    if name.endswith(".md") and name != "CHANGELOG.md" and not re.match(r"docs/adr/\d", name)
)

_QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_DOTTED = re.compile(rf"^(?:{'|'.join(PACKAGES)})(?:\.\w+)+$")
_PATH = re.compile(rf"^(?:{'|'.join(FOLDERS)})/[\w./-]*$")
_FILE = re.compile(r"^[\w-]+\.(?:py|html|md)$")
_IDENTIFIER = re.compile(
    r"^_?(?:[A-Z][a-z0-9]+(?:[A-Z]\w*)+|[a-z0-9]+(?:_[a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$"
)
_CONSTANT = re.compile(r"^_?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_PLACEHOLDER = re.compile(r"\b(?:\w+_)?NAME\b")  # stands for any name
_NOT_OURS = frozenset({"HTTPS_PROXY", "sched_setattr"})  # of the environment, of Linux
_MEMBER = re.compile(r"^([A-Z]\w+)\.(\w+)$")


def spoken(name: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a document, or the comments and docstrings of a Python file, with their numbers."""
    text = (ROOT / name).read_text()
    if not name.endswith(".py"):
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            for offset, line in enumerate(node.value.value.splitlines()):
                yield node.value.lineno + offset, line


@functools.cache
def vocabulary() -> frozenset[str]:
    """Return every word that code, settings and pages use."""
    return frozenset().union(*(words_of(name) for name in FILES if not name.endswith((".md", ".lock"))))


@functools.cache
def classes() -> dict[str, set[str]]:
    """Return what each class of ours has: attributes and methods, also those of its bases."""
    found: dict[str, set[str]] = {}
    bases: dict[str, set[str]] = {}
    for name in CODE:
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.ClassDef):
                inside = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                inside |= {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
                inside |= {
                    one.name for one in ast.walk(node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                found.setdefault(node.name, set()).update(inside)
                bases.setdefault(node.name, set()).update(
                    one.id for one in node.bases if isinstance(one, ast.Name)
                )
    for name, above in bases.items():
        for one in above:
            found[name] |= found.get(one, set())
    return found


def resolves(dotted: str) -> bool:
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            members = getattr(value, "__annotations__", {}) if inspect.isclass(value) else {}
            if part in members:
                return True
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def exists(name: str, quoted: str) -> bool:
    """Tell whether what a file names in backticks exists; what has no shape of a name of ours does."""
    quoted = quoted.removesuffix("()")
    if quoted in _NOT_OURS or _PLACEHOLDER.search(quoted):
        return True
    if _DOTTED.match(quoted):
        return resolves(quoted)
    if _PATH.match(quoted):
        return any((base / quoted).exists() for base in (ROOT, ROOT / "tests", (ROOT / name).parent))
    if _FILE.match(quoted):
        return any(one == quoted or one.endswith("/" + quoted) for one in FILES)
    if member := _MEMBER.match(quoted):
        inside = classes().get(member[1])
        return member[1] in vocabulary() if inside is None else member[2] in inside
    if _CONSTANT.match(quoted) and name.endswith(".py"):
        return quoted in words_of(name)
    if _IDENTIFIER.match(quoted):
        return quoted in vocabulary()
    return True


@pytest.mark.parametrize("name", [*DOCUMENTS, *CODE])
def test_what_is_named_in_backticks_exists(name: str) -> None:
    missing = [
        f"{name}:{line}: {quoted}"
        for line, text in spoken(name)
        for quoted in _QUOTED.findall(text)
        if not exists(name, quoted)
    ]
    assert missing == []
