"""A line is read as what it is, whatever stands around it; a bad word costs itself and nothing else."""

from pathlib import Path

import pytest

from blocklists.compiler import build_index, survey_source
from blocklists.entries import Match, NameEntry
from blocklists.errors import NotUnderstood, SourceUnusable
from blocklists.formats import FORMATS
from blocklists.formats.mixed_lines import MixedParser
from tests.blocklists.factories import closed, index_of_text, report_of, source

OF_EVERY_KIND = {
    "a1.example": "a1.example",
    "0.0.0.0 a2.example": "a2.example",
    "::\ta3.example": "a3.example",
    "||a4.example^": "www.a4.example",
    "address=/a5.example/#": "www.a5.example",
    'local-zone: "a6.example." always_nxdomain': "www.a6.example",
    "*.a7.example": "www.a7.example",
    r"/^a8[0-9]*\.example$/": "a87.example",
    "https://a9.example/": "a9.example",
    "|a10.example^": "a10.example",
    "a11.example$important": "a11.example",
    "ad*.a12.example": "ads.a12.example",
    r"^a13[0-9]*\.example$": "a137.example",
    "a14.example # a note": "a14.example",
    "b\u00fccher15.example": "xn--bcher15-n2a.example",
    ".a16.example": "www.a16.example",
    "0 a17.example": "a17.example",
}


@pytest.mark.parametrize("base", ["hosts", "domains", "squidguard", "wildcards", "adblock", "dnsmasq", "unbound"])
def test_a_named_list_may_hold_lines_of_every_kind(base: str, tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "\n".join(OF_EVERY_KIND), format=base)
    assert [name for name, shut in closed(index, *OF_EVERY_KIND.values()).items() if not shut] == []


def test_a_list_that_is_recognised_may_hold_lines_of_every_kind(tmp_path: Path) -> None:
    for at, line in enumerate(OF_EVERY_KIND):
        rest = [one for one in OF_EVERY_KIND if one != line]
        index = index_of_text(tmp_path / str(at), "\n".join([line, *rest]))
        assert all(closed(index, *OF_EVERY_KIND.values()).values())


def test_a_name_under_a_star_stands_among_expressions(tmp_path: Path) -> None:
    text = "*.a.example\n" + "".join(f"^n{at}[0-9]*\\.example$\n" for at in range(10))
    index = index_of_text(tmp_path, text)
    assert all(closed(index, "n31.example", "a.example", "www.a.example").values())


def test_a_hosts_file_with_the_shortest_address_is_recognised(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "".join(f"0 a{at}.example\n" for at in range(40))))
    assert (report.names, report.sources[0].format, report.sources[0].passed_over) == (40, "hosts", {})


def test_what_comes_after_the_first_lines_is_read_as_well(tmp_path: Path) -> None:
    text = "".join(f"n{at}.example\n" for at in range(2100)) + "".join(f"||r{at}.example^\n" for at in range(3000))
    report = report_of(tmp_path, source(tmp_path, text))
    assert (report.names, report.sources[0].passed_over, report.sources[0].format) == (5100, {}, "adblock")


def test_comments_are_no_samples(tmp_path: Path) -> None:
    text = "".join(f"# comment {at}\n" for at in range(5000)) + "*.a.example\n||b.example^\n0.0.0.0 c.example\n"
    report = report_of(tmp_path, source(tmp_path, text))
    assert (report.names, report.sources[0].passed_over) == (3, {})
    zone = "".join(f"; comment {at}\n" for at in range(5000)) + "$TTL 60\na.example CNAME .\n"
    assert report_of(tmp_path / "zone", source(tmp_path / "zone", zone)).sources[0].format == "rpz"


@pytest.mark.parametrize(
    ("line", "names", "bad"),
    [
        ("0.0.0.0 a.example bad*name c.example", ["a.example", "c.example"], 1),
        ("0.0.0.0 x..y a.example 192.0.2.1 c.example -", ["a.example", "c.example"], 3),
        ("address=/a.example/bad*name/c.example/#", ["a.example", "c.example"], 1),
        ("server=/x..y/a.example/", ["a.example"], 1),
    ],
)
def test_a_bad_word_does_not_void_its_line(line: str, names: list[str], bad: int, tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, f"{line}\n0.0.0.0 other.example\n", format="hosts"))
    assert report.names == len(names) + 1
    assert sum(report.sources[0].passed_over.values()) == bad
    assert {problem.line for problem in report.sources[0].problems} == {1}


