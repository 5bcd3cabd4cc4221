"""Every text of the translated pages is in the catalogues, and a translation has what the English text has."""

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from appliance.central.incidents.kinds import AUTHORITY_WORDS, KINDS, STATE_WORDS, kind_of
from appliance.central.ready_made_profiles import list_ready_made_profiles
from appliance.central.webhooks import EVENTS
from appliance.rights import ROLE_WORDS, SCRIPT_RIGHTS, TRUST_SCRIPT_RIGHTS
from appliance.room.conditions import Condition, describe_condition
from appliance.room_rules import SMART_RULES
from appliance.sign_in_throttle import TooManyTries
from appliance.trust.entries import KIND_WORDS
from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES
from blocklists.site_bundles import load_site_bundles
from dns.policy.setting_limits import THRESHOLD_WORDS
from tests.docs.sources import ROOT
from webui.central import reasons as central_reasons
from webui.central import word_tables
from webui.central.accounts.role_names import ROLE_NAMES
from webui.central.start import NAVIGATION
from webui.shared import reasons
from webui.shared.language_menu import TRANSLATIONS
from webui.shared.languages import ENGLISH, LANGUAGES
from webui.trust import entry_words
from webui.trust import reasons as trust_reasons
from webui.trust import start as trust_start

SAID_BY_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-announce", "data-say"}
GETTEXT = {"_", "gettext", "ngettext", "pgettext"}
# Texts that are the same in every language, and why.
NOT_TRANSLATED = {
    "Hallpass": "a name",
    "Childline: 0800 1111, childline.org.uk": "a help line of the country, as an example",
    'lang="en-GB" dir="ltr"': "attributes of an element in the base page",
}
WHOLE_FILES = {"shared/style_guide.html": "for whoever writes pages, which are written in English"}
CATALOGUES = [
    (language.code, domain)
    for language in LANGUAGES
    if language is not ENGLISH
    for domain in ("room", "central", "trust")
]
SCRIPT = ROOT / ".ci/translations"
MAPPINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
TAG = re.compile(r"<[^>]+>")


def templates(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / "webui" / folder).rglob("templates/**/*.html"))]
    assert found
    return found


MARKED = templates("room", "shared", "central", "trust")


@functools.cache
def parse(path: Path) -> nodes.Template:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's
    return environment.parse(path.read_text())


def values_of(node: nodes.Node) -> Iterator[str]:
    """Yield the texts that an expression may come to, as far as they stand in it outside of gettext."""
    match node:
        case nodes.TemplateData() | nodes.Const():
            yield str(getattr(node, "data", getattr(node, "value", "")))
        case nodes.CondExpr():
            yield from values_of(node.expr1)
            if node.expr2 is not None:
                yield from values_of(node.expr2)
        case nodes.Concat():
            for part in node.nodes:
                yield from values_of(part)
        case nodes.Or() | nodes.Add():
            yield from values_of(node.left)
            yield from values_of(node.right)


