"""What a command that changes something answers: words for people, or with --json one object for programs.

A command made with `AnsweringCommand`, as each of an `AnsweringGroup` is, has `--json` by itself. With it, what
the command writes to standard output is kept, and comes at the end as `words`, beside the facts that the command
has named (`add_to_answer`): numbers and ids that a program goes on with, a change that can be undone. What goes
wrong is said as ever, on standard error and by the exit status.

A command whose output has a form of its own declares `--json` itself (`appliance.commands.options`), or is made
with `click.Command`.
"""

import contextlib
import io
import sys
from typing import Any

import click

from appliance.commands.options import print_json

_ANSWER = "appliance.commands.answers"  # in `click.Context.meta`, while a program is answered


class AnsweringCommand(click.Command):
    """A command with `--json`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what click takes; `--json` is added where the command has none."""
        super().__init__(*arguments, **options)
        self._answers_programs = not any("--json" in one.opts for one in self.params)
        if self._answers_programs:
            self.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and answer as it was asked to."""
        if not self._answers_programs or not ctx.params.pop("as_json"):
            return super().invoke(ctx)
        answer: dict[str, object] = ctx.meta.setdefault(_ANSWER, {})
        words = io.StringIO()
        try:
            with contextlib.redirect_stdout(words):
                super().invoke(ctx)
        except SystemExit:  # it has done its work, and its status says more
            _print_answer(answer, words)
            raise
        _print_answer(answer, words)
        return None


class AnsweringGroup(click.Group):
    """A group of commands with `--json`."""

    command_class = AnsweringCommand
    group_class = type  # those within it are made alike


def add_to_answer(**facts: object) -> None:
    """Name facts for a program; a person reads of them in the words."""
    context = click.get_current_context(silent=True)
    if context is not None and _ANSWER in context.meta:
        context.meta[_ANSWER].update(facts)


def _print_answer(answer: dict[str, object], words: io.StringIO) -> None:
    sys.stdout.flush()
    print_json({**answer, "words": words.getvalue().rstrip("\n")})
