"""What the card says of itself on the boot partition, for a person with a laptop and no other way to look.

Lines end as Notepad wants them. Nothing in them changes by itself, so that nothing is written without need.
"""

from collections.abc import Sequence

import msgspec

from appliance.card.config_choice import ChosenConfig, ConfigSource

_MEANWHILE = {
    ConfigSource.BOOT: "What could be used is used.",
    ConfigSource.LAST: "Until it is mended, the room goes on with the settings that were good last.",
    ConfigSource.NOTHING: "Until it is mended, the room keeps everything closed that Hallpass knows.",
}


class CardStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the room is."""

    room: str
    host: str
    version: str
    waits_for: str = ""
    troubles: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def problem_text(config: ChosenConfig, failures: Sequence[str] = ()) -> bytes | None:
    """Return what is wrong with what was written on the card, and what to do; None: nothing is."""
    problems = [*config.problems, *failures]
    if not problems:
        return None
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return _text(
        f"Hallpass could not use everything on this card: {count}.",
        "",
        *(f"  {line}" for problem in problems for line in problem.splitlines()),
        "",
        _MEANWHILE[config.source],
        "",
        "What to do: switch the Pi off, put its card into any computer, correct the file that is named above,",
        "put the card back and switch on. This file goes away when all is well.",
    )


def status_text(status: CardStatus) -> bytes:
    """Return how the room is."""
    lines = [f"{status.room or 'This room has no name yet'} ({status.host}.local)", ""]
    if status.waits_for:
        lines += [f"It waits for {status.waits_for}.", "Meanwhile everything is closed that Hallpass knows.", ""]
    if status.troubles:
        lines += ["Not all is well:", *(f"  {trouble}" for trouble in status.troubles), ""]
    elif not status.waits_for:
        lines += ["All is well.", ""]
    lines.append(f"Address: {', '.join(status.addresses) or 'none yet (is the cable in?)'}")
    lines.append(f"Hallpass {status.version}")
    return _text(*lines)


def _text(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
