"""Manual pages (man(7)), made from the help of the command line: one for `hallpass`, one for each subcommand.

What help says is what the page says; nothing is written twice. The pages bear no date: the same version gives the
same bytes.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

SECTION = 1
_AFTERWORD = (
    (
        "EXIT STATUS",
        (
            ("0", "Success."),
            ("1", "Failure, said in one line on the standard error output."),
            ("2", "Wrong use of the command."),
        ),
    ),
    (
        "ENVIRONMENT",
        (
            ("HALLPASS_CONFIG", "The settings file, where --config names none."),
            ("NO_COLOR", "If it is set, nothing is printed in colour."),
        ),
    ),
)


def write_manual_pages(program: click.Command, name: str, version: str, folder: Path) -> list[Path]:
    """Write the pages of a program and all its subcommands into a folder; return their files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for context in _walk(click.Context(program, info_name=name)):
        path = folder / f"{_page_name(context)}.{SECTION}"
        path.write_text(format_manual_page(context, version))
        written.append(path)
    return written


def format_manual_page(context: click.Context, version: str) -> str:
    """Return the page of one command."""
    command, name = context.command, _page_name(context)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH {_quote(name.upper())} {SECTION} "" {_quote(f"Hallpass {version}")} {_quote("Hallpass")}',
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(command.get_short_help_str(200).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escape(context.command_path)}",
        _escape(usage),
        ".SH DESCRIPTION",
        *_paragraphs(inspect.cleandoc(command.help or "")),
    ]
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    if options := [record for record in records if record is not None]:
        lines += [".SH OPTIONS", *_terms(options)]
    if subcommands := list(_subcommands(context)):
        lines.append(".SH COMMANDS")
        lines += _terms((one.info_name or "", one.command.get_short_help_str(200)) for one in subcommands)
    for title, terms in _AFTERWORD:
        lines += [f".SH {title}", *_terms(terms)]
    others = ([context.parent] if context.parent else []) + subcommands
    if others:
        lines += [".SH SEE ALSO", ", ".join(f"\\fB{_escape(_page_name(one))}\\fR({SECTION})" for one in others)]
    return "\n".join(lines) + "\n"


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    for one in _subcommands(context):
        yield from _walk(one)


def _subcommands(context: click.Context) -> Iterator[click.Context]:
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if found is not None and not found.hidden:
                yield click.Context(found, info_name=name, parent=context)


def _page_name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        if paragraph.startswith("\b"):  # click's mark for lines to be left as they are
            yield from (".nf", *map(_escape, paragraph.splitlines()[1:]), ".fi")
        else:
            yield from map(_escape, paragraph.splitlines())


def _terms(
    pairs: Iterator[tuple[str, str]] | list[tuple[str, str]] | tuple[tuple[str, str], ...],
) -> Iterator[str]:
    for term, words in pairs:
        yield from (".TP", f".B {_escape(term)}", *map(_escape, inspect.cleandoc(words).splitlines()))


def _escape(text: str) -> str:
    """Return text that means itself: a line that begins with a point or a quote would be a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def _quote(text: str) -> str:
    return '"' + _escape(text).replace('"', '""') + '"'
