"""Whether a finished card runs its hot path compiled (docs/adr/0032): what it says of itself, what is there."""

import re
from collections.abc import Iterator

from appliance.image.reader import OpenedImage

_LIBRARIES = "opt/hallpass/lib/python3*/site-packages"
# What compiles, and what only who compiles needs.
_COMPILERS = (
    *(f"usr/bin/{name}" for name in ("*gcc*", "cc", "cc1*", "as", "*-as", "ld", "*-ld")),
    "usr/include/python3*",
    f"{_LIBRARIES}/mypyc",
)


def check_hot_path(image: OpenedImage) -> Iterator[str]:
    """As many modules are compiled as the card says, each beside its source; and nothing there compiles."""
    compiled = sorted(image.root.glob(f"{_LIBRARIES}/dns/**/*.so"))
    said = read_compiled(image)
    if len(compiled) != said:
        yield f"etc/hallpass-release says that {said} modules are compiled, there are {len(compiled)}"
    for path in compiled:
        if not path.with_name(f"{path.name.partition('.')[0]}.py").is_file():
            yield f"{path.relative_to(image.root)}: its source is not beside it"
    for pattern in _COMPILERS:
        for path in sorted(image.root.glob(pattern)):
            yield f"{path.relative_to(image.root)}: a card needs nothing that compiles"


def read_compiled(image: OpenedImage) -> int:
    """Return how many modules of Hallpass's the card says are compiled; none if it says nothing of it."""
    said = read_release(image, "COMPILED")
    return int(said) if said.isdecimal() else 0


def read_release(image: OpenedImage, key: str = "VERSION") -> str:
    """Return what the card says of itself: its version, or what else stands there."""
    path = image.root / "etc/hallpass-release"
    found = re.search(rf"^HALLPASS_{key}=(\S+)$", path.read_text(), re.MULTILINE) if path.is_file() else None
    return found.group(1) if found else ""
