"""Things in the code bear the field's names: none twice, no leftover of the words that the field does not use."""

import ast
import keyword
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "blocklists", "dns", "hardware", "webui")
FILES = tuple(file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))

# A name that two classes may bear, and why.
TWICE: dict[str, str] = {}

# A module called only by what it does or what was done; why that is its name all the same.
PARTICIPLES: dict[str, str] = {
    "feed": "no participle: central's feed",
    "shared": "a folder of what both sites share, as Flask projects call it",
    "provisioning": "a noun of the field: cloud-init and systemd call this so",
}
IRREGULAR = frozenset({
    "begun", "bought", "brought", "built", "done", "drawn", "given", "gone", "held", "hidden", "kept", "known",
    "lost", "made", "paid", "said", "seen", "shown", "sought", "taken", "told", "took", "written",
})  # fmt: skip

# A word that the code does not use any more, and the field's word for the thing. Words that also have an ordinary
# sense everywhere (read, end, port, tables, keys) cannot be held by a test; whoever reads a change looks for them.
RETIRED = {
    "asker": "client",
    "boil": "compact",
    "building": "list builder",
    "burst": "DatagramBatch",
    "chance": "EntropyPool",
    "choosing": "config choice",
    "cold": "stale",
    "compiling": "publisher",
    "deciding": "room decisions",
    "designated": "DDR",
    "door": "StreamListener",
    "exchange": "PendingQuery",
    "fetching": "forward",
    "flashing": "flash messages",
    "giving": "cpu_scheduling",
    "harmless": "safe",
    "house": "ConnectionLimiter",
    "inspected": "response_policy",
    "installing": "installer",
    "laid": "apply",
    "learning": "related names",
    "ledger": "query-log writer",
    "memory": "AgentStore",
    "mistakes": "validation",
    "moments": "validity",
    "noted": "LogEntry",
    "packing": "codec",
    "parcel": "OutboxMessage",
    "personalising": "personalisation",
    "places": "paths",
    "pressing": "button",
    "protected": "never-block",
    "pulse": "heartbeat, revision",
    "readable": "parse",
    "remembered": "cache",
    "replay": "PacketCache",
    "reply": "send, Response",
    "reporter": "QueryLogSender",
    "rota": "UpstreamPool",
    "settle": "resolve",
    "settling": "provisioning",
    "shares": "ListenSockets",
    "signing": "auth",
    "situation": "PolicyContext",
    "skim": "scanner",
    "spool": "journal",
    "starter": "built-in list",
    "stranger": "unknown client",
    "surroundings": "ResolverConfig",
    "suspect": "unchecked",
    "told": "ExtendedError",
    "walked": "scanner",
    "weighing": "precedence",
    "welcome": "acl",
    "wish": "request",
    "wishes": "flags",
    "withdrawn": "BadFilter",
}

# An identifier with one of those words in it that means something else, or is the field's after all.
ALLOWED: dict[str, str] = {
    "DesignatedResolver": "RFC 9462's own term",
    "CertificateSigningRequestBuilder": "cryptography's own class",
    "designated": "RFC 9462's own term",
    "MemoryError": "Python's own class",
    "memory": "memory that the kernel writes into",
    "memory_cost": "argon2's own parameter",
    "mistakes": "those in a file or of ours, as people are told of them",
    "reply": "dnslib's own method",
    "_mistakes": "those of ours that were counted",
    "INSPECTED": "the step's name, which the log stores",
    "pulse": "the name of a table in databases that exist",
    "starter_list": "the name of a column in databases that exist",
    "withdrawn_ids": "the ids of requests that were taken back",
    "withdrawn": "requests that were taken back",
    "_welcome": "what the demo says when it begins",
}


def parts(identifier: str) -> set[str]:
    """Return the words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def identifiers(file: Path) -> Iterator[str]:
    with tokenize.open(file) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                yield token.string


def modules() -> set[str]:
    below = {part for file in FILES for part in file.relative_to(ROOT).with_suffix("").parts}
    return {name for name in below if not name.startswith(("_", "0"))}


def is_bare_participle(name: str) -> bool:
    """Tell whether a name is a participle or a gerund and nothing else; `blocked_tunnels` has its noun."""
    return "_" not in name and (name.endswith(("ing", "ed")) or name in IRREGULAR)


def test_no_two_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1 and name not in TWICE} == {}


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("following", True),
        ("written", True),
        ("compiled", True),
        ("blocked_tunnels", False),
        ("cpu_scheduling", False),
        ("policy", False),
    ],
)
def test_a_participle_is_known_by_standing_alone(name: str, bare: bool) -> None:
    assert is_bare_participle(name) == bare


def test_no_module_is_called_only_by_what_it_does_or_what_was_done() -> None:
    assert {name for name in modules() if is_bare_participle(name)} <= PARTICIPLES.keys()


def test_the_words_of_a_name_are_told_apart() -> None:
    assert parts("_OwnSpool_path2") == {"own", "spool", "path"}
    assert parts("SPOOL_BYTES") == {"spool", "bytes"}
    assert parts("HTTPClient") == {"http", "client"}


def test_no_word_that_the_field_does_not_use_has_come_back() -> None:
    found = {
        f"{file.relative_to(ROOT)}: {name}: the field says {', '.join(RETIRED[word] for word in old)}"
        for file in FILES
        for name in set(identifiers(file)) - ALLOWED.keys()
        if (old := sorted(parts(name) & RETIRED.keys()))
    }
    assert found == set()
