"""`hallpass completion`: what lets a shell complete commands, options and file names."""

import click

from appliance.completion import completion_script


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what lets SHELL complete this command. A card's bash has it already.

    \b
    bash:  hallpass completion bash > ~/.local/share/bash-completion/completions/hallpass
    zsh:   hallpass completion zsh > "${fpath[1]}/_hallpass"
    fish:  hallpass completion fish > ~/.config/fish/completions/hallpass.fish
    """  # noqa: D301 (click's mark for lines to be left as they are)
    click.echo(completion_script(shell), nl=False)
