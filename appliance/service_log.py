"""How a service's log lines look."""

import logging


def configure_logging() -> None:
    """Send log lines to standard error, as a service's manager expects them."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # a line for each request helps nobody
