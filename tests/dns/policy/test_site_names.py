"""A person may open and close sites: not everybody's, not addresses, not half a name."""

import contextlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import InvalidName, NotASite
from dns.policy.site_names import check_opening, check_rule, parse_site

EVERYBODYS = (
    "co.uk", "CO.UK", " co.uk ", "co.uk.", "*.co.uk", ".co.uk", "https://co.uk/path", "co.uk/", "co.uk:443",
    "//co.uk", "user@co.uk", "https://bbc.co.uk@co.uk/", "co\u3002uk", "co\uff0euk", "co\u00ad.uk",
    "\uff43\uff4f.\uff55\uff4b", "com", "uk", "ac.uk", "nhs.uk", "sch.uk", "公司.cn", "XN--55QX5D.CN", "foo.ck",
    "kawasaki.jp",
)  # fmt: skip
ADDRESSES = (
    "127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "0x7f.0.0.0x1", "0177.0.0.1", "2130706433", "127.0.0.1:80",
    "http://127.0.0.1:8080/x", "\uff1127.0.0.1", "1.2.3", "::1", "[::1]", "[::1]:53", "fe80::1%eth0",
    "2001:db8::1", "http://[2001:db8::1]/", "http://2001:db8::1/", "[::ffff:192.0.2.1]",
)  # fmt: skip
REVERSE = ("in-addr.arpa", "1.2.0.192.in-addr.arpa", "ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa.")
NO_NAME = ("", "  ", ".", "*", "*.", "a..b", "co.uk..", "no name", "https://", "https://[::1", "co%2euk", "x" * 64)
NO_HOST = (
    "javascript:alert(1)", "JavaScript:alert(1)", "javascript://example.org/%0aalert(1)", "data:text/html,x",
    "data://example.org", "mailto:a@example.org", "mailto:example.org", "file:///etc/passwd", "file://etc/passwd",
    "about:blank", "blob:https://example.org/1", "view-source:https://example.org", "tel:123", "sms:example.org",
    "chrome://settings", "moz-extension://example.org/", "example.org:x", "example.org:99999", "https://a.example:x/",
)  # fmt: skip
COMPANIES = (
    "github.io",
    "https://github.io/",
    "s3.amazonaws.com",
    "translate.goog",
    "herokuapp.com",
    "blogspot.com",
)
HALF_A_NAME = ("intranet", "corp", "local", "localhost", "home.arpa")
SITES = (
    ("bbc.co.uk", "bbc.co.uk"),
    ("example.org", "example.org"),
    ("*.example.org", "example.org"),
    ("Example.ORG.", "example.org"),
    ("https://www.example.org:8443/a?b#c", "www.example.org"),
    ("user:secret@www.example.org", "www.example.org"),
    ("https:example.org", "example.org"),
    ("http:/example.org/a", "example.org"),
    ("HTTPS:////example.org", "example.org"),
    ("https:\\\\example.org\\a", "example.org"),
    ("https://example.org\\@other.example/", "example.org"),
    ("wss://example.org:8443", "example.org"),
    ("example.org:8443/a:b?c://d", "example.org"),
    ("example.org/https://other.example/", "example.org"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("myschool.sch.uk", "myschool.sch.uk"),
    ("myschool.county.sch.uk", "myschool.county.sch.uk"),
    ("pupil.github.io", "pupil.github.io"),
    ("www.ck", "www.ck"),
    ("printer.home.arpa", "printer.home.arpa"),
    ("intranet.corp", "intranet.corp"),
    ("7zip.example", "7zip.example"),
)

WISHES: dict[str, Any] = {
    "open": check_opening,
    "allow": lambda written: check_rule(written, "allow"),
    "block": lambda written: check_rule(written, "block"),
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("written", [*EVERYBODYS, *ADDRESSES, *REVERSE, *NO_NAME, *NO_HOST])
def test_what_is_no_site_is_neither_opened_nor_closed(written: str, wish: str) -> None:
    with pytest.raises(NotASite, match=r"give the whole name of the site, such as www\.example\.org$"):
        WISHES[wish](written)


@pytest.mark.parametrize("written", COMPANIES)
def test_where_anybody_puts_up_pages_a_school_may_close_and_not_open(written: str) -> None:
    name = parse_site(written)
    for wish in ("open", "allow"):
        with pytest.raises(NotASite, match=rf"anybody can put up pages.*such as name\.{name}$"):
            WISHES[wish](written)
    assert check_rule(written, "block") == name


@pytest.mark.parametrize("written", HALF_A_NAME)
def test_names_of_a_schools_own_network_have_rules_and_are_opened_for_nobody(written: str) -> None:
    with pytest.raises(NotASite, match="is not a whole name"):
        check_opening(written)
    assert check_rule(written, "allow") == check_rule(written, "block") == written


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize(("written", "site"), SITES)
def test_a_site_is_opened_and_closed_by_its_name(written: str, site: str, wish: str) -> None:
    assert WISHES[wish](written) == site


@given(st.text(max_size=80))
def test_nothing_that_is_written_raises_anything_else(written: str) -> None:
    for check in (parse_site, *WISHES.values()):
        with contextlib.suppress(NotASite):
            assert check(written)


def test_the_words_stay_short_and_printable_whatever_was_written() -> None:
    for written in ("x" * 5000 + " y", "a\x00\x1b[31m b", "http://[" + "z" * 300):
        with pytest.raises(InvalidName) as no:
            check_opening(written)
        assert len(str(no.value)) < 200
        assert str(no.value).isprintable()


def test_deciding_needs_no_list_of_suffixes() -> None:
    source = (
        "import sys; from tests.fakes.policies import NOW, policy;"
        "made = policy(); view = made.view('192.0.2.10');"
        "[view.decide(name, 1, NOW) for name in ('co.uk', 'github.io', 'games.example', 'www.bbc.co.uk')];"
        "print('publicsuffixlist' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
