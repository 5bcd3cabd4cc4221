"""What is said most to a teacher whose site stays closed: kept in English, read in each page's language."""

from webui.shared.translation import translatable, translate

NO_REASON = translatable("Not this time.")
DENY_REASONS = (
    translatable("It is not suitable for this age."),
    translatable("Please use a site that is open already."),
    translatable("There is something on it that we keep closed; I am looking for another one."),
    translatable("Please come and see me about it."),
    translatable("I need more time to look at it. Please ask earlier next time."),
)


def translate_answer(answer: str) -> str:
    """Return an answer with the ready-made reason that it begins with in the page's language; own words stay."""
    for reason in (NO_REASON, *DENY_REASONS):
        if answer == reason or answer.startswith(f"{reason} "):
            return translate(reason) + answer[len(reason) :]
    return answer
