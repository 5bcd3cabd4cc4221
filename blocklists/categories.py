"""The categories that Hallpass knows by name: what a coordinator reads beside each switch.

A source may bring any other id; it is then shown as it is. The ids follow the safer-internet centre's names and
what schools themselves ask for.
"""

import msgspec


class Category(msgspec.Struct, frozen=True):
    """A category, in words."""

    id: str
    name: str
    about: str
    school_wide: bool = False  # the safer-internet centre's: every school closes it
    opt_in: bool = False  # over-blocks: never part of a ready-made set


EVERY_CATEGORY = "all"  # the category of a list of openings that open whatever any list closes
CATEGORIES = (
    Category(
        "discrimination", "Discrimination", "Unjust treatment of people for what they are.", school_wide=True
    ),
    Category(
        "hate_speech", "Hate speech", "Content that stirs up hatred against groups of people.", school_wide=True
    ),
    Category("drugs", "Drugs and substance abuse", "Drugs, alcohol, tobacco and vapes.", school_wide=True),
    Category("extremism", "Extremism", "Terrorism, and the ideologies that lead to it.", school_wide=True),
    Category("gambling", "Gambling", "Betting, casinos, bingo, lotteries.", school_wide=True),
    Category(
        "malware", "Malware and hacking", "Malicious programs, phishing, tools to break in.", school_wide=True
    ),
    Category("misinformation", "Mis- and disinformation", "False news; lists of it close too much.", opt_in=True),
    Category("piracy", "Piracy", "Copies of films, games and books without a licence.", school_wide=True),
    Category("pornography", "Pornography", "Sexual acts and explicit images.", school_wide=True),
    Category(
        "self_harm",
        "Self-harm and eating disorders",
        "No public list exists: the school's own rules, and its internet provider.",
        school_wide=True,
    ),
    Category("violence", "Violence", "Cruelty, gore, weapons.", school_wide=True),
    Category("social_networks", "Social networks", "Sites on which people share their lives with others."),
    Category("chat", "Chat", "Messengers, and rooms in which strangers meet."),
    Category("forums", "Forums", "Boards on which anybody may post."),
    Category("webmail", "Webmail", "Mail other than the school's own."),
    Category("games", "Games", "Games, and the shops and communities around them."),
    Category("shopping", "Shopping", "Shops and market places."),
    Category("streaming", "Streaming", "Films, series, music, live video."),
    Category("file_hosting", "File hosting", "Places from which anybody's files can be fetched."),
    Category("shorteners", "Shorteners", "Short addresses that hide where they lead."),
    Category("ai_tools", "AI tools", "Chatbots, and programs that write or draw."),
    Category("circumvention", "Circumvention", "VPNs, proxies, encrypted DNS: ways around the filter."),
    Category("remote_control", "Remote control", "Programs that steer a computer from elsewhere."),
    Category("dating", "Dating", "Sites for finding a partner."),
    Category("advertising", "Advertising", "Adverts and trackers."),
    Category("dynamic_dns", "Dynamic DNS", "Names that lead to machines at home; often misused."),
)

CATEGORIES_BY_ID = {category.id: category for category in CATEGORIES}


_WAYS_ROUND = frozenset({"circumvention", "remote_control"})


def is_sensitive(category: str) -> bool:
    """Tell whether a category harms, or leads around the filter: nobody opens it without being warned."""
    known = CATEGORIES_BY_ID.get(category)
    return category in _WAYS_ROUND or (known is not None and known.school_wide)


def category_name(category: str) -> str:
    """Return the name of a category for people; an unknown one is made presentable."""
    known = CATEGORIES_BY_ID.get(category)
    return known.name if known else category.replace("_", " ").replace("-", " ").capitalize()
