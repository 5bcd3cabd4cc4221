"""Safe search: the names under which search engines answer without what pupils should not find.

An engine that offers a safe name is answered with the records of that name (A, AAAA and HTTPS; the chain follows
the target's own records and TTLs). An engine that offers none is closed while safe search is on. A profile may
except engines by the names used here, and chooses between YouTube's strict and moderate modes, or neither.

Of 2026-11: from the engines' own help for schools (Google, YouTube, Bing, DuckDuckGo, Ecosia, Brave, Pixabay,
Yandex), and by looking which other hosts of theirs answer a search. An engine that opens hosts as it likes
(`noai.duckduckgo.com`) is known by its domain: every host of it is led to the safe name but those that only serve
what a page of results needs.
"""

from collections.abc import Iterable

from dns.message.constants import RecordType
from dns.policy.document import Profile

# Plain numbers: every verdict asks for these; see `dns.message.constants`.
REWRITTEN_TYPES = frozenset(map(int, (RecordType.A, RecordType.AAAA, RecordType.HTTPS)))

GOOGLE = "google"
YOUTUBE = "youtube"

_YOUTUBE_TARGETS = {"strict": "restrict.youtube.com", "moderate": "restrictmoderate.youtube.com"}

# Google's own list of the domains it serves searches under.
_GOOGLE_ENDINGS = """
    com ad ae com.af com.ag al am co.ao com.ar as at com.au az ba com.bd be bf bg com.bh bi bj com.bn com.bo
    com.br bs bt co.bw by com.bz ca cat cd cf cg ch ci co.ck cl cm cn com.co co.cr com.cu cv com.cy cz de dj
    dk dm com.do dz com.ec ee com.eg es com.et fi com.fj fm fr ga ge gg com.gh com.gi gl gm gr com.gt gy
    com.hk hn hr ht hu co.id ie co.il im co.in iq is it je com.jm jo co.jp co.ke com.kh ki kg co.kr com.kw
    kz la com.lb li lk co.ls lt lu lv com.ly co.ma md me mg mk ml com.mm mn com.mt mu mv mw com.mx com.my
    co.mz com.na com.ng com.ni ne nl no com.np nr nu co.nz com.om com.pa com.pe com.pg com.ph com.pk pl pn
    com.pr ps pt com.py com.qa ro rs ru rw com.sa com.sb sc se com.sg sh si sk com.sl sm sn so sr st com.sv
    td tg co.th com.tj tl tm tn to com.tr tt com.tw co.tz com.ua co.ug co.uk com.uy co.uz com.vc co.ve co.vi
    com.vn vu ws co.za co.zm co.zw
"""

_YANDEX_ENDINGS = "com ru by kz uz com.tr eu az fr com.am com.ge co.il ee kg lt lv md tj tm ua"

GOOGLE_NAMES = tuple(f"www.google.{ending}" for ending in _GOOGLE_ENDINGS.split())
_GOOGLE_OTHER_NAMES = (
    *(f"images.google.{ending}" for ending in _GOOGLE_ENDINGS.split()),
    "cse.google.com",
    "encrypted.google.com",
    "ipv4.google.com",
    "ipv6.google.com",
)

# engine: (its safe name, the names it searches under)
_ENGINES: dict[str, tuple[str, tuple[str, ...]]] = {
    GOOGLE: ("forcesafesearch.google.com", (*GOOGLE_NAMES, *_GOOGLE_OTHER_NAMES)),
    YOUTUBE: (
        "",  # the profile's choice
        (
            "youtube.com",
            "www.youtube.com",
            "m.youtube.com",
            "gaming.youtube.com",
            "music.youtube.com",
            "tv.youtube.com",
            "youtubei.googleapis.com",
            "youtube.googleapis.com",
            "youtube-nocookie.com",
            "www.youtube-nocookie.com",
        ),
    ),
    "bing": ("strict.bing.com", ("bing.com", "www.bing.com", "edgeservices.bing.com")),
    "duckduckgo": ("safe.duckduckgo.com", ("duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com")),
    "ecosia": ("strict-safe-search.ecosia.org", ("ecosia.org", "www.ecosia.org")),
    "brave": ("forcesafe.search.brave.com", ("search.brave.com",)),
    "pixabay": ("safesearch.pixabay.com", ("pixabay.com", "www.pixabay.com")),
    "yandex": (
        "familysearch.yandex.ru",
        (
            "ya.ru",
            "www.ya.ru",
            *(
                f"{host}yandex.{ending}"
                for ending in _YANDEX_ENDINGS.split()
                for host in ("", "www.", "m.", "images.", "video.")
            ),
        ),
    ),
}

