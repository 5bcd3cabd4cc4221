"""What well-known sites need in order to work: the names their pictures, scripts and films come from.

Only names that serve the one site are listed, never a content network that serves everyone. A school's own
bundle of the same site replaces ours.
"""

from collections.abc import Iterable, Mapping

from dns.policy.document import Bundle

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "bbc.co.uk": ("bbc.com", "bbci.co.uk"),
    "bbc.com": ("bbc.co.uk", "bbci.co.uk"),
    "khanacademy.org": ("kastatic.org", "kasandbox.org"),
    "quizlet.com": ("qzlt.io",),
    "scratch.mit.edu": ("scratch.org",),
    "soundcloud.com": ("sndcdn.com",),
    "vimeo.com": ("vimeocdn.com",),
    "wikipedia.org": ("wikimedia.org",),
    "youtube.com": ("googlevideo.com", "ytimg.com", "youtube-nocookie.com", "youtubei.googleapis.com"),
}


def needed_by(site: str, school: Iterable[Bundle] = ()) -> tuple[str, ...]:
    """Return the further names that a site needs, as they were written; empty where nothing is known."""
    plain = site.removeprefix("www.")
    for bundle in school:
        if bundle.site in {site, plain}:
            return bundle.names
    return BUILT_IN.get(plain, ())
