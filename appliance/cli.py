"""The one command, `hallpass`, and what every subcommand owes its user.

Exit status: 0 on success, 2 on wrong use, 1 on failure, each with one clear line. No traceback reaches a user.
A group without a subcommand prints its help: nobody has done anything wrong. Colour is for terminals that have it,
and for who has not set NO_COLOR.
Subcommands are imported only when they are called, so that the resolver never loads the pages' libraries.
"""

import sys
import warnings
from collections.abc import Sequence

import click
from click.exceptions import NoArgsIsHelpError

from appliance.commands.lazy_group import LazyGroup
from appliance.commands.options import wants_no_colour
from appliance.failure_words import explain_failure

COMMANDS = {
    "demo": "a school on this machine: central, one room, DNS, pages and a lamp in the terminal",
    "room": "a whole room: resolver, recorder, agent and pages",
    "resolver": "DNS alone",
    "recorder": "the query log and the lamp",
    "agent": "what follows central",
    "web": "the teacher's pages",
    "central": "the school's central service",
    "trust": "a service above the centrals of several schools",
    "account": "who may sign in",
    "lists": "compile, search and export lists",
    "check": "explain what a room decides about a name, and why",
    "log": "read the query log",
    "doctor": "look whether a room is well, and say what to do",
    "card": "what a card does for itself at each boot",
    "image": "make the cards of the rooms' Pis",
    "manual": "write manual pages, made from this help",
    "completion": "print what lets a shell complete this command",
}


class _CommandGroup(LazyGroup):
    modules = "appliance.commands.{}"
    summaries = COMMANDS


@click.group(cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hallpass", prog_name="hallpass")
def hallpass() -> None:
    """Run Hallpass, a DNS filter for classrooms."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit status."""
    warnings.filterwarnings("ignore", message="Can not control echo")  # said by getpass, with a line of its code
    try:
        status = hallpass.main(args=arguments, standalone_mode=False, color=False if wants_no_colour() else None)
    except NoArgsIsHelpError as bare:
        click.echo(bare.ctx.get_help(), color=bare.ctx.color)
        sys.exit(0)
    except click.UsageError as wrong:
        command = wrong.ctx.command_path if wrong.ctx else "hallpass"
        words = " ".join(wrong.format_message().split())
        click.echo(
            f"{command}: {words}{'' if words.endswith(('.', '?')) else '.'} See '{command} --help'.", err=True
        )
        sys.exit(wrong.exit_code)
    except click.ClickException as failure:
        click.echo(f"hallpass: {failure.format_message()}", err=True)
        sys.exit(failure.exit_code)
    except click.Abort as aborted:
        if isinstance(aborted.__context__, EOFError):  # a timer's standard input is empty
            click.echo("hallpass: nobody is there to answer; --help names the option that says it", err=True)
            sys.exit(1)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; saying so would only fail again
        sys.exit(1)
    except Exception as failure:
        words, status = explain_failure(failure)
        if not words:
            raise
        click.echo(f"hallpass: {words}", err=True)
    sys.exit(status if isinstance(status, int) else 0)