def test_a_line_of_bad_words_only_is_reported_once() -> None:
    with pytest.raises(NotUnderstood):
        MixedParser("hosts", None).parse_line("0.0.0.0 a..b c..d")


@pytest.mark.parametrize(
    "line",
    ["example.com##.advert", "example.com#@#.advert", "##.banner", "##div[id]", "example.com#?#div", "$$script",
     "||a.example^$third-party", "||a.example/path", "https://a.example/path", "a.example/path", "192.0.2.1",
     "192.0.2.0/24", "[2001:db8::1]:443", "192.0.2.1:80", "2001:db8::/32", "!#include other.txt", "@@",
     "||a.example^$client=x", "||a.example^$dnsrewrite=192.0.2.1", "https://192.0.2.1/", "||192.0.2.1^"],
)  # fmt: skip
def test_a_line_that_says_nothing_usable_is_counted_with_its_reason(line: str, tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, f"||good.example^\n{line}\n"))
    assert (report.names, sum(report.sources[0].passed_over.values())) == (1, 1)
    assert report.sources[0].problems[0].text == line


def test_a_note_behind_a_rule_is_a_note(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "||a.example^ ## note\n||b.example^ # note\nc.example ## x\n"))
    assert (report.names, report.sources[0].passed_over) == (3, {})


def test_comments_of_every_style_are_no_lines(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, source(tmp_path, "# a\n! b\n; c\n[Adblock Plus]\n## d\n####\n#\n!\n\n||ok.example^\n")
    )
    assert (report.sources[0].lines, report.sources[0].passed_over) == (1, {})


def test_a_list_of_urls_closes_hosts_and_passes_paths_over(tmp_path: Path) -> None:
    text = "".join(f"https://h{at}.phish.example/login?x=1\n" for at in range(40))
    text += "https://host.example\nhttp://slash.example:8080/\nHTTPS://user@UPPER.example/\nftp://f.example/\n"
    for name in ("auto", "domains", "regex", "adblock", "hosts"):
        report = report_of(tmp_path / name, source(tmp_path / name, text, format=name))
        assert (report.names, report.patterns) == (4, 0)
        assert report.sources[0].passed_over == {"about a path or a URL: DNS sees only names": 40}


def test_a_list_of_paths_alone_is_refused_with_that_reason(tmp_path: Path) -> None:
    one = source(tmp_path, "a.example/games\nwww.b.example/play/1\n" * 20)
    with pytest.raises(SourceUnusable, match="most often: about a path"):
        survey_source(one, one.path)


@pytest.mark.parametrize("value", ["NOERROR;A;0.0.0.0", "NOERROR;AAAA;::", "NXDOMAIN", "NXDOMAIN;;", "REFUSED;;",
    "noerror;a;127.0.0.1", "0.0.0.0", "::", "::1", "NOERROR", "NOERROR;;", "SERVFAIL"])  # fmt: skip
def test_a_rewrite_that_leads_nowhere_closes(value: str) -> None:
    assert list(FORMATS["adblock"]().parse_line(f"||a.example^$dnsrewrite={value}")) == [
        NameEntry("a.example", Match.SUBDOMAINS)
    ]


@pytest.mark.parametrize("value", ["192.0.2.1", "NOERROR;A;192.0.2.1", "NOERROR;CNAME;b.example", "b.example",
    "NOERROR;TXT;x", "NOERROR;A;", "NXDOMAIN;A;0.0.0.0", "", "a;b;c;d"])  # fmt: skip
