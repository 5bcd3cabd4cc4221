"""Words in tables of the layers below central's pages, which show them by the filters `translated` or `said`."""

from webui.shared.translation import translatable as t

INCIDENT_STATES = (t("new"), t("seen"), t("with somebody"), t("passed on"), t("closed"))
AUTHORITIES = (t("the local authority"), t("the police"), t("the internet provider"))
INCIDENT_KINDS = (
    t("Somebody pressed “tell a grown-up”"),
    t("Something was asked for that nobody can open"),
    t("Ways round the filter were tried"),
    t("Names that look like hidden data"),
    t("A device uses the address of another one"),
    t("Many refusals to one device in a short time"),
    t("Something else"),
)
CONDITION_LABELS = (
    t("disk trouble"), t("upstream down"), t("policy damaged"), t("lists damaged"), t("decisions damaged"),
    t("settings wrong"), t("not enrolled"), t("no longer enrolled"), t("connection opened"), t("copy stopped"),
    t("central unreachable"), t("clock differs"), t("certificate ends"), t("pages certificate"),
    t("encrypted dns"),
    t("upstream failing"), t("store set aside"), t("lists not trusted"), t("lists stale"), t("passwords clear"),
    t("starting"), t("stopped"),
)  # fmt: skip
CONDITIONS = (
    t("the log cannot be written"),
    t("no name server outside answers; is the internet there?"),
    t("the school's policy was damaged; the last good one is used"),
    t("the lists were damaged; earlier ones, or those that Hallpass brings, are used"),
    t("what this room itself had decided was damaged; its copy is used"),
    t("something on this card could not be used: see hallpass-problem.txt"),
    t("the card waits for its enrolment; everything is closed"),
    t("this room is no longer enrolled at central: put it back there, or enrol it again"),
    t("something on the way opens what this room and central say to each other"),
    t("another card works as this room, and this one is stopped until somebody decides at central"),
    t("central cannot be reached"),
    t("this room's clock and central's differ by more than a minute"),
    t("a certificate has ended, ends within three weeks, or is not valid yet"),
    t("the certificate of the room's pages cannot be used, so nobody can sign in there"),
    t("the certificate of DNS over TLS and HTTPS is not as it should be; plain DNS goes on"),
    t("a name server outside does not work; others answer in its place"),
    t("something that the room had kept was damaged: it was set aside, and a new one begun"),
    t("central's new lists are not signed as they must be; those of before stay in use"),
    t("the lists are old"),
    t("passwords cross this room's network in the clear: see docs/https.md"),
    t("it is starting"),
    t("a part of the room has stopped"),
)
WEBHOOK_EVENTS = (
    t("a teacher asks for a site"),
    t("a request is decided"),
    t("an urgent incident (without name or site)"),
    t("a room is silent"),
    t("a silent room is back"),
    t("a new copy of a list waits for a person"),
)
SCRIPT_RIGHTS = (
    t("See the rooms and how they are"),
    t("See requests and decide them, open sites and close them again"),
    t("See rules, add them and take them away"),
    t("Read reports, without names"),
)
THRESHOLDS = (
    t("how many refusals are many"),
    t("within how many minutes they are counted"),
    t("how many ways round the filter are an incident"),
    t("after how many minutes the same is reported again"),
)
CATEGORIES_ABOUT = (
    t("Unjust treatment of people for what they are."),
    t("Content that stirs up hatred against groups of people."),
    t("Drugs, alcohol, tobacco and vapes."),
    t("Terrorism, and the ideologies that lead to it."),
    t("Betting, casinos, bingo, lotteries."),
    t("Malicious programs, phishing, tools to break in."),
    t("False news; lists of it close too much."),
    t("Copies of films, games and books without a licence."),
    t("Sexual acts and explicit images."),
    t("No public list exists: the school's own rules, and its internet provider."),
    t("Cruelty, gore, weapons."),
    t("Sites on which people share their lives with others."),
    t("Messengers, and rooms in which strangers meet."),
    t("Boards on which anybody may post."),
    t("Mail other than the school's own."),
    t("Games, and the shops and communities around them."),
    t("Shops and market places."),
    t("Films, series, music, live video."),
    t("Places from which anybody's files can be fetched."),
    t("Short addresses that hide where they lead."),
    t("Chatbots, and programs that write or draw."),
    t("VPNs, proxies, encrypted DNS: ways around the filter."),
    t("Programs that steer a computer from elsewhere."),
    t("Sites for finding a partner."),
    t("Adverts and trackers."),
    t("Names that lead to machines at home; often misused."),
)
SETS = (t("Primary school"), t("Secondary school"), t("Staff"), t("Light"))
