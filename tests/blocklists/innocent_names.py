"""More than a hundred thousand innocent names, made of words of our own (`innocent_words.toml`).

Villages with every institution a village has, in the three ways in which such names are written; and every pair of
nouns, joined and hyphened, so that letters of two words meet by chance as they do in real names.
"""

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path

_WORDS = {
    kind: tuple(dict.fromkeys(words.split()))
    for kind, words in tomllib.loads((Path(__file__).parent / "innocent_words.toml").read_text("utf-8")).items()
}
HELP_LINES = _WORDS["help_lines"]
SINGLE_WORDS = tuple(dict.fromkeys((*_WORDS["places"], *_WORDS["nouns"], *_WORDS["institutions"])))


def place_names() -> Iterator[str]:
    """Yield the names of what there is in every place."""
    for place, institution in itertools.product(_WORDS["places"], _WORDS["institutions"]):
        yield f"{place}-{institution}.example"
        yield f"{place}{institution}.example".replace("-", "")
        yield f"{institution}.{place}.example"


def compound_names() -> Iterator[str]:
    """Yield every pair of nouns: every other one hyphened, the rest joined."""
    for number, (first, second) in enumerate(itertools.product(_WORDS["nouns"], repeat=2)):
        yield f"{first}-{second}.example" if number % 2 else f"{first}{second}.example"


def innocent_names() -> Iterator[str]:
    """Yield all of them."""
    yield from (f"{word}.example" for word in SINGLE_WORDS)
    yield from place_names()
    yield from compound_names()