def test_a_rewrite_that_leads_elsewhere_closes_nothing(value: str) -> None:
    with pytest.raises(NotUnderstood, match="rewrites to something else"):
        FORMATS["adblock"]().parse_line(f"||a.example^$dnsrewrite={value}")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ("true", True),
        ("false", False),
        ("adguard", False),
        ("!adguard", True),
        ("(adguard && !adguard_ext_safari)", False),
        ("!(adguard || ext_ublock)", True),
        ("true && (false || !cap_html_filtering)", True),
        ("", False),
        ("((((", False),
        ("true true", False),
        ("a == b", False),
        ("!" * 5000 + "true", False),
    ],
)
def test_a_condition_speaks_of_other_programs(condition: str, applies: bool, tmp_path: Path) -> None:
    text = f"!#if {condition}\n||then.example^\n!#else\n||else.example^\n!#endif\n||after.example^\n"
    index = index_of_text(tmp_path, text)
    assert closed(index, "then.example", "else.example", "after.example") == {
        "then.example": applies,
        "else.example": not applies,
        "after.example": True,
    }


def test_what_does_not_apply_is_reported_and_takes_nothing_back(tmp_path: Path) -> None:
    text = (
        "||a.example^\n!#if adguard\n! a comment\n||a.example^$badfilter\n||b.example^\n!#if true\n||c.example^\n"
    )
    text += "!#endif\n!#endif\n||d.example^\n"
    report = report_of(tmp_path, source(tmp_path, text))
    assert report.names == 2
    assert report.sources[0].passed_over == {"within an !#if for other programs": 2}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_in_utf_16_is_read_by_its_mark(encoding: str, tmp_path: Path) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    text = mark + "# title\r\n0.0.0.0 a.example\r\n0.0.0.0 b\u00fccher.example\r\n"
    index = index_of_text(tmp_path, text.encode(encoding))
    assert all(closed(index, "a.example", "xn--bcher-kva.example").values())


def test_a_line_that_is_too_long_is_one_line_in_any_encoding(tmp_path: Path) -> None:
    text = "\ufeffa.example\n" + "0.0.0.0 " + "x" * 70_000 + ".example\n" + "b.example\n"
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        report = report_of(tmp_path / encoding, source(tmp_path / encoding, text.encode(encoding)))
        assert report.names == 2
        assert report.sources[0].passed_over == {"a line longer than 64 KB": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_that_end_as_on_old_macs_are_lines(encoding: str, tmp_path: Path) -> None:
    text = "# title\r" + "".join(f"n{at}.example\r" for at in range(9000))
    report = report_of(tmp_path, source(tmp_path, text.encode(encoding)))
    assert (report.names, report.sources[0].passed_over) == (9000, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a.example\nb.example\n".encode("utf-16-le"), "UTF-16 without a mark"),
        ("a.example\nb.example\n".encode("utf-32"), "UTF-32"),
    ],
)
def test_another_encoding_is_refused_with_what_to_do(content: bytes, reason: str, tmp_path: Path) -> None:
    one = source(tmp_path, content)
    with pytest.raises(SourceUnusable, match=f"{reason}.*save it as UTF-8"):
        survey_source(one, one.path)


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    import random  # noqa: PLC0415

    chance = random.Random(1)
    script = Path(build_index.__code__.co_filename).read_text("utf-8")
    shell = (
        '#!/bin/sh\nset -e\nfor f in *.txt; do\n  echo "$f"\n  if [ -f $f ]; then\n    rm -f "$f"\n  fi\ndone\n'
    )
    prose = "This list has moved.\nPlease look at the new place.\nThank you.\n" * 10
    for at, content in enumerate(
        (chance.randbytes(200_000), script.encode(), shell.encode() * 5, prose.encode(), b"\x7fELF" + bytes(5000))
    ):
        for name in ("auto", "regex", "domains", "adblock", "hosts"):
            one = source(tmp_path / f"{at}-{name}", content, format=name)
            with pytest.raises(SourceUnusable):
                survey_source(one, one.path)


def test_a_list_of_which_most_lines_are_not_understood_is_refused_and_a_few_are_not(tmp_path: Path) -> None:
    bad = source(tmp_path, "a.example\n" * 20 + "what is this\n" * 21, format="domains")
    with pytest.raises(SourceUnusable, match="21 of its 41 lines are not understood"):
        survey_source(bad, bad.path)
    good = source(tmp_path, "a.example\n" * 20 + "what is this\n" * 19 + "192.0.2.1\n" * 100, format="domains")
    assert survey_source(good, good.path).not_understood == 19