class _BareWords(HTMLParser):
    """Words that stand on a page as they are in its template."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SAID_BY_ATTRIBUTES and value]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def bare_words(path: Path) -> list[str]:
    outputs = parse(path).find_all(nodes.Output)
    parser = _BareWords()
    parser.feed("".join(text for one in outputs for part in one.nodes for text in values_of(part)))
    parser.close()
    texts = (text.strip(" \n()·") for text in parser.found)
    return [
        text
        for text in texts
        if re.search(r"[^\W\d_]{2}", text) and text not in NOT_TRANSLATED and not re.fullmatch(r"\S+\.\S+", text)
    ]


@pytest.mark.parametrize("path", MARKED, ids=lambda path: path.name)
def test_every_text_of_a_page_is_marked_for_translation(path: Path) -> None:
    if not str(path).endswith(tuple(WHOLE_FILES)):
        assert bare_words(path) == []


def test_a_text_that_is_not_marked_is_found_wherever_it_stands(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<p class="some name">{{ _("marked") }} {% trans %}marked{% endtrans %}</p>{{ "one" if x else _("no") }}'
        '<b title="two">three</b>{{ y ~ " four" }}<input placeholder="example.org" aria-label="{{ _(\'no\') }}">'
    )
    assert sorted(bare_words(page)) == ["four", "one", "three", "two"]  # as the parser meets them


def test_no_page_but_the_style_guide_says_that_it_is_english() -> None:
    """Else it would be read from left to right, and aloud as if it were English."""
    saying = {path.name for path in MARKED if "block page_language" in path.read_text()}
    assert saying == {"base.html", "style_guide.html"}


@pytest.mark.parametrize("path", MARKED, ids=lambda path: path.name)
def test_only_fixed_texts_are_translated_unescaped(path: Path) -> None:
    """What `_(...)` returns is HTML: a text from elsewhere in it would be let through as it is."""
    for call in parse(path).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in GETTEXT:
            assert isinstance(call.args[0], nodes.Const), f"{path.name}:{call.lineno}: use the filter translated"


@functools.cache
def read_catalogue(language: str, domain: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        return read_po(file, locale=language, domain=domain)


def forms_of(message_id: object) -> tuple[str, ...]:
    return tuple(message_id) if isinstance(message_id, list | tuple) else (str(message_id),)


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_a_translation_has_what_its_text_has(language: str, domain: str) -> None:
    catalogue = read_catalogue(language, domain)
    assert not catalogue.fuzzy
    wrong = []
    for message in catalogue:
        said = forms_of(message.string)
        if not message.id or not any(said):
            continue
        texts = forms_of(message.id)
        places, tags = set(PLACE.findall(texts[-1])), sorted(TAG.findall(texts[-1]))
        for form in said:
            left_out = places - set(PLACE.findall(form))
            is_right = not left_out or (len(texts) > 1 and left_out == {"%(num)s"})  # "one minute", "two minutes"
            is_right &= set(PLACE.findall(form)) <= places and sorted(TAG.findall(form)) == tags
            is_right &= '"' not in TAG.sub("", form) and bool(form.strip()) and not message.fuzzy
            is_right &= "%" not in PLACE.sub("", form).replace("%%", "")
            if not is_right:
                wrong.append((texts[0], form))
    assert wrong == []


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_the_pages_are_translated_whole(language: str, domain: str) -> None:
    catalogue = read_catalogue(language, domain)
    assert len(catalogue) > (100 if domain == "trust" else 450)
    assert [message.id for message in catalogue if not all(forms_of(message.string))] == []


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_what_is_served_is_what_the_catalogue_says(language: str, domain: str) -> None:
    """Compiled files are in the repository, so that nothing has to be made at installation."""
    catalogue = read_catalogue(language, domain)
    with (TRANSLATIONS / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        compiled = read_mo(file)
    wanted = {forms_of(one.id): forms_of(one.string) for one in catalogue if one.id and any(forms_of(one.string))}
    assert {forms_of(one.id): forms_of(one.string) for one in compiled if one.id} == wanted
    assert compiled.plural_expr == catalogue.plural_expr


def extract(*folders: str) -> set[tuple[str, ...]]:
    """Return the texts of some folders, as `make translations` finds them."""
    found = set()
    keywords = DEFAULT_KEYWORDS | parse_keywords(re.findall(r"--keyword (\S+)", SCRIPT.read_text()))
    method_map = [(one["pattern"], one["method"]) for one in MAPPINGS]
    options_map = {
        one["pattern"]: {key: one[key] for key in one if key not in ("pattern", "method")} for one in MAPPINGS
    }
    for folder in folders:
        for _, _, said, _, _ in extract_from_dir(ROOT / folder, method_map, options_map, keywords):
            found.add(forms_of(said))
    return found


def test_the_catalogues_have_every_text_of_the_sources_and_no_other() -> None:
    for domain, folders in re.findall(r'\[(\w+)\]="([^"]+)"', SCRIPT.read_text()):
        wanted = extract(*folders.split())
        assert len({forms[0] for forms in wanted}) == len(wanted), "catalogues know a plural by its singular alone"
        for language, of in CATALOGUES:
            if of == domain:
                has = {forms_of(one.id) for one in read_catalogue(language, domain) if one.id}
                assert (wanted - has, has - wanted) == (set(), set()), f"{language} {domain}: make translations"


def test_every_text_that_a_program_marks_is_found_by_the_extraction() -> None:
    """It looks at words, not at syntax: what stands within an f-string it misses."""
    functions = {"gettext", "ngettext", "lazy_gettext", "lazy_ngettext", "translatable", "translatable_plural"}
    found = {forms[0] for forms in extract("webui")}
    missing = []
    for path in (ROOT / "webui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
                match node.args:
                    case [ast.Constant(value=str(text)), *_] if text not in found:
                        missing.append(f"{path.name}:{node.lineno}: {text}")
    assert missing == []


@functools.cache
def said_by_lower_layers() -> frozenset[str]:
    """Every text in the sources below the pages, with `{}` for whatever is put in."""
    found = set()
    for folder in ("appliance", "blocklists", "dns", "webui"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "reasons.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.JoinedStr):
                    found.add(
                        "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
                    )
    return frozenset(found)


ASKED_TWICE = (
    "and teachers would open such sites at once, with nobody else looking at them first. Do this only if the "
    "safeguarding lead agrees"
)
# Sentences that are put together of several: what is said, and where it stands in the source.
PUT_TOGETHER = {
    "you may open sites by yourself once a day, and have today": "you may open sites by yourself {} a day, and",
    "you may open sites by yourself 3 times a day, and have today": "you may open sites by yourself {} a day, and",
    str(TooManyTries(30, is_source=True)): "There were too many wrong tries from this device. {}",
    "safe search begins": "safe search",
    "safe search ends": "safe search",
    "closing by words in names begins": "closing by words in names",
    "closing by words in names ends": "closing by words in names",
    "School One is retired already": "{} is {} already",
    "there is a rule to block example.org already": "there is a rule to {} {} already",
    "there is a rule to allow example.org already": "there is a rule to {} {} already",
    "nothing was saved: somebody else has changed the profile pupils since you opened this page": (
        "nothing was saved: {} changed {} since you opened this page"
    ),
    "gambling: its copy is 3 days old: it took longer": "{}: its copy is {} old",
    "its 3 names are closed as Gambling": "{} are closed as {}",
    "its names are closed as Gambling": "{} are closed as {}",
    f"Gambling: every school is expected to keep it closed, {ASKED_TWICE}": "every school is expected to keep it",
    f"Circumvention: a site of it can lead past the whole filter, {ASKED_TWICE}": "a site of it can lead past",
    str(TooManyTries(30, is_source=False)): "There were too many wrong tries on devices where this user name has",
}


def test_every_reason_that_pages_translate_is_said_somewhere() -> None:
    said = "\0".join(said_by_lower_layers())
    assert [source for source in PUT_TOGETHER.values() if source not in said] == []
    for one in (*reasons.FIXED, *central_reasons.FIXED, *trust_reasons.FIXED):
        begun = f"{one[:1].lower()}{one[1:]}"  # some begin a sentence only on a page
        wanted = (one, begun, one.partition(": give the whole name")[0])
        assert one in PUT_TOGETHER or any(text in said for text in wanted), one
    for pattern in (*reasons.PATTERNS, *central_reasons.PATTERNS, *trust_reasons.PATTERNS):
        if any(reasons.recognise(pattern, one) is not None for one in PUT_TOGETHER):
            continue
        for piece in PLACE.split(pattern.partition("give the whole name of the site")[0]):
            wanted = (piece, piece.replace("close", "{}"), piece.replace("open", "{}"))
            assert any(text in said for text in wanted), pattern


def test_what_stands_in_tables_below_is_translated_whole() -> None:
    assert list(reasons.CATEGORY_NAMES) == [one.name for one in CATEGORIES]
    assert reasons.SMART_RULES == SMART_RULES
    assert list(ROLE_NAMES) == list(ROLE_WORDS.values())
    assert {words for _, words in NAVIGATION} <= {one.id for one in read_catalogue("cy", "central")}
    assert {words for _, words in trust_start.NAVIGATION} <= {one.id for one in read_catalogue("cy", "trust")}
    assert list(entry_words.KIND_WORDS) == list(KIND_WORDS.values())
    assert list(word_tables.INCIDENT_STATES) == list(STATE_WORDS.values())
    assert list(word_tables.AUTHORITIES) == list(AUTHORITY_WORDS.values())
    assert {*word_tables.INCIDENT_KINDS} == {
        *(one.words for one in KINDS.values()),
        kind_of("of a newer room").words,
    }
    assert list(word_tables.CONDITION_NAMES) == [one.value for one in Condition]
    assert list(word_tables.CONDITIONS) == [describe_condition(one.value)[1] for one in Condition]
    assert set(word_tables.PROFILES_ABOUT) == {one.about for one in list_ready_made_profiles()}
    sets = load_catalogue().sets
    assert set(word_tables.SETS_ABOUT) == {words for one in sets for words in (one.about, one.lacks)}
    assert set(word_tables.BUNDLE_NOTES) == {one.note for one in load_site_bundles() if one.note}
    assert list(word_tables.WEBHOOK_EVENTS) == list(EVENTS.values())
    assert list(word_tables.SCRIPT_RIGHTS) == list(SCRIPT_RIGHTS.values())
    assert list(entry_words.SCRIPT_RIGHTS) == list(TRUST_SCRIPT_RIGHTS.values())
    assert list(word_tables.THRESHOLDS) == list(THRESHOLD_WORDS.values())
    assert list(word_tables.CATEGORIES_ABOUT) == [one.about for one in CATEGORIES]
    assert list(word_tables.SETS) == [one.name for one in load_catalogue().sets]
    assert set(reasons.NOTICES) == {one.row.notice for one in Condition if one.row.notice}
