"""`hallpass completion`: what lets a shell complete commands, options and file names."""

import click
from click.shell_completion import get_completion_class

from appliance.errors import HallpassError

PROGRAM = "hallpass"
VARIABLE = "_HALLPASS_COMPLETE"  # by which a shell asks the command itself (click)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what lets SHELL complete this command. A card's bash has it already.

    \b
    bash:  hallpass completion bash > ~/.local/share/bash-completion/completions/hallpass
    zsh:   hallpass completion zsh > "${fpath[1]}/_hallpass"
    fish:  hallpass completion fish > ~/.config/fish/completions/hallpass.fish
    """  # noqa: D301 (click's mark for lines to be left as they are)
    found = get_completion_class(shell)
    if found is None:
        raise HallpassError(f"{shell} is no shell that can be helped")
    click.echo(found(click.Command(PROGRAM), {}, PROGRAM, VARIABLE).source())