# domain: (its engine, the hosts of it that answer no search). Every other host is led to the engine's safe name.
_WHOLE_DOMAINS: dict[str, tuple[str, frozenset[str]]] = {
    "bing.com": ("bing", frozenset(("strict", "api", "bat", "business", "c", "login", "r", "th"))),
    "duckduckgo.com": (
        "duckduckgo",
        frozenset(("safe", "external-content", "icons", "improving", "links", "proxy", "staticcdn")),
    ),
}

# name: engine. Each closes with its subdomains. `html` and `lite` are DuckDuckGo's pages for old browsers.
_WITHOUT_SAFE_NAME = {
    "html.duckduckgo.com": "duckduckgo",
    "lite.duckduckgo.com": "duckduckgo",
    "cn.bing.com": "bing",
    "api.search.brave.com": "brave",
    "search.yahoo.com": "yahoo",
    "search.yahoo.co.jp": "yahoo",
    "search.aol.com": "aol",
    "search.aol.co.uk": "aol",
    "ask.com": "ask",
    "baidu.com": "baidu",
    "dogpile.com": "dogpile",
    "excite.com": "excite",
    "gibiru.com": "gibiru",
    "info.com": "info",
    "kagi.com": "kagi",
    "search.lycos.com": "lycos",
    "metager.de": "metager",
    "metager.org": "metager",
    "mojeek.com": "mojeek",
    "mojeek.co.uk": "mojeek",
    "presearch.com": "presearch",
    "qwant.com": "qwant",
    "search.marginalia.nu": "marginalia",
    "searx.be": "searx",
    "search.naver.com": "naver",
    "search.seznam.cz": "seznam",
    "so.com": "360",
    "sogou.com": "sogou",
    "startpage.com": "startpage",
    "metacrawler.com": "metacrawler",
    "webcrawler.com": "webcrawler",
    "yep.com": "yep",
    "you.com": "you",
    "search.daum.net": "daum",
    "go.mail.ru": "mail.ru",
    "nova.rambler.ru": "rambler",
    "search.goo.ne.jp": "goo",
    "coccoc.com": "coccoc",
    "haosou.com": "360",
    "ixquick.com": "startpage",
    "hotbot.com": "hotbot",
    "entireweb.com": "entireweb",
    "mamma.com": "mamma",
    "search.com": "search.com",
    "zapmeta.com": "zapmeta",
    "oceanhero.today": "oceanhero",
    "ekoru.org": "ekoru",
    "search.lilo.org": "lilo",
    "andisearch.com": "andi",
    "stract.com": "stract",
    "wiby.me": "wiby",
    "searchencrypt.com": "searchencrypt",
    "search.disconnect.me": "disconnect",
    "unbubble.eu": "unbubble",
    "petalsearch.com": "petal",
    "freespoke.com": "freespoke",
    "luxxle.com": "luxxle",
    "alltheinternet.com": "alltheinternet",
    "izito.com": "izito",
    "ahmia.fi": "ahmia",
    # Well-known instances of SearXNG.
    "baresearch.org": "searx",
    "opnxng.com": "searx",
    "paulgo.io": "searx",
    "priv.au": "searx",
    "search.inetol.net": "searx",
    "searx.tiekoetter.com": "searx",
}

_BY_NAME = {name: (engine, target) for engine, (target, names) in _ENGINES.items() for name in names}

ENGINE_NAMES = frozenset(_BY_NAME) | frozenset(_WITHOUT_SAFE_NAME) | frozenset(_WHOLE_DOMAINS)
ENGINES_WITH_SAFE_NAME = tuple(_ENGINES)
ENGINES = frozenset(_ENGINES) | frozenset(_WITHOUT_SAFE_NAME.values())


def safe_name(name: str, profile: Profile) -> str:
    """Return the name whose records stand in for a search engine's, or "" where none does."""
    if not profile.safe_search or name in _WITHOUT_SAFE_NAME:
        return ""
    engine, target = _BY_NAME.get(name) or _by_domain(name)
    if not engine or engine in profile.safe_search_except:
        return ""
    return _YOUTUBE_TARGETS.get(profile.youtube, "") if engine == YOUTUBE else target


def engine_without_safe_name(parents: Iterable[str], profile: Profile) -> str:
    """Return the entry that closes a search engine, given its name and the name's parents, or ""."""
    if not profile.safe_search:
        return ""
    for name in parents:
        engine = _WITHOUT_SAFE_NAME.get(name)
        if engine is not None and engine not in profile.safe_search_except:
            return name
    return ""


def _by_domain(name: str) -> tuple[str, str]:
    """Return the engine of a host of a domain that is an engine's as a whole, and its safe name; or "" twice."""
    labels = name.split(".")
    engine, helpers = _WHOLE_DOMAINS.get(".".join(labels[-2:]), ("", frozenset[str]()))
    if not engine or labels[-3] in helpers:
        return "", ""
    return engine, _ENGINES[engine][0]
