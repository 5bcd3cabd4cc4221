"""Public suffixes are known from the list, by section, and nothing is read before somebody asks."""

import subprocess
import sys
from datetime import date
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from dns.message.names import canonical
from dns.public_suffix import (
    Section,
    SuffixTable,
    data_date,
    is_public_suffix,
    public_suffix,
    registrable_domain,
    section,
    sections,
)


@pytest.mark.parametrize(
    ("name", "suffix", "registrable"),
    [
        ("com", "com", None),
        ("co.uk", "co.uk", None),
        ("bbc.co.uk", "co.uk", "bbc.co.uk"),
        ("www.bbc.co.uk", "co.uk", "bbc.co.uk"),
        ("example.org", "org", "example.org"),
        ("a.b.c.example.org", "org", "example.org"),
        ("github.io", "github.io", None),
        ("pupil.github.io", "github.io", "pupil.github.io"),
        ("www.pupil.github.io", "github.io", "pupil.github.io"),
        ("ck", "ck", None),
        ("co.ck", "co.ck", None),  # *.ck
        ("www.ck", "ck", "www.ck"),  # !www.ck
        ("sch.uk", "sch.uk", None),
        ("a.school.county.sch.uk", "county.sch.uk", "school.county.sch.uk"),
        ("corp", "corp", None),
        ("intranet.corp", "corp", "intranet.corp"),
        (canonical("公司.cn"), "xn--55qx5d.cn", None),
        (canonical("example.公司.cn"), "xn--55qx5d.cn", "example.xn--55qx5d.cn"),
        ("1.2.0.192.in-addr.arpa", "in-addr.arpa", "192.in-addr.arpa"),
        ("", "", None),
    ],
)
def test_a_name_is_told_from_the_suffix_under_which_it_was_registered(
    name: str, suffix: str, registrable: str | None
) -> None:
    assert (public_suffix(name), registrable_domain(name)) == (suffix, registrable)
    assert is_public_suffix(name) == (bool(name) and suffix == name)


LIBRARY = PublicSuffixList()
RULES = sorted(SuffixTable().names())
LABELS = st.lists(st.text("abc0-_", min_size=1, max_size=5), max_size=4)


@given(st.sampled_from(RULES), LABELS, st.integers(0, 2))
def test_every_name_is_told_as_the_library_of_the_list_tells_it(
    rule: tuple[str, Section], labels: list[str], cut: int
) -> None:
    name = ".".join((*labels, *rule[0].split(".")[min(cut, rule[0].count(".")) :]))

    assert public_suffix(name) == LIBRARY.publicsuffix(name)
    assert registrable_domain(name) == LIBRARY.privatesuffix(name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("uk", Section.ICANN),
        ("co.uk", Section.ICANN),
        ("ac.uk", Section.ICANN),
        ("nhs.uk", Section.ICANN),
        ("in-addr.arpa", Section.ICANN),
        (canonical("公司.cn"), Section.ICANN),
        ("github.io", Section.PRIVATE),
        ("s3.amazonaws.com", Section.PRIVATE),
        ("translate.goog", Section.PRIVATE),
        ("herokuapp.com", Section.PRIVATE),
        ("local", Section.UNLISTED),
        ("corp", Section.UNLISTED),
        ("example.org", None),
        ("bbc.co.uk", None),
        ("", None),
    ],
)
def test_the_section_says_whose_suffix_it_is(name: str, found: Section | None) -> None:
    assert section(name) is found


def test_every_entry_of_the_list_is_a_suffix_in_the_form_in_which_we_write_names() -> None:
    text = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    entries = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]
    plain = [entry for entry in entries if entry[0] not in "*!"]
    assert len(plain) > 9000
    assert [entry for entry in plain if not is_public_suffix(canonical(entry))] == []


def test_the_few_lines_about_a_name_say_what_the_whole_list_says() -> None:
    text = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith("//")]
    bare = [canonical(entry.lstrip("*.!")) for entry in entries]
    asked = [*bare, *(f"x.{name}" for name in bare), *(f"y.x.{name}" for name in bare)]
    found = sections(asked)
    assert [name for name in asked if is_public_suffix(name) != (name in found)] == []
    for name in (*bare[::499], *(f"x.{one}" for one in bare[::499])):
        assert section(name) == found.get(name)


def test_a_section_is_found_without_keeping_the_list() -> None:
    source = (
        "import tracemalloc; from dns.public_suffix import section; section('example.org'); tracemalloc.start();"
        "section('co.uk'); section('github.io'); print(tracemalloc.get_traced_memory()[0])"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50_000


def test_the_list_says_its_day() -> None:
    assert date(2026, 1, 1) < data_date() < date(2100, 1, 1)


def test_importing_the_module_reads_no_list() -> None:
    source = "import sys, dns.public_suffix; print('publicsuffixlist' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
