"""Shows the simulated lamp in the terminal, as it changes."""

from pathlib import Path

from rich.console import Console


class TerminalLamp:
    """Follows the file in which the simulated lamp says what it shows (`RoomPaths.simulated_lamp`)."""

    def __init__(self, path: Path, console: Console) -> None:
        self._path = path
        self._console = console
        self._shown = "off"

    def show_changes(self) -> None:
        """Say it where the lamp has changed since the last look."""
        try:
            shows = self._path.read_text().strip()
        except OSError:
            return  # the recorder has not begun yet
        if not shows or shows == self._shown:
            return
        self._shown = shows
        state, _, reason = shows.partition(" ")
        if state == "on":
            self._console.print(f"  [bold yellow]●[/] lamp on   {reason}", highlight=False)
        else:
            self._console.print("  [dim]○ lamp off[/]", highlight=False)
