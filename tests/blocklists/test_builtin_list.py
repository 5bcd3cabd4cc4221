"""The starter list: what a school has in its first minute."""

from pathlib import Path

import pytest

from blocklists import builtin_list
from blocklists.canaries import load_canaries
from blocklists.categories import CATEGORIES_BY_ID
from blocklists.index import Index
from dns.message.names import parents
from dns.public_suffix import Section, sections
from tests.bench import starter_list
from tests.blocklists.factories import index_of_text
from tests.blocklists.innocent_names import HELP_LINES

INNOCENT = (Path(__file__).parent / "innocent_names.txt").read_text("utf-8").split()
NAMES = builtin_list.builtin_names()
WELL_KNOWN = starter_list.load_well_known()


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return builtin_list.open_builtin_index(tmp_path_factory.mktemp("starter"))


def test_it_holds_thousands_of_names_over_every_category_that_a_school_closes() -> None:
    assert set(NAMES) == CATEGORIES_BY_ID.keys() - {"dynamic_dns"}  # whole providers, with everybody behind them
    assert sum(map(len, NAMES.values())) >= 20_000
    deepest = (
        "pornography",
        "gambling",
        "chat",
        "social_networks",
        "circumvention",
        "ai_tools",
        "piracy",
        "games",
        "dating",
        "drugs",
    )
    assert all(len(NAMES[category]) >= 1000 for category in deepest)


@pytest.mark.parametrize("kind", WELL_KNOWN)
def test_it_closes_at_least_four_fifths_of_what_is_well_known(kind: str, starter: Index) -> None:
    (coverage,) = (one for one in starter_list.measure_coverage(starter) if one.kind == kind)
    assert coverage.closed >= 0.8, coverage.left_open


@pytest.mark.parametrize(
    "name",
    [
        "203-0-113-7.nip.io",  # a name for every address there is
        "www.203.0.113.7.sslip.io",
        "203-0-113-7.traefik.me",
        "7f000001.203001137.rbndr.us",
        "z5h64q92x9.net",  # a translator that shows other sites
        "www.translatetheweb.com",
        "bafyexample.ipfs.dweb.link",
        "de0.sec-tunnel.com",  # what a browser calls its VPN
        "helios.plan9-dns.com",  # encrypted resolvers
        "fdns1.dismail.de",
    ],
)
def test_it_closes_names_that_stand_for_any_address_or_site(name: str, starter: Index) -> None:
    assert {entry.category for entry in starter.find_block_entries(name)} == {"circumvention"}


def test_it_closes_no_help_line_and_nothing_that_no_honest_list_closes(starter: Index) -> None:
    innocent = (*load_canaries(), *HELP_LINES, *INNOCENT)
    closed = {name: {entry.category for entry in starter.find_block_entries(name)} for name in innocent}
    assert {name: found for name, found in closed.items() if found - {"shopping"}} == {}


def test_each_name_stands_once_and_under_no_other_of_its_category() -> None:
    everything = [name for names in NAMES.values() for name in names]
    assert len(everything) == len(set(everything))
    for names in NAMES.values():
        assert not [name for name in names if any(parent in names for parent in list(parents(name))[1:])]


def test_it_closes_no_registrys_suffix_and_few_of_companies() -> None:
    suffixes = sections(name for names in NAMES.values() for name in names)
    assert [name for name, section in suffixes.items() if section is Section.ICANN] == []
    lent = {name for name, section in suffixes.items() if section is Section.PRIVATE}
    # Tunnels, boards of links, blogs by anybody, and what chatbots make: closed as wholes, knowingly.
    assert lent <= {
        "blogspot.com",
        "carrd.co",
        "claudeusercontent.com",
        "dweb.link",
        "hf.space",
        "lovable.app",
        "ngrok-free.app",
        "ngrok.app",
        "ngrok.dev",
        "ngrok.io",
        "oaiusercontent.com",
        "torproject.net",
        "trycloudflare.com",
    }


def test_it_is_no_directory_of_extremism_and_self_harm() -> None:
    assert len(NAMES["extremism"]) <= 20
    assert len(NAMES["self_harm"]) <= 5
    assert any(name.endswith(".example") for name in NAMES["self_harm"])  # so that the category can be tried


def test_names_that_no_list_vouches_for_are_found_for_a_person_to_look_at(tmp_path: Path) -> None:
    gambling = NAMES["gambling"]
    known = index_of_text(tmp_path, f"{gambling[0]}\nwww.{gambling[1]}\n", format="domains", match="subdomains")
    assert starter_list.find_unknown(known)["gambling"] == gambling[2:]
