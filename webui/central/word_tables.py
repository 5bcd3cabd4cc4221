"""Words in tables of the layers below central's pages, which show them by the filters `translated` or `said`."""

from webui.shared.translation import translatable as t
from webui.shared.translation import translate

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
# A room's conditions in two or three words, where its row has no room for more.
CONDITION_NAMES = {
    "disk-trouble": t("disk trouble"),
    "upstream-down": t("no internet"),
    "policy-damaged": t("settings damaged"),
    "lists-damaged": t("lists damaged"),
    "decisions-damaged": t("decisions damaged"),
    "settings-wrong": t("card settings wrong"),
    "not-enrolled": t("not enrolled"),
    "no-longer-enrolled": t("no longer enrolled"),
    "connection-opened": t("connection opened on the way"),
    "copy-stopped": t("second card stopped"),
    "central-unreachable": t("cannot reach the school's service"),
    "clock-differs": t("clock differs"),
    "certificate-ends": t("certificate ends"),
    "pages-certificate": t("certificate of its pages"),
    "encrypted-dns": t("encrypted DNS"),
    "upstream-failing": t("a name server fails"),
    "store-set-aside": t("a file was damaged"),
    "lists-not-trusted": t("lists not signed"),
    "lists-stale": t("lists old"),
    "passwords-clear": t("passwords in the clear"),
    "starting": t("starting"),
    "stopped": t("stopped"),
}
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
    t("Rename rooms, end them and put them back"),
    t("See requests and decide them, open sites and close them again"),
    t("See and change what teachers may open by themselves"),
    t("See and change rules, site bundles and lesson plans"),
    t("See and change profiles, timetables and the school's year"),
    t("See and change what holds in every room"),
    t("See and change the lists"),
    t("See devices, their names and groups"),
    t("Change devices, their names and groups"),
    t("See reported sites and deal with them"),
    t("Make and end accounts of supply teachers"),
    t("Read reports, without names"),
    t("Read the audit"),
    t("Take the whole audit along"),
    t("See incidents and say what becomes of them"),
    t("Look up what a device asked for, with a reason"),
    t("See incidents of staff devices and say what becomes of them"),
    t("Look up what a staff device asked for, with a reason"),
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
PROFILES_ABOUT = (
    t("Everything is closed but what is taught with."),
    t("As early years, with shorteners open: QR codes in books lead through them."),
    t("As key stage 1, with shops and films open for research: prices, and YouTube in its strict mode."),
    t("Closed: what harms, strangers, games, AI tools, other mail."),
    t("What harms, dating, strangers on social networks and chats; games and AI tools are open."),
    t("What nobody needs in a school; no safe search, no keywords."),
    t("Devices of visitors: what harms, what goes around the filter, and what connects with strangers."),
)
SETS_ABOUT = (
    t("Everything the safer-internet centre names, and what distracts or connects with strangers; opens by age."),
    t(
        "No list of self-harm and eating disorders, of illegal content, or of discrimination: those stay with"
        " your internet provider. Public lists of AI tools, chats and forums are small, and new names slip "
        "through. Adult sites need a machine with 1 GB of memory to put together."
    ),
    t("As for a primary school, with shops, streaming, forums and webmail left open; opens further by age."),
    t(
        "The same gaps as the set for a primary school; and no list of AI tools, forums, shops, webmail or "
        "films: those are left to rules and the starter list."
    ),
    t("What nobody needs in a school."),
    t("Not for pupils: no list of drugs, violence, social networks, games or circumvention."),
    t("The least that a school must close; for small machines and careful beginnings."),
    t(
        "No list of drugs, violence, hate, piracy, circumvention, dating, chats or social networks: for those"
        " there is the starter list alone."
    ),
)
BUNDLE_NOTES = (
    t("Opens all of YouTube; safe search still applies."),
    t("BBC Bitesize, iPlayer, News and Sounds."),
    t("Live video by anybody."),
    t("Its lessons are YouTube videos."),
    t("Can show other sites in translation: a way around filters that look only at addresses."),
    t(
        "The school's mail, where it has it with Google; private accounts look the same to DNS. Others close "
        "it by a rule."
    ),
    t("Holds a community in which pupils can comment."),
    t("Anybody can publish files here. Pages that people make with it (name.github.io) are sites of their own."),
    t("Pupils can run programs that pass traffic on."),
    t("Its lessons are video streams."),
    t("The game itself, with servers on which strangers play. Lessons use Minecraft Education."),
    t("Pictures by anybody, unfiltered."),
    t("Signing in with a Facebook account needs Facebook opened too."),
    t("Everything from physics to what nobody should see: prefer a shorter time."),
    t("Chat with strangers."),
    t("Holds copies of pages from anywhere."),
    t("Blogs by anybody."),
)


def name_condition(value: str) -> str:
    """Return a room's condition in a few words; a room may be newer than who reads, and know more."""
    return translate(CONDITION_NAMES.get(value, value.replace("-", " ")))
