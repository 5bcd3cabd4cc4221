"""What a command that failed says, in one line, and with which status it ends."""

import sys

from appliance.errors import HallpassError


def explain_failure(failure: Exception) -> tuple[str, int]:
    """Return in one line what is nobody's mistake here, and the exit status; "" for what is one."""
    if isinstance(failure, HallpassError):
        return str(failure) or type(failure).__name__, 1
    if isinstance(failure, OSError):
        said = failure.strerror or str(failure)
        return f"{failure.filename}: {said}" if failure.filename else said, 1
    database = sys.modules.get("sqlalchemy.exc")  # whoever has not loaded it has met no database
    if database is not None and isinstance(failure, database.SQLAlchemyError):
        from appliance.central.errors import database_words  # noqa: PLC0415 (as above)

        return f"the database is busy, or cannot be used: {database_words(failure)}", 1
    if isinstance(failure, UnicodeEncodeError) and failure.reason == "surrogates not allowed":
        return "an argument holds octets that are no text (UTF-8)", 2
    if isinstance(failure, OverflowError) and "SQLite" in str(failure):
        return "a number is larger than any that there is", 2
    return "", 1
