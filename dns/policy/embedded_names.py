"""Names that carry another site's name: proxies that translate or cache a site show it under a name of their own.

`www-example-com.translate.goog` is www.example.com, translated. Such a name is decided as both: whatever says
something of the inner name says it of the whole.

A hyphen stands for a dot, and two for a hyphen; `0-` before and `-0` behind mark names that would else look like
an international label. Names that are a hash of the inner one (AMP, for long names) cannot be read back.
"""

# Of 2026-11. Each with the name before it, in one label.
EMBEDDING_DOMAINS = frozenset(
    (
        "translate.goog",  # Google's translator
        "cdn.ampproject.org",  # Google's cache of pages
        "bing-amp.com",  # Bing's
        "turbopages.org",  # Yandex's
        "translated.turbopages.org",
    )
)


def embedded_name(name: str) -> str | None:
    """Return the canonical name that is carried in a canonical name; None where there is none."""
    label, _, domain = name.partition(".")
    while domain and domain not in EMBEDDING_DOMAINS:
        label, _, domain = domain.partition(".")
    if not domain:
        return None
    if label.startswith("0-") and label.endswith("-0"):
        label = label[2:-2]
    inner = "-".join(part.replace("-", ".") for part in label.split("--"))
    labels = inner.split(".")
    return inner if len(labels) > 1 and all(labels) else None
