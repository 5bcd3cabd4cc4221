"""dnspython also calls itself `dns`: it must never stand in our place."""

import importlib.metadata
from pathlib import Path

import dns

ROOT = Path(__file__).parents[2]


def test_the_package_dns_is_ours() -> None:
    assert Path(dns.__file__ or "").parent == ROOT / "dns"


def test_dnspython_is_not_in_this_environment() -> None:
    installed = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
    assert "dnspython" not in installed


def test_the_constraints_bar_every_version_of_dnspython() -> None:
    assert "dnspython<0" in (ROOT / "constraints.txt").read_text().splitlines()
