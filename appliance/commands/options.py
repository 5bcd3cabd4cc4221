"""What several subcommands share."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def config_option(default: str) -> Callable[[F], F]:
    """Return the option `--config FILE`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        help="The settings file.",
    )


def configure_logging() -> None:
    """Send log lines to standard error, as a service's manager expects them."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # a line for each request helps nobody
