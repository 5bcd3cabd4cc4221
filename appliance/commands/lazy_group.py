"""Groups whose subcommands are imported only when they are called, so that each loads its own libraries alone."""

import difflib
import importlib
from collections.abc import Collection, Mapping
from types import MappingProxyType

import click


class LazyGroup(click.Group):
    """Finds the subcommand NAME in the module `modules.format(NAME)`, as its attribute `command`."""

    modules: str
    summaries: Mapping[str, str]  # name: what it does, in one line

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names, in the order in which help shows them."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Return a subcommand, or None where there is none of that name."""
        if cmd_name not in self.summaries:
            return None
        module = importlib.import_module(self.modules.format(cmd_name))
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand that the arguments begin with; a mistyped one is answered with those near it."""
        _require_known(ctx, args[0], self.summaries)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """Write the list of subcommands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


class LazyCommandsGroup(click.Group):
    """A group of which many subcommands are imported only when one is called, or when help lists them."""

    import_paths: Mapping[str, str]  # name: `module:attribute`
    former_names: Mapping[str, str] = MappingProxyType({})  # what a subcommand was called before: its name now

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, sorted."""
        return sorted({*self.import_paths, *super().list_commands(ctx)})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand that the arguments begin with; click knows of those alone that are imported."""
        name, *others = args
        name = self.former_names.get(name, name)
        _require_known(ctx, name, self.list_commands(ctx))
        return super().resolve_command(ctx, [name, *others])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, or None where there is none of that name."""
        place = self.import_paths.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found


def _require_known(ctx: click.Context, name: str, known: Collection[str]) -> None:
    """Answer a mistyped subcommand with those near it."""
    if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
        near = difflib.get_close_matches(name, known)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        ctx.fail(f"No such command {name!r}.{hint}")
