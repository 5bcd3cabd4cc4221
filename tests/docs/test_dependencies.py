"""What Hallpass is installed with: exactly pinned, and nothing that would put another `dns` beside ours."""

import re
from importlib import metadata

import dns
from tests.docs.sources import ROOT

# dnspython calls itself `dns` too; the others bring it, or email-validator, which does.
BARRED = {"dnspython", "email-validator", "eventlet", "flask-security", "flask-security-too"}


def canonical(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted_by(distribution: metadata.Distribution) -> set[str]:
    """Return what a distribution brings by itself; what only an extra brings is left out."""
    found = (re.match(r"[A-Za-z0-9._-]+", one) for one in distribution.requires or () if "extra ==" not in one)
    return {canonical(one[0]) for one in found if one}


def resolved() -> dict[str, set[str]]:
    """Return everything that this environment holds, each with what it brings."""
    return {canonical(one.name): wanted_by(one) for one in metadata.distributions()}


def names_in(path: str) -> set[str]:
    return {canonical(one) for one in re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / path).read_text(), re.MULTILINE)}


def test_nothing_that_brings_another_dns_is_installed_or_asked_for() -> None:
    found = resolved()
    assert "hallpass" in found
    assert found.keys() & BARRED == set()
    assert {name: wanted & BARRED for name, wanted in found.items() if wanted & BARRED} == {}


def test_nothing_of_the_kind_is_pinned_for_the_tests_or_for_the_card() -> None:
    for path in ("constraints.txt", "image-build/wheels.lock"):
        assert len(names_in(path)) > 30
        assert names_in(path) & BARRED == set()
    assert "dnspython<0\n" in (ROOT / "constraints.txt").read_text(), "pip refuses whatever asks for it"


def test_what_hallpass_asks_for_is_pinned_and_goes_onto_the_card() -> None:
    asked = wanted_by(metadata.distribution("hallpass"))
    assert "limits" in asked
    assert asked - names_in("constraints.txt") == set()
    assert asked - names_in("image-build/wheels.lock") == set()


def test_dns_is_ours() -> None:
    assert str(dns.__path__[0]) == str(ROOT / "dns")
