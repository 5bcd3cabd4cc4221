"""The project's files, and the words that their code uses."""

import itertools
import re
import tokenize
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "blocklists", "dns", "hardware", "webui", "tests")
FOLDERS = (*PACKAGES, "docs", "image-build", ".github")
FILES = frozenset(
    str(path.relative_to(ROOT))
    for folder in (ROOT.glob("*"), *((ROOT / name).rglob("*") for name in FOLDERS))
    for path in folder
    if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
)


def words_of(name: str) -> frozenset[str]:
    """Return the words of a file; of a Python file without its docstrings and comments."""
    text = (ROOT / name).read_text(errors="replace")
    if not name.endswith(".py"):
        return frozenset(re.findall(r"\w+", text))
    tokens = tokenize.generate_tokens(StringIO(text).readline)
    code = (
        one.string for one in tokens if one.type != tokenize.COMMENT and not one.string.startswith(('"""', 'r"""'))
    )
    return frozenset(itertools.chain.from_iterable(re.findall(r"\w+", one) for one in code))
