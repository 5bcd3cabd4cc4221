"""What schools teach and work with: sites that no public list, ready-made set, keyword or starter list may close.

Our own file (`education.toml`), by subject. `blocklists.never_block` says where it stands in the order of a
decision; a school's own rule or lock still closes any of them.
"""

import tomllib
from functools import cache
from importlib import resources

import msgspec


class EducationSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site, a service or a family of hosts, and what it needs."""

    name: str  # as a person calls it
    subject: str
    names: tuple[str, ...]  # canonical, with their subdomains: its address first, then what it needs


@cache
def load_education_sites() -> tuple[EducationSite, ...]:
    """Return all of them, in the order of the file."""
    table = tomllib.loads(resources.files("blocklists").joinpath("education.toml").read_text("utf-8"))
    return tuple(
        EducationSite(name=name, subject=subject, names=tuple(names))
        for subject, sites in table.items()
        for name, names in sites.items()
    )


def education_names() -> tuple[str, ...]:
    """Return every name in the file, each once."""
    return tuple(dict.fromkeys(name for site in load_education_sites() for name in site.names))
